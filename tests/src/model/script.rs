//! What a model of a test says, turn by turn, and what it was asked.

use serde_json::Value;
use std::collections::VecDeque;

/// Tokens that every turn says it read.
pub const INPUT_TOKENS: u64 = 100;
/// Tokens that every turn says it wrote.
pub const OUTPUT_TOKENS: u64 = 10;

/// One answer of the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Text, and that is the end of the turn.
    Text(String),
    /// A call of the agent's shell tool with this command.
    Shell(String),
    /// A call of any tool: name and input, as the agent spells them.
    Call(String, Value),
    /// No answer but this HTTP status, with a body as the real service gives it.
    Status(u16),
    /// No answer at all, until the agent hangs up.
    Hang,
}

impl Turn {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A shell command.
    #[must_use]
    pub fn shell(command: impl Into<String>) -> Self {
        Self::Shell(command.into())
    }
}

/// Which of the four protocols a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Anthropic Messages: Claude Code.
    Messages,
    /// OpenAI Responses: Codex.
    Responses,
    /// Gemini: Gemini CLI.
    Gemini,
    /// OpenAI chat completions: opencode.
    Chat,
}

/// A request that took a turn.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its protocol.
    pub dialect: Dialect,
    /// The key that it showed.
    pub key: Option<String>,
    /// Its body.
    pub body: Value,
}

impl Asked {
    /// Whether these words are anywhere in the conversation that was sent.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        strings(&self.body).iter().any(|text| text.contains(words))
    }
}

/// All texts in a document.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// Turns in order; when they are used up, the last thing said is said again.
#[derive(Debug)]
pub(super) struct Script {
    next: VecDeque<Turn>,
    last: Turn,
    pub(super) asked: Vec<Asked>,
}

impl Script {
    pub(super) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { next: turns.into_iter().collect(), last: Turn::text("nothing more to say"), asked: Vec::new() }
    }

    pub(super) fn add(&mut self, turns: impl IntoIterator<Item = Turn>) {
        self.next.extend(turns);
    }

    /// The turn that answers this, and its number from 1.
    pub(super) fn take(&mut self, asked: Asked) -> (Turn, usize) {
        self.asked.push(asked);
        if let Some(turn) = self.next.pop_front() {
            // A tool that is called again and again would never let the agent end.
            if !matches!(turn, Turn::Shell(_) | Turn::Call(..)) {
                self.last = turn.clone();
            }
            return (turn, self.asked.len());
        }
        (self.last.clone(), self.asked.len())
    }
}

/// What a dialect puts into words: everything of a turn that is an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said<'a> {
    /// Text.
    Text(&'a str),
    /// A tool call: id, name, input.
    Call(&'a str, &'a str, &'a Value),
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string() }
    }

    /// Server-sent events: name (where the protocol has names) and data.
    pub(super) fn events<'a>(events: impl IntoIterator<Item = (Option<&'a str>, Value)>) -> Self {
        let mut body = String::new();
        for (name, data) in events {
            if let Some(name) = name {
                body += &format!("event: {name}\n");
            }
            body += &format!("data: {data}\n\n");
        }
        Self { status: 200, content_type: "text/event-stream", body }
    }
}
