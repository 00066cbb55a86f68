//! The values that steps are answered with, as flows see them.

use crate::failure::Failure;
use serde_json::{Value, json};

/// How a job's step ended.
pub struct JobAnswer<'a> {
    /// What the shim said of the last attempt, where it said something.
    pub result: Option<&'a Value>,
    /// Why it counts as failed.
    pub failure: Option<&'a Failure>,
    /// Attempts made.
    pub attempts: u32,
    /// Host of the last attempt.
    pub host: Option<&'a str>,
    /// Whether an early end was verified; `None` where there was none.
    pub stopped: Option<bool>,
}

/// The value of a job.
#[must_use]
pub fn job(answer: &JobAnswer<'_>) -> Value {
    let said = |field: &str| answer.result.and_then(|result| result.get(field)).cloned().unwrap_or(Value::Null);
    let text = |field: &str| answer.result.and_then(|result| result.get(field)).and_then(Value::as_str).unwrap_or("").to_owned();
    json!({
        "ok": answer.failure.is_none(),
        "exit_code": said("exit_code"),
        "signal": said("signal"),
        "result": said("result"),
        "output": text("output"),
        "error_output": text("error_output"),
        "error": answer.failure.map(error),
        "attempts": answer.attempts,
        "host": answer.host,
        "timed_out": answer.failure.is_some_and(|failure| failure.kind == crate::failure::FailureKind::TimedOut),
        "stopped": answer.stopped,
        "duration_ms": said("duration_ms"),
    })
}

/// The value of a wait that was answered.
#[must_use]
pub fn answered(value: &Value) -> Value {
    json!({ "ok": true, "value": value, "timed_out": false, "error": null })
}

/// The value of a wait that was not answered.
#[must_use]
pub fn unanswered(failure: &Failure) -> Value {
    json!({
        "ok": false,
        "value": null,
        "timed_out": failure.kind == crate::failure::FailureKind::TimedOut,
        "error": error(failure),
    })
}

fn error(failure: &Failure) -> Value {
    json!({ "kind": failure.kind.as_str(), "message": failure.message })
}
