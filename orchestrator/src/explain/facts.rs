//! One reading of a run, as the explanation needs it.

use serde_json::Value;
use sortie_core::call::CallSpec;
use sortie_core::ids::{AttemptId, Ms};
use sortie_core::view::{Attempt, RunHead, Step};
use sortie_store::model::{Beat, CallbackRow, Claim, HeldPlace, QueuePlace};
use std::collections::BTreeMap;

/// The rows.
pub struct Facts<'a> {
    /// The run.
    pub head: &'a RunHead,
    /// Its steps, in call order.
    pub steps: &'a [Step],
    /// Its attempts, in order of their fence.
    pub attempts: &'a [Attempt],
    /// Its due work, soonest first.
    pub due: &'a [Claim],
    /// The newest heartbeat or progress of each attempt.
    pub beats: &'a BTreeMap<AttemptId, Beat>,
    /// The last progress of each attempt that has reported any.
    pub progress: &'a BTreeMap<AttemptId, Value>,
    /// Callbacks that were remembered, oldest first.
    pub callbacks: &'a [CallbackRow],
    /// What each open step asked for, by call.
    pub specs: &'a BTreeMap<u32, Scheduled>,
    /// Hosts by name, with what is open on them.
    pub hosts: &'a BTreeMap<String, HostFacts>,
    /// Its place among those that wait for the same, where it is queued.
    pub place: Option<&'a QueuePlace>,
    /// What each of its launches that is held waits for.
    pub slots: &'a BTreeMap<AttemptId, HeldPlace>,
    /// Who holds it and why, where somebody does: a sentence.
    pub held: Option<String>,
    /// Now.
    pub now: Ms,
}

/// What a step asked for, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// When.
    pub at: Ms,
    /// What.
    pub spec: CallSpec,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Whether it is given no new jobs.
    pub draining: bool,
    /// Why it cannot be reached and since when, where it cannot.
    pub away: Option<(Ms, String)>,
    /// Since when its callbacks do not arrive although it answers.
    pub unheard_since: Option<Ms>,
    /// Jobs that may run on it at once.
    pub slots: Option<u32>,
    /// Attempts that hold a slot of it.
    pub open: u32,
    /// Its labels.
    pub labels: Vec<String>,
}

impl Facts<'_> {
    /// An attempt of this run.
    pub(super) fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }

    /// The host that an attempt was handed to.
    pub(super) fn host_of<'s>(&'s self, attempt: &'s Attempt) -> Option<(&'s str, Option<&'s HostFacts>)> {
        let name = attempt.handed.as_ref()?.host.as_str();
        Some((name, self.hosts.get(name)))
    }
}
