//! The one envelope that API and command line answer with.
//!
//! ```text
//! {"schema":1,"ok":true,"data":...,"meta":{"next":[...]}}
//! {"schema":1,"ok":false,"error":{"code","message","details","retryable","hint"},"meta":{"next":[...]}}
//! ```

use crate::error_code::ErrorCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Version of the envelope. Fields may be added under the same number.
pub const SCHEMA: u32 = 1;

/// A command that makes sense now, ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// For a shell.
    pub command: String,
    /// For `exec`.
    pub argv: Vec<String>,
    /// Whether it changes anything.
    pub changes: bool,
}

impl Next {
    /// A command that only looks.
    #[must_use]
    pub fn look(argv: &[&str]) -> Self {
        Self::new(argv, false)
    }

    /// A command that changes something.
    #[must_use]
    pub fn act(argv: &[&str]) -> Self {
        Self::new(argv, true)
    }

    fn new(words: &[&str], changes: bool) -> Self {
        let argv: Vec<String> = std::iter::once("sortie").chain(words.iter().copied()).map(str::to_owned).collect();
        Self { command: argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "), argv, changes }
    }
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// What stands beside data and errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// What makes sense now.
    #[serde(default)]
    pub next: Vec<Next>,
    /// The key that the request was made with: the same again is answered the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether this answer was given before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// What was asked for.
    pub data: Value,
    /// Beside it.
    pub meta: Meta,
}

impl Success {
    /// An answer without more.
    #[must_use]
    pub fn new(data: Value) -> Self {
        Self { data, meta: Meta::default() }
    }

    /// With a command that makes sense now.
    #[must_use]
    pub fn next(mut self, next: Next) -> Self {
        self.meta.next.push(next);
        self
    }

    /// The envelope.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "schema": SCHEMA, "ok": true, "data": self.data, "meta": self.meta })
    }
}

/// An error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong, where.
    pub message: String,
    /// For programs: ids, candidates, findings. An object.
    pub details: Value,
    /// For people: what to do.
    pub hint: Option<String>,
    /// Beside it; boxed, since a problem is the error of nearly every function here.
    pub meta: Box<Meta>,
}

/// What the envelope carries of a [`Problem`].
#[derive(Deserialize)]
struct ProblemJson {
    code: String,
    message: String,
    #[serde(default)]
    details: Value,
    #[serde(default)]
    hint: Option<String>,
}

impl Problem {
    /// An error without more.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: json!({}), hint: None, meta: Box::default() }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With details for programs.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// With a command that makes sense now.
    #[must_use]
    pub fn next(mut self, next: Next) -> Self {
        self.meta.next.push(next);
        self
    }

    /// The envelope.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "schema": SCHEMA,
            "ok": false,
            "error": {
                "code": self.code.as_str(),
                "message": self.message,
                "details": self.details,
                "retryable": self.code.is_retryable(),
                "hint": self.hint,
            },
            "meta": self.meta,
        })
    }
}

/// Read an envelope.
///
/// # Errors
/// The problem inside; or one that says that this is no envelope.
pub fn read(envelope: &Value) -> Result<Success, Problem> {
    let foreign = || Problem::new(ErrorCode::Unreachable, "what answered is not a Sortie server");
    let meta = envelope.get("meta").and_then(|meta| Meta::deserialize(meta).ok()).unwrap_or_default();
    match envelope.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(Success { data: envelope.get("data").cloned().unwrap_or(Value::Null), meta }),
        Some(false) => {
            let error = envelope.get("error").and_then(|error| ProblemJson::deserialize(error).ok()).ok_or_else(foreign)?;
            let code = ErrorCode::parse(&error.code).unwrap_or(ErrorCode::Failed);
            Err(Problem { code, message: error.message, details: error.details, hint: error.hint, meta: Box::new(meta) })
        }
        None => Err(foreign()),
    }
}

impl From<sortie_store::StoreError> for Problem {
    fn from(error: sortie_store::StoreError) -> Self {
        use sortie_core::decide::Refusal;
        use sortie_store::StoreError;
        let code = match &error {
            StoreError::NotFound(_) | StoreError::Refused(Refusal::NotFound) => ErrorCode::NotFound,
            StoreError::Conflict(_) | StoreError::Fenced | StoreError::Refused(Refusal::Exists | Refusal::Fenced) => ErrorCode::Conflict,
            StoreError::Unavailable(_) => ErrorCode::Unavailable,
            StoreError::Unusable(_) | StoreError::Refused(Refusal::Corrupt(_)) => ErrorCode::Failed,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_read_back() {
        let success = Success::new(json!({"a": 1})).next(Next::act(&["runs", "cancel", "run_1", "--reason", "it's late"]));
        assert_eq!(read(&success.json()).unwrap(), success);
        assert_eq!(success.meta.next[0].command, r"sortie runs cancel run_1 --reason 'it'\''s late'");
        let problem = Problem::new(ErrorCode::Conflict, "no").hint("so").details(json!({"x": []}));
        assert_eq!(read(&problem.json()).unwrap_err(), problem);
        assert_eq!(read(&json!("<html>")).unwrap_err().code, ErrorCode::Unreachable);
    }
}
