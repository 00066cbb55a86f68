//! Tries of jobs.

use super::codec::{Id, json_or_null, to_json, variant_or_null, word};
use super::run::RunNo;
use crate::deliver::Change;
use crate::model::OpenAttempt;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::state::{AttemptState, StopReason};
use sortie_core::view::Attempt;
use std::collections::BTreeMap;

fn read(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        id: AttemptId::at(row, 0)?,
        call: row.get(1)?,
        number: row.get(2)?,
        fence: row.get(3)?,
        state: word(row, 4, AttemptState::parse)?,
        stopping: variant_or_null::<StopReason>(row, 5)?,
        debt: row.get(6)?,
        handed: json_or_null(row, 7)?,
        scheduled_at: row.get(8)?,
        deadline_at: row.get(9)?,
        result_digest: row.get(10)?,
    })
}

/// Write what changed of an attempt.
pub(super) fn write(db: &Connection, run_no: RunNo, change: &Change<Attempt>) -> rusqlite::Result<()> {
    let (Change::Insert(attempt) | Change::Update { after: attempt, .. }) = change;
    let (state, over) = (attempt.state.as_str(), attempt.state.is_over());
    let stopping = attempt.stopping.map(StopReason::as_str);
    let host = attempt.handed.as_ref().map(|handed| handed.host.as_str());
    let handed = attempt.handed.as_ref().map(to_json).transpose()?;
    if matches!(change, Change::Insert(_)) {
        db.prepare_cached(sqlite!("attempt", "insert"))?.execute(params![
            run_no,
            attempt.fence,
            attempt.id.blob(),
            attempt.call,
            attempt.number,
            state,
            over,
            stopping,
            attempt.debt,
            host,
            handed,
            attempt.scheduled_at,
            attempt.deadline_at,
            attempt.result_digest,
        ])?;
    } else {
        db.prepare_cached(sqlite!("attempt", "update"))?.execute(params![
            run_no,
            attempt.fence,
            state,
            over,
            stopping,
            attempt.debt,
            host,
            handed,
            attempt.deadline_at,
            attempt.result_digest,
        ])?;
    }
    Ok(())
}

/// One attempt, with the number of its run.
pub(super) fn get(db: &Connection, id: &AttemptId) -> rusqlite::Result<Option<(RunNo, Attempt)>> {
    db.prepare_cached(sqlite!("attempt", "get"))?.query_row([id.blob()], |row| Ok((row.get(11)?, read(row)?))).optional()
}

/// What a heartbeat needs to know of an attempt.
pub(super) struct Standing {
    /// Its run.
    pub run_no: RunNo,
    /// Its fence, which stands for it within the run.
    pub fence: u64,
    /// Where it stands.
    pub state: AttemptState,
    /// Why it is ended early.
    pub stopping: Option<StopReason>,
}

/// Where an attempt stands.
pub(super) fn standing(db: &Connection, id: &AttemptId) -> rusqlite::Result<Option<Standing>> {
    db.prepare_cached(sqlite!("attempt", "state"))?
        .query_row([id.blob()], |row| {
            Ok(Standing {
                run_no: row.get(0)?,
                fence: row.get(1)?,
                state: word(row, 2, AttemptState::parse)?,
                stopping: variant_or_null(row, 3)?,
            })
        })
        .optional()
}

/// All attempts of a run, in the order of their fences.
pub(super) fn of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<Vec<Attempt>> {
    db.prepare_cached(sqlite!("attempt", "of_run"))?.query_map([run_no], read)?.collect()
}

/// Attempts of a run that are not over.
pub(super) fn open_of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<Vec<Attempt>> {
    db.prepare_cached(sqlite!("attempt", "open_of_run"))?.query_map([run_no], read)?.collect()
}

/// All attempts that are not over, by host.
pub(super) fn open(db: &Connection) -> rusqlite::Result<Vec<(RunId, Attempt)>> {
    db.prepare_cached(sqlite!("attempt", "open"))?.query_map([], |row| Ok((RunId::at(row, 11)?, read(row)?)))?.collect()
}

/// How many attempts on a host are not over.
pub(super) fn open_on_host(db: &Connection, host: &str) -> rusqlite::Result<u64> {
    db.prepare_cached(sqlite!("attempt", "open_on_host"))?.query_row([host], |row| row.get(0))
}

/// Attempts on a host that are not over.
pub(super) fn of_host(db: &Connection, host: &str) -> rusqlite::Result<Vec<OpenAttempt>> {
    let read_one = |row: &Row<'_>| Ok(OpenAttempt { run: RunId::at(row, 11)?, attempt: read(row)?, last_seen: row.get(12)? });
    db.prepare_cached(sqlite!("attempt", "of_host"))?.query_map([host], read_one)?.collect()
}

/// How many other attempts hold a slot of a host.
pub(super) fn others_on_host(db: &Connection, host: &str, run_no: RunNo, fence: u64) -> rusqlite::Result<u32> {
    db.prepare_cached(sqlite!("attempt", "others_on_host"))?.query_row(params![host, run_no, fence], |row| row.get(0))
}

/// How many attempts hold a slot of each host.
pub(super) fn loads(db: &Connection) -> rusqlite::Result<BTreeMap<String, u32>> {
    db.prepare_cached(sqlite!("attempt", "loads"))?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
