//! What is read of runs.

use super::Fut;
use crate::model::{Beat, CallbackRow, Claim, RunCount, RunFilter, RunRow, WaitRow};
use sortie_core::event::Event;
use sortie_core::ids::{AttemptId, RunId, WaitId};
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
    /// Callbacks of a run that were remembered, oldest first.
    fn callbacks(&self, run: &RunId) -> Fut<'_, Vec<CallbackRow>>;
    /// Due work of a run, soonest first.
    fn due(&self, run: &RunId) -> Fut<'_, Vec<Claim>>;
    /// Attempts that are not over, by host.
    fn open_attempts(&self) -> Fut<'_, Vec<(RunId, Attempt)>>;
}
