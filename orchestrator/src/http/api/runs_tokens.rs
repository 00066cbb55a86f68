//! `GET /v1/runs/{id}/tokens`: what each attempt and wait was handed, never the token or a signature, and what came back on it.

use super::answer::Answer;
use super::routes::Api;
use super::{run_ids, views};
use crate::clock::rfc3339;
use crate::envelope::Success;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sortie_core::view::{Attempt, Step, StepKind};
use sortie_keys::{KeyState, RingView};
use sortie_store::model::{Beat, CallbackRow};

/// What was handed out for a run.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let store = &api.app.store;
    let (steps, attempts) = (store.steps(&head.id).await?, store.attempts(&head.id).await?);
    let (callbacks, beats) = (store.callbacks(&head.id).await?, store.beats(&head.id).await?);
    let ring = api.app.tokens.ring().list();
    let of_attempts: Vec<Value> = attempts
        .iter()
        .map(|attempt| {
            let step = steps.iter().find(|step| step.call == attempt.call).map(|step| step.name.as_str());
            of_attempt(attempt, step, beats.get(&attempt.id), &callbacks, &ring)
        })
        .collect();
    let of_waits: Vec<Value> = steps.iter().filter_map(|step| of_wait(&api, step, &callbacks)).collect();
    Ok(Success::new(json!({ "run": head.id, "attempts": of_attempts, "waits": of_waits })))
}

fn of_attempt(attempt: &Attempt, step: Option<&str>, beat: Option<&Beat>, callbacks: &[CallbackRow], ring: &RingView) -> Value {
    let handed = attempt.handed.as_ref();
    json!({
        "attempt": attempt.id,
        "step": step,
        "number": attempt.number,
        "fence": attempt.fence,
        "state": attempt.state,
        "scope": "attempt",
        "handed": handed.map(views::handed),
        "key_state": handed.map(|handed| key_state(ring, &handed.kid)),
        "root_state": handed.map(|handed| root_state(ring, handed.root)),
        "url": handed.map(|handed| url(&handed.audience, attempt.id.as_str())),
        "last_heartbeat": beat.map(|beat| json!({ "seq": beat.seq, "at": rfc3339(beat.at), "skew_ms": beat.skew_ms })),
        "callbacks": of_subject(callbacks, attempt.id.as_str()),
    })
}

fn of_wait(api: &Api, step: &Step, callbacks: &[CallbackRow]) -> Option<Value> {
    let StepKind::Wait { wait } = &step.kind else { return None };
    Some(json!({
        "wait": wait,
        "step": step.name,
        "open": step.is_open(),
        "scope": "wait",
        "deadline_at": rfc3339(step.deadline_at),
        "url": url(api.app.config.audience(), wait.as_str()),
        "callbacks": of_subject(callbacks, wait.as_str()),
    }))
}

/// The URL without its query: no signature.
fn url(audience: &str, id: &str) -> String {
    format!("{audience}/v1/callbacks/{id}")
}

fn of_subject(callbacks: &[CallbackRow], subject: &str) -> Value {
    let one = |row: &CallbackRow| json!({ "id": row.id, "outcome": row.outcome, "digest": row.digest, "at": rfc3339(row.at), "body_bytes": row.body.as_ref().map(Vec::len) });
    callbacks.iter().filter(|row| row.subject == subject).map(one).collect()
}

fn key_state(ring: &RingView, kid: &str) -> Value {
    state(ring.keys.iter().find(|key| key.kid == kid).map(|key| key.life.state))
}

fn root_state(ring: &RingView, generation: u64) -> Value {
    state(ring.roots.iter().find(|root| root.generation == generation).map(|root| root.life.state))
}

fn state(state: Option<KeyState>) -> Value {
    state.map_or_else(|| json!("unknown"), |state| json!(state))
}
