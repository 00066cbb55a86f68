//! What a queued run, and each launch that is held, waits for, and its place: as the store counts it.

use super::routes::Api;
use crate::envelope::Problem;
use crate::explain;
use serde_json::{Value, json};
use sortie_core::effect::Work;
use sortie_core::ids::AttemptId;
use sortie_core::state::RunState;
use sortie_core::view::RunHead;
use sortie_store::model::{Claim, HeldPlace, QueuePlace};
use std::collections::BTreeMap;

/// The places of one run.
pub(super) struct Places {
    /// Its own, where it is queued.
    pub(super) queue: Option<QueuePlace>,
    /// Those of its launches that wait for a slot of a host.
    pub(super) slots: BTreeMap<AttemptId, HeldPlace>,
}

impl Places {
    /// Read them: only launches that are due work can be held.
    pub(super) async fn read(api: &Api, head: &RunHead, due: &[Claim]) -> Result<Self, Problem> {
        let store = &api.app.store;
        let queue = if head.state == RunState::Queued { store.queue_place(&head.id).await? } else { None };
        let mut slots = BTreeMap::new();
        for claim in due {
            if let Work::Launch(attempt) = &claim.work
                && let Some(place) = store.held_place(&head.id, attempt).await?
            {
                slots.insert(attempt.clone(), place);
            }
        }
        Ok(Self { queue, slots })
    }

    /// Whether work is a launch that waits for a slot: nobody knows when it is due.
    pub(super) fn holds(&self, work: &Work) -> bool {
        matches!(work, Work::Launch(attempt) if self.slots.contains_key(attempt))
    }

    /// What the run is queued for.
    pub(super) fn queue_view(&self, head: &RunHead) -> Value {
        let Some(place) = &self.queue else { return Value::Null };
        let limit = head.plan.limit.as_ref();
        json!({
            "text": explain::queue(&head.plan, place),
            "limit": limit.map(|limit| limit.key.as_str()),
            "at_most": limit.map(|limit| limit.at_most),
            "place": limit.map(|_| place.place),
            "running": place.running,
            "running_run": place.running_run,
            "older_release_open": place.older,
        })
    }

    /// What each held launch waits for.
    pub(super) fn slots_view(&self) -> Value {
        let one = |(attempt, place): (&AttemptId, &HeldPlace)| json!({ "attempt": attempt, "on": place.on, "text": explain::target(&place.on), "place": place.place });
        self.slots.iter().map(one).collect()
    }
}
