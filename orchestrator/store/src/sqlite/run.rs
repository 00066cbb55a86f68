//! Heads of runs.

use super::codec::{Id, json_or_null, to_json, variant_or_null, word};
use crate::deliver::Change;
use crate::error::StoreError;
use crate::limits;
use crate::model::{RunCount, RunFilter, RunRow};
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::RunId;
use sortie_core::state::{RunOutcome, RunState};
use sortie_core::view::RunHead;

/// The number that stands for a run in all tables.
pub(super) type RunNo = i64;

/// A row of the columns that every query names.
fn read(row: &Row<'_>) -> rusqlite::Result<(RunNo, RunHead)> {
    let head = RunHead {
        id: RunId::at(row, 1)?,
        flow: row.get(2)?,
        release: row.get(3)?,
        bundle: row.get(4)?,
        state: word(row, 5, RunState::parse)?,
        seq: row.get(6)?,
        wake_seq: row.get(7)?,
        engine: sortie_core::evaluation::ENGINE_LEVEL,
        plan: sortie_core::plan::RunPlan::default(),
        ending_seq: None,
        exit_from: None,
        exit_over: false,
        held: None,
        logged: 0,
        calls: row.get(8)?,
        open_steps: row.get(9)?,
        fence: row.get(10)?,
        ending: variant_or_null::<RunOutcome>(row, 11)?,
        deadline_at: row.get(12)?,
        created_at: row.get(13)?,
        updated_at: row.get(14)?,
        failure: json_or_null(row, 15)?,
        advance_fence: row.get(16)?,
        evaluated_seq: row.get(17)?,
        crashes: row.get(18)?,
    };
    Ok((row.get(0)?, head))
}

/// By id.
pub(super) fn by_id(db: &Connection, id: &RunId) -> rusqlite::Result<Option<(RunNo, RunHead)>> {
    db.prepare_cached(sqlite!("run", "by_id"))?.query_row([id.blob()], read).optional()
}

/// By number.
pub(super) fn by_number(db: &Connection, run_no: RunNo) -> rusqlite::Result<(RunNo, RunHead)> {
    db.prepare_cached(sqlite!("run", "by_number"))?.query_row([run_no], read)
}

/// Number of a run.
pub(super) fn number(db: &Connection, id: &RunId) -> rusqlite::Result<Option<RunNo>> {
    db.prepare_cached(sqlite!("run", "number"))?.query_row([id.blob()], |row| row.get(0)).optional()
}

/// Id of a run.
pub(super) fn id(db: &Connection, run_no: RunNo) -> rusqlite::Result<RunId> {
    db.prepare_cached(sqlite!("run", "id"))?.query_row([run_no], |row| RunId::at(row, 0))
}

/// Write what changed of a head, and the counts of shown states with it.
pub(super) fn write(db: &Connection, run_no: Option<RunNo>, change: &Change<RunHead>) -> rusqlite::Result<RunNo> {
    match (change, run_no) {
        (Change::Update { before, after }, Some(run_no)) => {
            update(db, run_no, before, after)?;
            if before.shown_state() != after.shown_state() {
                count(db, sqlite!("run_count", "down"), before)?;
                count(db, sqlite!("run_count", "up"), after)?;
            }
            Ok(run_no)
        }
        (Change::Insert(head) | Change::Update { after: head, .. }, _) => {
            insert(db, head)?;
            let run_no = db.last_insert_rowid();
            count(db, sqlite!("run_count", "up"), head)?;
            Ok(run_no)
        }
    }
}

fn count(db: &Connection, statement: &str, head: &RunHead) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute(params![head.flow, head.shown_state()]).map(drop)
}

fn insert(db: &Connection, head: &RunHead) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "insert"))?
        .execute(params![
            head.id.blob(),
            head.flow,
            head.release,
            head.bundle,
            head.state.as_str(),
            head.seq,
            head.wake_seq,
            head.calls,
            head.open_steps,
            head.fence,
            head.ending.map(|outcome| outcome.state().as_str()),
            head.deadline_at,
            head.created_at,
            head.updated_at,
            head.failure.as_ref().map(to_json).transpose()?,
            head.advance_fence,
            head.evaluated_seq,
            head.crashes,
        ])
        .map(drop)
}

fn update(db: &Connection, run_no: RunNo, before: &RunHead, after: &RunHead) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "update"))?.execute(params![
        run_no,
        after.seq,
        after.wake_seq,
        after.calls,
        after.open_steps,
        after.fence,
        after.ending.map(|outcome| outcome.state().as_str()),
        after.deadline_at,
        after.updated_at,
        after.failure.as_ref().map(to_json).transpose()?,
        after.advance_fence,
        after.evaluated_seq,
        after.crashes,
    ])?;
    if before.state != after.state {
        db.prepare_cached(sqlite!("run", "update_state"))?.execute(params![run_no, after.state.as_str()])?;
    }
    Ok(())
}

/// Raise the fence of advancing.
pub(super) fn raise_advance_fence(db: &Connection, run_no: RunNo) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "raise_advance_fence"))?.execute([run_no]).map(drop)
}

/// A page of a list, newest first.
pub(super) fn page(db: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
    let before = match &filter.before {
        Some(id) => number(db, id)?.ok_or_else(|| StoreError::NotFound(format!("run {id}")))?,
        None => RunNo::MAX,
    };
    let limit = filter.limit.min(limits::RUNS_PAGE);
    let rows = |statement: &str, words: &[&str]| -> rusqlite::Result<Vec<RunRow>> {
        let mut statement = db.prepare_cached(statement)?;
        let (mut parameters, words): (Vec<&dyn rusqlite::ToSql>, Vec<&dyn rusqlite::ToSql>) =
            (vec![&before, &limit], words.iter().map(|word| word as &dyn rusqlite::ToSql).collect());
        parameters.extend(words);
        statement.query_map(parameters.as_slice(), |row| Ok(RunRow { head: read(row)?.1 }))?.collect()
    };
    Ok(match (filter.state.as_deref(), filter.flow.as_deref()) {
        (None, None) => rows(sqlite!("run", "page"), &[])?,
        (None, Some(flow)) => rows(sqlite!("run", "page_of_flow"), &[flow])?,
        (Some("waiting"), None) => rows(sqlite!("run", "page_of_waiting"), &[])?,
        (Some("waiting"), Some(flow)) => rows(sqlite!("run", "page_of_waiting_and_flow"), &[flow])?,
        (Some("running"), None) => rows(sqlite!("run", "page_of_ready"), &[])?,
        (Some("running"), Some(flow)) => rows(sqlite!("run", "page_of_ready_and_flow"), &[flow])?,
        (Some(state), None) => rows(sqlite!("run", "page_of_state"), &[state])?,
        (Some(state), Some(flow)) => rows(sqlite!("run", "page_of_state_and_flow"), &[state, flow])?,
    })
}

/// Number of runs by flow and shown state.
pub(super) fn counts(db: &Connection) -> rusqlite::Result<Vec<RunCount>> {
    db.prepare_cached(sqlite!("run_count", "all"))?
        .query_map([], |row| Ok(RunCount { flow: row.get(0)?, state: row.get(1)?, runs: row.get(2)? }))?
        .collect()
}
