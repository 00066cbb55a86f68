//! Times of schedules: one row each.

use crate::model::triggers::{FireRow, MissedRow, NewFire};
use crate::sql::sqlite;
use crate::sqlite::codec::{Id, json_or_null, to_json};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::{Ms, RunId};

fn read(row: &Row<'_>) -> rusqlite::Result<FireRow> {
    Ok(FireRow {
        flow: row.get(0)?,
        name: row.get(1)?,
        at: row.get(2)?,
        cause: row.get(3)?,
        state: row.get(4)?,
        due_at: row.get(5)?,
        run: RunId::at(row, 6)?,
        note: row.get(7)?,
        spec: json_or_null(row, 8)?,
    })
}

/// Write times to fire; gives those that were not there.
pub(in crate::sqlite) fn insert(db: &Connection, flow: &str, name: &str, fires: &[NewFire]) -> rusqlite::Result<Vec<Ms>> {
    let mut statement = db.prepare_cached(sqlite!("fire", "insert"))?;
    let mut new = Vec::new();
    for fire in fires {
        let rows = statement.execute(params![flow, name, fire.at, fire.cause, fire.due_at, fire.run.blob(), to_json(&fire.spec)?])?;
        if rows > 0 {
            new.push(fire.at);
        }
    }
    Ok(new)
}

/// Times whose runs are to start.
pub(in crate::sqlite) fn due(db: &Connection, now: Ms, limit: usize) -> rusqlite::Result<Vec<FireRow>> {
    db.prepare_cached(sqlite!("fire", "due"))?.query_map(params![now, limit], read)?.collect()
}

/// When the next run is to start.
pub(in crate::sqlite) fn next(db: &Connection) -> rusqlite::Result<Option<Ms>> {
    db.prepare_cached(sqlite!("fire", "next"))?.query_row([], |row| row.get(0)).optional()
}

/// A time is done, or to be tried again.
pub(in crate::sqlite) fn done(db: &Connection, fire: &FireRow, state: &str, note: Option<&str>, at: Ms) -> rusqlite::Result<()> {
    if state == "due" {
        db.prepare_cached(sqlite!("fire", "again"))?.execute(params![fire.flow, fire.name, fire.at, at, note]).map(drop)
    } else {
        db.prepare_cached(sqlite!("fire", "done"))?.execute(params![fire.flow, fire.name, fire.at, state, note]).map(drop)
    }
}

/// The newest of a schedule.
pub(in crate::sqlite) fn newest(db: &Connection, flow: &str, name: &str, limit: usize) -> rusqlite::Result<Vec<FireRow>> {
    db.prepare_cached(sqlite!("fire", "newest"))?.query_map(params![flow, name, limit], read)?.collect()
}

/// Runs among the newest of a schedule that are open.
pub(in crate::sqlite) fn open(db: &Connection, flow: &str, name: &str, limit: usize) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached(sqlite!("fire", "open"))?.query_map(params![flow, name, limit], |row| RunId::at(row, 0))?.collect()
}

/// The newest of a schedule that were missed.
pub(in crate::sqlite) fn missed(db: &Connection, flow: &str, name: &str, limit: usize) -> rusqlite::Result<Vec<MissedRow>> {
    db.prepare_cached(sqlite!("schedule_missed", "newest"))?
        .query_map(params![flow, name, limit], |row| {
            Ok(MissedRow { first: row.get(0)?, last: row.get(1)?, times: row.get(2)?, at: row.get(3)? })
        })?
        .collect()
}

/// Forget what is older.
pub(in crate::sqlite) fn clean(db: &Connection, before: Ms, limit: usize) -> rusqlite::Result<usize> {
    let fires = db.prepare_cached(sqlite!("fire", "clean"))?.execute(params![before, limit])?;
    Ok(fires + db.prepare_cached(sqlite!("schedule_missed", "clean"))?.execute(params![before, limit])?)
}
