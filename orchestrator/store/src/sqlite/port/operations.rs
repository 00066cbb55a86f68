//! What operators ask and do: status, failures, retention, export.

use crate::import::Import;
use crate::model::operations::{ActionRow, AskedAfter, AskedStep, AttemptCount, Backlog};
use crate::port::{Fut, Operations};
use crate::sqlite::{SqliteStore, operations};
use sortie_core::ids::{Ms, RunId, WaitId};

impl Operations for SqliteStore {
    fn asked(&self, kind: &'static str, after: Option<AskedAfter>, limit: usize) -> Fut<'_, Vec<AskedStep>> {
        self.read(move |db| operations::asked(db, kind, after.as_ref(), limit))
    }

    fn approval(&self, id: &WaitId) -> Fut<'_, Option<AskedStep>> {
        let id = id.clone();
        self.look(move |db| operations::approval(db, &id))
    }

    fn backlog(&self, now: Ms) -> Fut<'_, Vec<Backlog>> {
        self.read(move |db| Ok(operations::backlog(db, now)?))
    }

    fn attempt_counts(&self) -> Fut<'_, Vec<AttemptCount>> {
        self.read(|db| Ok(operations::attempt_counts(db)?))
    }

    fn record_action(&self, action: ActionRow) -> Fut<'_, ()> {
        self.write(move |db| operations::record_action(db, &action))
    }

    fn actions(&self, before: Option<i64>, limit: usize) -> Fut<'_, Vec<(i64, ActionRow)>> {
        self.read(move |db| Ok(operations::actions(db, before, limit)?))
    }

    fn ended_runs(&self, flow: &str, after: Ms, before: Ms, limit: usize) -> Fut<'_, Vec<(RunId, Ms)>> {
        let flow = flow.to_owned();
        self.read(move |db| Ok(operations::ended_runs(db, &flow, after, before, limit)?))
    }

    fn delete_run(&self, run: &RunId) -> Fut<'_, bool> {
        let run = run.clone();
        self.write(move |db| Ok(operations::delete_run(db, &run)?))
    }

    fn import_run(&self, import: Import) -> Fut<'_, ()> {
        self.write(move |db| operations::import_run(db, &import))
    }
}
