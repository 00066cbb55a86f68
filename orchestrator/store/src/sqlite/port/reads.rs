//! What is read of runs.

use crate::error::StoreError;
use crate::limits;
use crate::model::{
    Beat, CallbackRow, Claim, FailureCount, HeldCount, HeldPlace, OpenWait, QueuePlace, RunCount, RunFilter, RunRow, WaitRow,
};
use crate::port::{Fut, Reads};
use crate::sqlite::{SqliteStore, attempt, beat, callback, due, event, run, step, wait};
use serde_json::Value;
use sortie_core::effect::Work;
use sortie_core::event::Event;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::view::{Attempt, Step};
use std::collections::BTreeMap;

impl Reads for SqliteStore {
    fn run(&self, run: &RunId) -> Fut<'_, Option<RunRow>> {
        let id = run.clone();
        self.read(move |db| Ok(run::by_id(db, &id)?.map(|(_, head)| RunRow { head })))
    }

    fn runs(&self, filter: RunFilter) -> Fut<'_, Vec<RunRow>> {
        self.read(move |db| run::page(db, &filter))
    }

    fn run_counts(&self) -> Fut<'_, Vec<RunCount>> {
        self.read(|db| Ok(run::counts(db)?))
    }

    fn history(&self, run: &RunId, after: u64, limit: usize) -> Fut<'_, Vec<Event>> {
        self.read_of(run, move |db, run_no| Ok(event::after(db, run_no, after, limit.min(limits::HISTORY_PAGE))?))
    }

    fn event(&self, run: &RunId, seq: u64) -> Fut<'_, Option<Event>> {
        let id = run.clone();
        self.look(move |db| match run::number(db, &id)? {
            Some(run_no) => Ok(event::get(db, run_no, seq)?),
            None => Ok(None),
        })
    }

    fn steps(&self, run: &RunId) -> Fut<'_, Vec<Step>> {
        self.read_of(run, |db, run_no| Ok(step::of_run(db, run_no)?))
    }

    fn attempts(&self, run: &RunId) -> Fut<'_, Vec<Attempt>> {
        self.read_of(run, |db, run_no| Ok(attempt::of_run(db, run_no)?))
    }

    fn attempt(&self, attempt: &AttemptId) -> Fut<'_, Option<(RunId, Step, Attempt)>> {
        let id = attempt.clone();
        self.look(move |db| {
            let Some((run_no, attempt)) = attempt::get(db, &id)? else { return Ok(None) };
            let step = step::get(db, run_no, attempt.call)?;
            let step = step.ok_or_else(|| StoreError::Unusable(format!("the step of {id} is not there")))?;
            Ok(Some((run::id(db, run_no)?, step, attempt)))
        })
    }

    fn wait(&self, wait: &WaitId) -> Fut<'_, Option<WaitRow>> {
        let id = wait.clone();
        self.look(move |db| wait::get(db, &id))
    }

    fn beats(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Beat>> {
        self.read_of(run, |db, run_no| Ok(beat::of_run(db, run_no)?))
    }

    fn progress(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Value>> {
        self.read_of(run, |db, run_no| Ok(beat::progress(db, run_no)?))
    }

    fn callbacks(&self, run: &RunId) -> Fut<'_, Vec<CallbackRow>> {
        self.read_of(run, |db, run_no| Ok(callback::of_run(db, run_no)?))
    }

    fn due(&self, run: &RunId) -> Fut<'_, Vec<Claim>> {
        let id = run.clone();
        self.read_of(run, move |db, run_no| Ok(due::of_run(db, &id, run_no)?))
    }

    fn open_attempts(&self) -> Fut<'_, Vec<(RunId, Attempt)>> {
        self.read(|db| Ok(attempt::open(db)?))
    }

    fn history_until(&self, run: &RunId, after: u64, until: u64, limit: usize) -> Fut<'_, Vec<Event>> {
        self.read_of(run, move |db, run_no| Ok(event::range(db, run_no, after, until, limit.min(limits::HISTORY_PAGE))?))
    }

    fn queue_place(&self, run: &RunId) -> Fut<'_, Option<QueuePlace>> {
        self.read_of(run, |db, run_no| Ok(run::queue_place(db, run_no)?))
    }

    fn held_place(&self, run: &RunId, attempt: &AttemptId) -> Fut<'_, Option<HeldPlace>> {
        let key = Work::Launch(attempt.clone()).key();
        self.read_of(run, move |db, run_no| Ok(due::held_place(db, run_no, &key)?))
    }

    fn held_counts(&self) -> Fut<'_, Vec<HeldCount>> {
        self.read(|db| Ok(due::held_counts(db)?))
    }

    fn host_loads(&self) -> Fut<'_, BTreeMap<String, u32>> {
        self.look(|db| Ok(attempt::loads(db)?))
    }

    fn failure_counts(&self, since: Ms) -> Fut<'_, Vec<FailureCount>> {
        self.read(move |db| Ok(run::failure_counts(db, since)?))
    }

    fn oldest_waits(&self, limit: usize) -> Fut<'_, Vec<OpenWait>> {
        self.read(move |db| Ok(step::oldest_open(db, limit.min(limits::RUNS_PAGE))?))
    }

    fn sweep(&self, after: Option<&RunId>, limit: usize) -> Fut<'_, Vec<RunId>> {
        let after = after.cloned();
        self.read(move |db| run::sweep(db, after.as_ref(), limit.min(limits::RUNS_PAGE)))
    }

    fn verify_journal(&self, run: &RunId) -> Fut<'_, Option<String>> {
        let id = run.clone();
        self.read_of(run, move |db, run_no| event::verify(db, &id, run_no))
    }
}
