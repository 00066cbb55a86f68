//! What was read of an agent's stream so far: the same for every agent, filled by the reader of each.

use super::limits::{DENIALS, ERROR_BYTES, INPUT_BYTES, NAME_BYTES, OPEN_TOOLS, TEXT_BYTES};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_protocol::agent::Denial;

/// Why an agent could not go on, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The model refused the credentials.
    Auth,
    /// Quota, credit or rate.
    Quota,
    /// The model was not to be reached, or overloaded.
    Unavailable,
    /// A limit on turns or money.
    Limit,
    /// Somebody interrupted it.
    Interrupted,
    /// The session that it was to start is there already.
    InUse,
    /// Something else.
    Other,
}

/// The final event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It says that it is done.
    Well,
    /// It says that it failed; why is in [`Seen::cause`].
    Badly,
}

/// Numbers of an agent, in its own way of counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Millionths of a US dollar.
    #[serde(default)]
    pub usd_micros: Option<u64>,
    /// Tokens in, cached ones included.
    #[serde(default)]
    pub input: u64,
    /// Tokens out.
    #[serde(default)]
    pub output: u64,
}

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Seen {
    /// Version of the agent.
    pub version: Option<String>,
    /// Id of the session.
    pub session: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Its last text.
    pub text: String,
    /// Whether the next piece of text starts a new one.
    pub text_over: bool,
    /// Its answer in the form that was asked for.
    pub structured: Option<Value>,
    /// Turns.
    pub turns: u32,
    /// Tool calls.
    pub tool_calls: u32,
    /// Tools that were called and have not answered, by id.
    pub open: Vec<(String, Denial)>,
    /// Denied tool calls, the first few.
    pub denials: Vec<Denial>,
    /// Tools that it wanted and was not given, the first few: denied by their absence, unless everything is allowed.
    pub absent: Vec<Denial>,
    /// Used by this process, summed from its events; replaced by what its final event says.
    pub own: Count,
    /// Used by the whole session, where the agent counts so.
    pub session_total: Option<Count>,
    /// What it did last, for people.
    pub last: Option<String>,
    /// Whether its final event was there.
    pub done: Option<Done>,
    /// Why it failed, or may fail.
    pub cause: Option<Cause>,
    /// Its words on it.
    pub error: Option<String>,
    /// Message whose usage was counted last.
    pub message: Option<String>,
}

impl Seen {
    /// A tool is called.
    pub fn tool(&mut self, id: Option<&str>, name: &str, input: &Value) {
        self.tool_calls = self.tool_calls.saturating_add(1);
        self.last = Some(format!("tool {}", cut(name, NAME_BYTES)));
        self.text_over = true;
        if let Some(id) = id.filter(|_| self.open.len() < OPEN_TOOLS) {
            self.open.push((cut(id, NAME_BYTES), denial(name, input)));
        }
    }

    /// A tool has answered. Says which one it was.
    pub fn answered(&mut self, id: &str) -> Option<Denial> {
        let place = self.open.iter().position(|(open, _)| *open == id)?;
        Some(self.open.swap_remove(place).1)
    }

    /// A tool was denied.
    pub fn denied(&mut self, denial: Denial) {
        if self.denials.len() < DENIALS {
            self.denials.push(denial);
        }
    }

    /// A tool is not there.
    pub fn lacks(&mut self, denial: Denial) {
        if self.absent.len() < DENIALS {
            self.absent.push(denial);
        }
    }

    /// A text of its own.
    pub fn says(&mut self, text: &str) {
        self.text = cut(text, TEXT_BYTES);
        self.text_over = true;
    }

    /// A piece of a text.
    pub fn says_on(&mut self, piece: &str) {
        if std::mem::take(&mut self.text_over) {
            self.text.clear();
        }
        let room = TEXT_BYTES.saturating_sub(self.text.len());
        self.text.push_str(&cut(piece, room));
    }

    /// Something went wrong.
    pub fn failed(&mut self, cause: Cause, words: &str) {
        self.cause = Some(cause);
        self.error = Some(cut(words, ERROR_BYTES));
    }

    /// It goes on after all.
    pub fn recovered(&mut self) {
        self.cause = None;
        self.error = None;
    }

    /// Everything that was used.
    pub fn add(&mut self, used: Count) {
        let usd = (self.own.usd_micros, used.usd_micros);
        self.own = Count {
            usd_micros: if usd == (None, None) { None } else { Some(usd.0.unwrap_or(0).saturating_add(usd.1.unwrap_or(0))) },
            input: self.own.input.saturating_add(used.input),
            output: self.own.output.saturating_add(used.output),
        };
    }
}

/// A denial, shortened.
pub fn denial(tool: &str, input: &Value) -> Denial {
    let input = if input.is_null() { String::new() } else { input.to_string() };
    Denial { tool: cut(tool, NAME_BYTES), input: cut(&input, INPUT_BYTES) }
}

/// The beginning of a text, at most `bytes` long, no character cut in half.
pub fn cut(text: &str, bytes: usize) -> String {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A short text of an event.
pub fn name(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(|text| cut(text, NAME_BYTES))
}

/// A number of an event; 0 where it has none.
pub fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// Dollars as a JSON number, in millionths, rounded up: what is used counts.
pub fn micros(value: &Value) -> Option<u64> {
    let dollars = value.as_f64().filter(|dollars| dollars.is_finite() && *dollars >= 0.0)?;
    // Six decimals hold what agents say; a rounding error of the sum below that is no use.
    Some((dollars * 1e6 - 1e-6).ceil().max(0.0) as u64)
}
