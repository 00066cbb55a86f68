//! What operators ask and do: status, retention, their commands.

mod asked;
mod delete;
mod import;

pub(super) use asked::{approval, asked};
pub(super) use delete::delete_run;
pub(super) use import::import_run;

use super::codec::{Id, bad};
use super::due;
use crate::error::StoreError;
use crate::limits;
use crate::model::operations::{ActionRow, AttemptCount, Backlog};
use crate::sql::sqlite;
use rusqlite::{Connection, params};
use sortie_core::effect::WorkClass;
use sortie_core::ids::{Ms, RunId};

/// What is due and not claimed, by class.
pub(super) fn backlog(db: &Connection, now: Ms) -> rusqlite::Result<Vec<Backlog>> {
    let one = |class: WorkClass| due::waiting(db, class, now).map(|(due, oldest_at)| Backlog { class, due, oldest_at });
    WorkClass::ALL.into_iter().map(one).collect()
}

/// Attempts that are not over, by host and state.
pub(super) fn attempt_counts(db: &Connection) -> rusqlite::Result<Vec<AttemptCount>> {
    let mut statement = db.prepare_cached(sqlite!("attempt", "open_counts"))?;
    statement
        .query_map([], |row| {
            let state: String = row.get(1)?;
            let state = serde_json::from_value(state.into()).map_err(|error| bad(1, rusqlite::types::Type::Text, error))?;
            Ok(AttemptCount { host: row.get(0)?, state, debt: row.get(2)?, attempts: row.get(3)?, oldest_at: row.get(4)? })
        })?
        .collect()
}

/// Keep a command, forget the oldest.
pub(super) fn record_action(db: &Connection, action: &ActionRow) -> Result<(), StoreError> {
    let ActionRow { at, actor, method, path, status } = action;
    db.prepare_cached(sqlite!("operator_action", "insert"))?.execute(params![at, actor, method, path, status])?;
    db.prepare_cached(sqlite!("operator_action", "forget"))?.execute([db.last_insert_rowid() - limits::ACTIONS])?;
    Ok(())
}

/// Commands, newest first.
pub(super) fn actions(db: &Connection, before: Option<i64>, limit: usize) -> rusqlite::Result<Vec<(i64, ActionRow)>> {
    let mut statement = db.prepare_cached(sqlite!("operator_action", "before"))?;
    statement
        .query_map(params![before.unwrap_or(i64::MAX), limit.min(limits::RUNS_PAGE)], |row| {
            let action = ActionRow { at: row.get(1)?, actor: row.get(2)?, method: row.get(3)?, path: row.get(4)?, status: row.get(5)? };
            Ok((row.get(0)?, action))
        })?
        .collect()
}

/// Runs of a flow that ended between two times, in the order of their ends.
pub(super) fn ended_runs(db: &Connection, flow: &str, after: Ms, before: Ms, limit: usize) -> rusqlite::Result<Vec<(RunId, Ms)>> {
    let mut statement = db.prepare_cached(sqlite!("run", "ended_between"))?;
    statement.query_map(params![flow, after, before, limit.min(limits::RUNS_PAGE)], |row| Ok((RunId::at(row, 0)?, row.get(1)?)))?.collect()
}
