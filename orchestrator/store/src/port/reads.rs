//! What is read of runs.

use super::Fut;
use crate::model::{
    Beat, CallbackRow, Claim, FailureCount, HeldCount, HeldPlace, OpenWait, QueuePlace, RunCount, RunFilter, RunRow, WaitRow,
};
use serde_json::Value;
use sortie_core::event::Event;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::view::{Attempt, Step};
use std::collections::BTreeMap;

/// What is read of runs.
pub trait Reads: Send + Sync {
    /// The head of a run, and when it last waited.
    fn run(&self, run: &RunId) -> Fut<'_, Option<RunRow>>;
    /// Runs in the order of their creation, newest first. [`StoreError::NotFound`] where the run to page from is unknown.
    fn runs(&self, filter: RunFilter) -> Fut<'_, Vec<RunRow>>;
    /// Number of runs by flow and shown state, where there are any.
    fn run_counts(&self) -> Fut<'_, Vec<RunCount>>;
    /// Events numbered above `after`, at most `limit`.
    fn history(&self, run: &RunId, after: u64, limit: usize) -> Fut<'_, Vec<Event>>;
    /// One event.
    fn event(&self, run: &RunId, seq: u64) -> Fut<'_, Option<Event>>;
    /// All steps of a run, in call order.
    fn steps(&self, run: &RunId) -> Fut<'_, Vec<Step>>;
    /// All attempts of a run, in order of their fence.
    fn attempts(&self, run: &RunId) -> Fut<'_, Vec<Attempt>>;
    /// One attempt, with its run and step.
    fn attempt(&self, attempt: &AttemptId) -> Fut<'_, Option<(RunId, Step, Attempt)>>;
    /// One wait.
    fn wait(&self, wait: &WaitId) -> Fut<'_, Option<WaitRow>>;
    /// The newest heartbeat or progress of each attempt of a run.
    fn beats(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Beat>>;
    /// What the job of each attempt of a run last reported, where it has: heartbeats that came since are none.
    fn progress(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Value>>;
    /// Callbacks of a run that were remembered, oldest first.
    fn callbacks(&self, run: &RunId) -> Fut<'_, Vec<CallbackRow>>;
    /// Due work of a run, soonest first.
    fn due(&self, run: &RunId) -> Fut<'_, Vec<Claim>>;
    /// Attempts that are not over, by host.
    fn open_attempts(&self) -> Fut<'_, Vec<(RunId, Attempt)>>;
    /// Events numbered above `after`, up to and with `until`, at most `limit`: the history as it was then.
    fn history_until(&self, run: &RunId, after: u64, until: u64, limit: usize) -> Fut<'_, Vec<Event>>;
    /// What a queued run waits for; `None` for one that is not queued.
    fn queue_place(&self, run: &RunId) -> Fut<'_, Option<QueuePlace>>;
    /// What the launch of an attempt waits for, where it waits for a slot of a host.
    fn held_place(&self, run: &RunId, attempt: &AttemptId) -> Fut<'_, Option<HeldPlace>>;
    /// How many launches wait for a slot, by what they wait for.
    fn held_counts(&self) -> Fut<'_, Vec<HeldCount>>;
    /// How many attempts hold a slot of each host, where there are any.
    fn host_loads(&self) -> Fut<'_, BTreeMap<String, u32>>;
    /// Runs that failed or were set aside at this time or later, by kind and flow.
    fn failure_counts(&self, since: Ms) -> Fut<'_, Vec<FailureCount>>;
    /// Steps that have waited the longest for somebody outside.
    fn oldest_waits(&self, limit: usize) -> Fut<'_, Vec<OpenWait>>;
    /// Running runs that were made after this one, oldest first, for a sweep over all.
    fn sweep(&self, after: Option<&RunId>, limit: usize) -> Fut<'_, Vec<RunId>>;
    /// Whether the digest over the events of a run is the one that was made as they were appended, as hex (I8).
    /// [`crate::StoreError::Unusable`] where it is another: events were changed, left out or put in between.
    fn verify_journal(&self, run: &RunId) -> Fut<'_, Option<String>>;
}
