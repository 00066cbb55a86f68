//! `GET /v1/runs/{id}/explain`: what a run is doing, or why it stopped, in plain words.

use super::answer::Answer;
use super::limits::{HELD_EVENTS, PLACE_RUNS};
use super::routes::Api;
use super::run_ids;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::explain::{Facts, HostFacts, Place, Scheduled, explain, text};
use axum::extract::{Path, State};
use sortie_core::event::EventBody;
use sortie_core::state::RunState;
use sortie_core::view::{RunHead, Step};
use sortie_store::model::RunFilter;
use std::collections::BTreeMap;

/// Explain it. `data.text` is the same for people.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let store = &api.app.store;
    let (steps, attempts, due) = (store.steps(&head.id).await?, store.attempts(&head.id).await?, store.due(&head.id).await?);
    let (beats, callbacks) = (store.beats(&head.id).await?, store.callbacks(&head.id).await?);
    let specs = specs(&api, &head, &steps).await?;
    let hosts = hosts(&api).await?;
    let place = if head.state == RunState::Queued { Some(place(&api, &head).await?) } else { None };
    let explained = explain(&Facts {
        head: &head,
        steps: &steps,
        attempts: &attempts,
        due: &due,
        beats: &beats,
        callbacks: &callbacks,
        specs: &specs,
        hosts: &hosts,
        place,
        held: held(&api, &head).await?,
        now: api.app.clock.now(),
    });
    let words = text(&explained);
    let next = explained.next.clone();
    let mut data = serde_json::to_value(explained).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    if let Some(fields) = data.as_object_mut() {
        fields.remove("next"); // it stands in `meta`
        fields.insert("text".to_owned(), words.into());
    }
    let mut success = Success::new(data);
    success.meta.next = next;
    Ok(success)
}

/// What each open step asked for.
async fn specs(api: &Api, head: &RunHead, steps: &[Step]) -> Result<BTreeMap<u32, Scheduled>, Problem> {
    let mut specs = BTreeMap::new();
    for step in steps.iter().filter(|step| step.is_open()) {
        if let Some(event) = api.app.store.event(&head.id, step.spec_seq).await?
            && let EventBody::StepScheduled { spec, .. } = event.body
        {
            specs.insert(step.call, Scheduled { at: event.at, spec });
        }
    }
    Ok(specs)
}

/// Hosts, and what is open on them.
async fn hosts(api: &Api) -> Result<BTreeMap<String, HostFacts>, Problem> {
    let mut hosts: BTreeMap<String, HostFacts> = BTreeMap::new();
    for host in api.app.store.hosts().await? {
        hosts.insert(host.name, HostFacts { slots: host.slots, open: 0, labels: host.labels });
    }
    for (_, attempt) in api.app.store.open_attempts().await? {
        if let Some(host) = attempt.handed.as_ref().and_then(|handed| hosts.get_mut(&handed.host)) {
            host.open += 1;
        }
    }
    Ok(hosts)
}

/// Where a queued run stands: counted over the newest runs of its flow that are not over.
async fn place(api: &Api, head: &RunHead) -> Result<Place, Problem> {
    let mut place = Place::default();
    let key = head.plan.limit.as_ref().map(|limit| limit.key.as_str());
    for state in [RunState::Queued, RunState::Running, RunState::Ending, RunState::Paused, RunState::Parked] {
        // `running` is two shown states: ready and waiting.
        let shown: &[&str] = if state == RunState::Running { &["running", "waiting"] } else { &[state.as_str()] };
        for word in shown {
            let filter =
                RunFilter { flow: Some(head.flow.clone()), state: Some((*word).to_owned()), limit: PLACE_RUNS, ..RunFilter::default() };
            let rows = api.app.store.runs(filter).await?;
            place.at_least |= rows.len() == PLACE_RUNS;
            rows.iter().for_each(|row| count(&mut place, head, key, &row.head));
        }
    }
    Ok(place)
}

fn count(place: &mut Place, head: &RunHead, key: Option<&str>, other: &RunHead) {
    if other.id == head.id {
        return;
    }
    let queued = other.state == RunState::Queued || other.held.is_some_and(|held| held.from == RunState::Queued);
    if other.release < head.release && !queued {
        place.older += 1;
    }
    if key.is_none() || other.plan.limit.as_ref().map(|limit| limit.key.as_str()) != key {
        return;
    }
    let first = (std::cmp::Reverse(other.plan.priority), other.created_at, &other.id);
    match queued {
        false => place.running += 1,
        true if first < (std::cmp::Reverse(head.plan.priority), head.created_at, &head.id) => place.ahead += 1,
        true => {}
    }
}

/// Who paused it and why: looked for from the end of the history, where it stands.
async fn held(api: &Api, head: &RunHead) -> Result<Option<String>, Problem> {
    if head.state != RunState::Paused {
        return Ok(None);
    }
    let after = head.seq.saturating_sub(HELD_EVENTS);
    let page = api.app.store.history(&head.id, after, usize::try_from(head.seq - after).unwrap_or(1)).await?;
    Ok(page.into_iter().rev().find_map(|event| match event.body {
        EventBody::RunPaused { actor, reason } => Some(reason.map_or_else(|| actor.clone(), |why| format!("{actor}: {why}"))),
        _ => None,
    }))
}
