//! Output of jobs.

use super::Fut;
use crate::model::logs::LogRow;
use sortie_core::ids::{AttemptId, Ms, RunId};

/// How far the output of attempts is here. The bytes themselves are kept elsewhere.
pub trait Logs: Send + Sync {
    /// Write the row of an attempt. [`crate::StoreError::NotFound`] for an unknown run.
    fn save_log(&self, row: LogRow) -> Fut<'_, ()>;
    /// The row of an attempt.
    fn log(&self, run: &RunId, attempt: &AttemptId) -> Fut<'_, Option<LogRow>>;
    /// All rows of a run.
    fn logs_of(&self, run: &RunId) -> Fut<'_, Vec<LogRow>>;
    /// Rows that are due by now, the oldest first, at most `limit`.
    fn due_logs(&self, now: Ms, limit: usize) -> Fut<'_, Vec<LogRow>>;
}
