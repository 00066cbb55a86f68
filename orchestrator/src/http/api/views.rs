//! The JSON shapes of runs, steps, attempts and events, each written once. Times are RFC 3339, ids are texts.

use crate::clock::rfc3339;
use serde_json::{Map, Value, json};
use sortie_core::effect::{Timer, Work};
use sortie_core::event::Event;
use sortie_core::ids::Ms;
use sortie_core::view::{Attempt, Handed, RunHead, Step, StepKind};
use sortie_store::model::Claim;

/// A run as lists show it.
#[must_use]
pub fn run(head: &RunHead) -> Value {
    json!({
        "id": head.id,
        "flow": head.flow,
        "release": head.release,
        "bundle": head.bundle,
        "state": head.shown_state(),
        "over": head.state.is_over(),
        "last_seq": head.seq,
        "calls": head.calls,
        "open_steps": head.open_steps,
        "failure": head.failure,
        "created_at": rfc3339(head.created_at),
        "updated_at": rfc3339(head.updated_at),
        "deadline_at": rfc3339(head.deadline_at),
    })
}

/// A step.
#[must_use]
pub fn step(step: &Step) -> Value {
    let mut view = json!({
        "call": step.call,
        "name": step.name,
        "open": step.is_open(),
        "deadline_at": rfc3339(step.deadline_at),
        "answered_seq": step.completed_seq,
        "kept_callbacks": step.kept,
    });
    let more = match &step.kind {
        StepKind::Job(job) => json!({
            "kind": "job",
            "attempt": job.attempt,
            "attempts": job.number,
            "retry_at": job.retry_at.map(rfc3339),
            "asking": job.asking,
            "parked": job.parked,
            "cloned": job.cloned,
            "spent": job.spent,
        }),
        StepKind::Wait { wait } => json!({ "kind": "wait", "wait": wait }),
        StepKind::Sleep {} => json!({ "kind": "sleep" }),
        StepKind::Event { name, key } => json!({ "kind": "event", "event": name, "key": key }),
        StepKind::Child { run, .. } => json!({ "kind": "child", "run": run }),
        StepKind::Approval(approval) => {
            json!({ "kind": "approval", "approval": approval.id, "revision": approval.revision, "votes": approval.votes, "ask": approval.ask })
        }
        StepKind::Http(tries) | StepKind::Artifact(tries) => {
            json!({ "kind": step.kind.as_str(), "tries": tries.number, "retry_at": tries.retry_at.map(rfc3339) })
        }
    };
    merge(&mut view, more);
    view
}

/// An attempt. `handed` says what it was handed, without the signature and the token.
#[must_use]
pub fn attempt(attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id,
        "call": attempt.call,
        "number": attempt.number,
        "fence": attempt.fence,
        "state": attempt.state,
        "over": attempt.state.is_over(),
        "stopping": attempt.stopping,
        "debt": attempt.debt,
        "host": attempt.handed.as_ref().map(|handed| handed.host.as_str()),
        "scheduled_at": rfc3339(attempt.scheduled_at),
        "deadline_at": rfc3339(attempt.deadline_at),
        "result_digest": attempt.result_digest,
    })
}

/// What an attempt was handed.
#[must_use]
pub fn handed(handed: &Handed) -> Value {
    json!({
        "host": handed.host,
        "spec_digest": handed.spec_digest,
        "kid": handed.kid,
        "root_generation": handed.root,
        "audience": handed.audience,
        "issued_at": rfc3339(handed.issued_s.saturating_mul(1_000)),
        "expires_at": rfc3339(handed.expires_s.saturating_mul(1_000)),
        "launching_at": rfc3339(handed.launching_at),
    })
}

/// What a run waits for: its due work. Nobody knows when a launch that is held for a slot is due.
#[must_use]
pub fn due(claim: &Claim, held: bool) -> Value {
    let (what, subject) = match &claim.work {
        Work::Advance => ("advance", None),
        Work::Launch(id) => ("launch", Some(id.to_string())),
        Work::Stop(id) => ("stop", Some(id.to_string())),
        Work::Probe(id) => ("probe", Some(id.to_string())),
        Work::Ack(id) => ("ack", Some(id.to_string())),
        Work::Answer { attempt, .. } => ("answer", Some(attempt.to_string())),
        Work::Timer(Timer::RunDeadline) => ("run_deadline", None),
        Work::Timer(Timer::Step(call)) => ("step_deadline", Some(call.to_string())),
        Work::Timer(Timer::Retry(call)) => ("retry", Some(call.to_string())),
        Work::Timer(Timer::Started(id)) => ("started_limit", Some(id.to_string())),
        Work::Timer(Timer::Heartbeat(id)) => ("heartbeat_limit", Some(id.to_string())),
        Work::Timer(Timer::StopAnswer(id)) => ("stop_limit", Some(id.to_string())),
        Work::Timer(Timer::Remind(call)) => ("reminder", Some(call.to_string())),
        Work::Timer(Timer::Escalate(call)) => ("escalation", Some(call.to_string())),
        Work::Timer(Timer::Exit) => ("exit_limit", None),
        Work::Timer(Timer::Overdue) => ("overdue", None),
        Work::Start => ("start", None),
        Work::MakeRoom => ("make_room", None),
        Work::Try(call) => ("try", Some(call.to_string())),
        Work::Child(call) => ("child", Some(call.to_string())),
        Work::CancelChild(call) => ("cancel_child", Some(call.to_string())),
        Work::Report => ("report", None),
        Work::Event(call) => ("event", Some(call.to_string())),
        Work::Notify { what, .. } => ("notify", Some(what.as_str().to_owned())),
    };
    json!({ "what": what, "subject": subject, "due_at": (!held).then(|| rfc3339(claim.due_at)) })
}

/// An event of a history: `schemas/history.json` describes it.
#[must_use]
pub fn event(event: &Event) -> Value {
    let kind = event.body.kind();
    let mut body = serde_json::to_value(&event.body).unwrap_or_default();
    let mut data = body.get_mut(kind).map(Value::take).unwrap_or_else(|| json!({}));
    if let Some(fields) = data.as_object_mut() {
        for name in ["deadline_at", "due_at", "last_seen"] {
            fields.entry(name).and_modify(time);
        }
        if let sortie_core::event::EventBody::AttemptLaunching { handed: of, .. } = &event.body {
            fields.insert("handed".to_owned(), handed(of));
        }
    }
    json!({ "seq": event.seq, "at": rfc3339(event.at), "kind": kind, "text": crate::story::line(&event.body), "data": data })
}

/// Milliseconds become a time; anything else stays.
fn time(value: &mut Value) {
    if let Some(at) = value.as_i64() {
        *value = rfc3339(at as Ms).into();
    }
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend::<Map<String, Value>>(more);
    }
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
