//! `GET /v1/runs/{id}/explain`: what a run is doing, or why it stopped, in plain words.

use super::answer::Answer;
use super::limits::HELD_EVENTS;
use super::places::Places;
use super::routes::Api;
use super::run_ids;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::explain::{Facts, HostFacts, Scheduled, explain, text};
use axum::extract::{Path, State};
use sortie_core::event::EventBody;
use sortie_core::host::{Host, HostState};
use sortie_core::state::RunState;
use sortie_core::view::{RunHead, Step};
use std::collections::BTreeMap;

/// Explain it. `data.text` is the same for people.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let store = &api.app.store;
    let (steps, attempts, due) = (store.steps(&head.id).await?, store.attempts(&head.id).await?, store.due(&head.id).await?);
    let (beats, progress, callbacks) = (store.beats(&head.id).await?, store.progress(&head.id).await?, store.callbacks(&head.id).await?);
    let specs = specs(&api, &head, &steps).await?;
    let hosts = hosts(&api).await?;
    let places = Places::read(&api, &head, &due).await?;
    let explained = explain(&Facts {
        head: &head,
        steps: &steps,
        attempts: &attempts,
        due: &due,
        beats: &beats,
        progress: &progress,
        callbacks: &callbacks,
        specs: &specs,
        hosts: &hosts,
        place: places.queue.as_ref(),
        slots: &places.slots,
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
            && let Some(spec) = event.body.opens()
        {
            specs.insert(step.call, Scheduled { at: event.at, spec });
        }
    }
    Ok(specs)
}

/// Hosts, and how many slots of each are taken.
async fn hosts(api: &Api) -> Result<BTreeMap<String, HostFacts>, Problem> {
    let (hosts, loads) = (api.app.store.hosts().await?, api.app.store.host_loads().await?);
    let one = |host: Host| {
        let open = loads.get(&host.name).copied().unwrap_or(0);
        let health = api.app.driver.host_seen(&host.name).health;
        let facts = HostFacts {
            draining: host.state == HostState::Draining,
            away: health.failing_since.map(|since| (since, health.error.unwrap_or_default())),
            unheard_since: health.unheard_since,
            slots: host.slots,
            open,
            labels: host.labels,
        };
        (host.name, facts)
    };
    Ok(hosts.into_iter().map(one).collect())
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
