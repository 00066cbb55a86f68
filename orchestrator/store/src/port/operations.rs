//! What operators ask and do: status, failures, retention, export.

use super::Fut;
use crate::import::Import;
use crate::model::operations::{ActionRow, AskedAfter, AskedStep, AttemptCount, Backlog};
use sortie_core::ids::{Ms, RunId, WaitId};

/// What operators ask and do: status, failures, retention, export.
pub trait Operations: Send + Sync {
    /// Open steps of a kind that somebody is asked for (`wait` or `approval`), in the order of their runs' creation, at most `limit`.
    fn asked(&self, kind: &'static str, after: Option<AskedAfter>, limit: usize) -> Fut<'_, Vec<AskedStep>>;
    /// The approval of this id, open or not, until its run is deleted or reset past it.
    fn approval(&self, id: &WaitId) -> Fut<'_, Option<AskedStep>>;
    /// What is due and not claimed, by class.
    fn backlog(&self, now: Ms) -> Fut<'_, Vec<Backlog>>;
    /// Attempts that are not over, by host and state.
    fn attempt_counts(&self) -> Fut<'_, Vec<AttemptCount>>;
    /// Keep a command of an operator; the oldest beyond [`crate::limits::ACTIONS`] are forgotten.
    fn record_action(&self, action: ActionRow) -> Fut<'_, ()>;
    /// Commands of operators, newest first, from before this number on; each with its number.
    fn actions(&self, before: Option<i64>, limit: usize) -> Fut<'_, Vec<(i64, ActionRow)>>;
    /// Runs of a flow that ended after one time and before another, in the order of their ends, at most `limit`; each with its end.
    fn ended_runs(&self, flow: &str, after: Ms, before: Ms, limit: usize) -> Fut<'_, Vec<(RunId, Ms)>>;
    /// Delete a run that is over with everything of it; false where it is not there, is open, still owes something to a host or to
    /// its parent, or is needed by an open run: one that it has started, or one that was forked from it.
    fn delete_run(&self, run: &RunId) -> Fut<'_, bool>;
    /// Write a run that is over, from a file of another store or of this one before it was deleted: bundle, events with their
    /// digest, rows, callbacks. It is listed after all that were made here. `Conflict` where the run, or an attempt or a wait of
    /// it, is here already.
    fn import_run(&self, import: Import) -> Fut<'_, ()>;
}
