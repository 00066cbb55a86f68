//! Output of attempts.

use crate::model::logs::{LogRow, LogState};
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use crate::sqlite::run::RunNo;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::{AttemptId, Ms, RunId};

/// Write it.
pub(in crate::sqlite) fn save(db: &Connection, run_no: RunNo, row: &LogRow) -> rusqlite::Result<()> {
    let LogRow { attempt, kept, totals, state, note, tries, due_at, updated_at, .. } = row;
    db.prepare_cached(sqlite!("log_attempt", "save"))?.execute(params![
        run_no,
        attempt.blob(),
        kept[0],
        kept[1],
        totals[0],
        totals[1],
        *state as u8,
        note,
        tries,
        due_at,
        updated_at
    ])?;
    Ok(())
}

/// That of one attempt.
pub(in crate::sqlite) fn get(db: &Connection, run_no: RunNo, run: &RunId, attempt: &AttemptId) -> rusqlite::Result<Option<LogRow>> {
    db.prepare_cached(sqlite!("log_attempt", "get"))?.query_row(params![run_no, attempt.blob()], |row| read(row, run.clone())).optional()
}

/// Those of a run.
pub(in crate::sqlite) fn of_run(db: &Connection, run_no: RunNo, run: &RunId) -> rusqlite::Result<Vec<LogRow>> {
    db.prepare_cached(sqlite!("log_attempt", "of_run"))?.query_map([run_no], |row| read(row, run.clone()))?.collect()
}

/// Those that are due.
pub(in crate::sqlite) fn due(db: &Connection, now: Ms, limit: usize) -> rusqlite::Result<Vec<LogRow>> {
    db.prepare_cached(sqlite!("log_attempt", "due"))?
        .query_map(params![now, limit], |row| {
            let run = RunId::at(row, 10)?;
            read(row, run)
        })?
        .collect()
}

fn read(row: &Row<'_>, run: RunId) -> rusqlite::Result<LogRow> {
    let state: u8 = row.get(5)?;
    Ok(LogRow {
        run,
        attempt: AttemptId::at(row, 0)?,
        kept: [row.get(1)?, row.get(2)?],
        totals: [row.get(3)?, row.get(4)?],
        state: LogState::of(state).unwrap_or(LogState::Incomplete),
        note: row.get(6)?,
        tries: row.get(7)?,
        due_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
}
