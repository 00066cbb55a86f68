//! Output of jobs.

use crate::model::logs::LogRow;
use crate::port::{Fut, Logs};
use crate::sqlite::log_attempt;
use crate::sqlite::{SqliteStore, run};
use crate::{StoreError, limits};
use sortie_core::ids::{AttemptId, Ms, RunId};

impl Logs for SqliteStore {
    fn save_log(&self, row: LogRow) -> Fut<'_, ()> {
        self.write(move |db| {
            let run_no = run::number(db, &row.run)?.ok_or_else(|| StoreError::NotFound(format!("run {}", row.run)))?;
            Ok(log_attempt::save(db, run_no, &row)?)
        })
    }

    fn log(&self, run: &RunId, attempt: &AttemptId) -> Fut<'_, Option<LogRow>> {
        let (run, attempt) = (run.clone(), attempt.clone());
        self.look(move |db| match run::number(db, &run)? {
            Some(run_no) => Ok(log_attempt::get(db, run_no, &run, &attempt)?),
            None => Ok(None),
        })
    }

    fn logs_of(&self, run: &RunId) -> Fut<'_, Vec<LogRow>> {
        let id = run.clone();
        self.read_of(run, move |db, run_no| Ok(log_attempt::of_run(db, run_no, &id)?))
    }

    fn due_logs(&self, now: Ms, limit: usize) -> Fut<'_, Vec<LogRow>> {
        self.read(move |db| Ok(log_attempt::due(db, now, limit.min(limits::DUE_LOGS))?))
    }
}
