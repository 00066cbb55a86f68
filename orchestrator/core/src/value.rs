//! The values that steps are answered with, as flows see them.

use crate::failure::{Failure, FailureKind};
use crate::ids::{Ms, RunId};
use crate::input::ChildAnswer;
use crate::view::{AskAnswer, CastVote, Decision, Spent};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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
    /// What the agents of all attempts of this life of the step have used.
    pub spent: Spent,
}

/// The value of a job.
#[must_use]
pub fn job(answer: &JobAnswer<'_>) -> Value {
    let said = |field: &str| answer.result.and_then(|result| result.get(field)).cloned().unwrap_or(Value::Null);
    let text = |field: &str| answer.result.and_then(|result| result.get(field)).and_then(Value::as_str).unwrap_or("").to_owned();
    let artifacts = Some(said("artifacts")).filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut value = json!({
        "ok": answer.failure.is_none(),
        "exit_code": said("exit_code"),
        "signal": said("signal"),
        "result": said("result"),
        "output": text("output"),
        "error_output": text("error_output"),
        "error": answer.failure.map(error),
        "attempts": answer.attempts,
        "host": answer.host,
        "timed_out": timed_out(answer.failure),
        "stopped": answer.stopped,
        "duration_ms": said("duration_ms"),
        "artifacts": artifacts,
    });
    for field in ["used", "held"] {
        if said(field).is_object() {
            value[field] = said(field);
        }
    }
    if said("agent").is_object() {
        value["agent"] = agent(said("agent"), answer.spent);
    }
    value
}

/// What is known of a coding agent: of its last attempt, but what all attempts have used.
fn agent(said: Value, spent: Spent) -> Value {
    let field = |name: &str| said.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "kind": field("kind"),
        "version": field("version"),
        "session": field("session"),
        "resumed": field("resumed"),
        "outcome": field("outcome"),
        "text": field("text"),
        "error": field("error"),
        "model": field("model"),
        "turns": field("turns"),
        "tool_calls": field("tool_calls"),
        "denials": said.get("denials").cloned().unwrap_or_else(|| json!([])),
        "usage": {
            "usd": usd(spent.usd_micros),
            "usd_micros": spent.usd_micros,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
        },
    })
}

/// Millionths of a US dollar as a decimal number with two places or more.
#[must_use]
pub fn usd(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, format!("{:06}", micros % 1_000_000));
    let kept = part.trim_end_matches('0').len().max(2);
    format!("{whole}.{}", &part[..kept])
}

/// The value of a wait that was answered: by whoever holds its token, or by a person as themselves.
#[must_use]
pub fn answered(value: &Value, by: Option<&str>) -> Value {
    json!({ "ok": true, "value": value, "timed_out": false, "error": null, "by": by })
}

/// The value of a wait that was not answered.
#[must_use]
pub fn unanswered(failure: &Failure) -> Value {
    json!({ "ok": false, "value": null, "timed_out": timed_out(Some(failure)), "error": error(failure), "by": null })
}

/// The value of a step that the server itself performed: what its last try gave, and how it went.
#[must_use]
pub fn tried(value: &Value, attempts: u32, failure: Option<&Failure>) -> Value {
    let mut fields = value.as_object().cloned().unwrap_or_else(Map::new);
    fields.insert("ok".to_owned(), failure.is_none().into());
    fields.insert("attempts".to_owned(), attempts.into());
    fields.insert("error".to_owned(), failure.map_or(Value::Null, error));
    fields.insert("timed_out".to_owned(), timed_out(failure).into());
    Value::Object(fields)
}

/// The value of an outside event that came.
#[must_use]
pub fn event(id: &str, payload: &Value, published_at: Ms) -> Value {
    json!({ "ok": true, "id": id, "payload": payload, "published_at_ms": published_at, "timed_out": false, "error": null })
}

/// The value of an outside event that did not come.
#[must_use]
pub fn no_event(failure: &Failure) -> Value {
    json!({
        "ok": false,
        "id": null,
        "payload": null,
        "published_at_ms": null,
        "timed_out": timed_out(Some(failure)),
        "error": error(failure),
    })
}

/// How an approval ended. Silence is neither yes nor no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalOutcome {
    /// As many as were asked for said yes.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Not enough people said anything in time.
    TimedOut,
    /// Nobody waits for it any more.
    Cancelled,
}

impl ApprovalOutcome {
    /// As in flows and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The value of an approval. `by` are those who made the outcome what it is, and `comment` is what the last of them said.
#[must_use]
pub fn approval(outcome: ApprovalOutcome, votes: &[CastVote], failure: Option<&Failure>) -> Value {
    let decided = deciding(outcome, votes);
    let all: Vec<Value> =
        votes.iter().map(|cast| json!({ "by": cast.actor, "decision": cast.decision.as_str(), "comment": cast.comment })).collect();
    let approved = outcome == ApprovalOutcome::Approved;
    json!({
        "approved": approved,
        "ok": approved,
        "outcome": outcome.as_str(),
        "by": decided.iter().map(|cast| cast.actor.as_str()).collect::<Vec<_>>(),
        "comment": decided.last().and_then(|cast| cast.comment.as_deref()),
        "votes": all,
        "timed_out": outcome == ApprovalOutcome::TimedOut,
        "error": failure.map(error),
    })
}

/// The votes that made an outcome what it is.
fn deciding(outcome: ApprovalOutcome, votes: &[CastVote]) -> Vec<&CastVote> {
    let deciding = match outcome {
        ApprovalOutcome::Approved => Some(Decision::Approve),
        ApprovalOutcome::Rejected => Some(Decision::Reject),
        ApprovalOutcome::TimedOut | ApprovalOutcome::Cancelled => None,
    };
    votes.iter().filter(|cast| Some(cast.decision) == deciding).collect()
}

/// What a job is told that has asked people.
#[must_use]
pub fn ask_answer(outcome: ApprovalOutcome, votes: &[CastVote]) -> AskAnswer {
    let decided = deciding(outcome, votes);
    AskAnswer {
        answered: outcome,
        by: decided.iter().map(|cast| cast.actor.clone()).collect(),
        comment: decided.last().and_then(|cast| cast.comment.clone()),
    }
}

/// The value of a `child`: `run` where there is one, `answer` where it is over.
#[must_use]
pub fn child(run: Option<&RunId>, answer: Option<&ChildAnswer>, failure: Option<&Failure>) -> Value {
    json!({
        "ok": failure.is_none(),
        "run": run,
        "outcome": answer.map(|answer| answer.outcome.state().as_str()),
        "value": answer.map_or(&Value::Null, |answer| &answer.value),
        "error": failure.map(error),
        "timed_out": timed_out(failure),
    })
}

fn timed_out(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.kind == FailureKind::TimedOut)
}

fn error(failure: &Failure) -> Value {
    json!({ "kind": failure.kind.as_str(), "message": failure.message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_two_places_or_more() {
        for (micros, text) in [(0, "0.00"), (1, "0.000001"), (1_230_000, "1.23"), (1_234_500, "1.2345"), (5_000_000, "5.00")] {
            assert_eq!(usd(micros), text);
        }
    }
}
