//! Schedules of live releases, and which cron expression was in force when.

use crate::error::StoreError;
use crate::model::triggers::{GoLive, ScheduleLook, ScheduleRevision, ScheduleRow, ScheduleSpec};
use crate::sql::sqlite;
use crate::sqlite::codec::{json, to_json};
use crate::sqlite::triggers::fire;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::Ms;

fn read(row: &Row<'_>) -> rusqlite::Result<ScheduleRow> {
    let paused: Option<Ms> = row.get(7)?;
    let by: Option<String> = row.get(8)?;
    Ok(ScheduleRow {
        flow: row.get(0)?,
        spec: json(row, 2)?,
        release: row.get(3)?,
        since: row.get(4)?,
        cursor: row.get(5)?,
        next: row.get(6)?,
        paused: paused.zip(by),
    })
}

/// What the schedules of a flow are from now on. One whose cron expression and zone stay goes on where it was.
pub(in crate::sqlite) fn replace(db: &Connection, live: &GoLive, release: u32) -> rusqlite::Result<()> {
    let before = of_flow(db, &live.flow)?;
    for gone in before.iter().filter(|row| !live.schedules.iter().any(|spec| spec.name == row.spec.name)) {
        db.prepare_cached(sqlite!("schedule", "remove"))?.execute([&live.flow, &gone.spec.name])?;
        db.prepare_cached(sqlite!("schedule_revision", "close"))?.execute(params![live.flow, gone.spec.name, live.at])?;
    }
    for spec in &live.schedules {
        let text = to_json(spec)?;
        let same = |row: &&ScheduleRow| row.spec.name == spec.name && row.spec.cron == spec.cron && row.spec.tz == spec.tz;
        if before.iter().find(same).is_some() {
            db.prepare_cached(sqlite!("schedule", "put_rest"))?.execute(params![live.flow, spec.name, text])?;
            continue;
        }
        db.prepare_cached(sqlite!("schedule", "put"))?.execute(params![live.flow, spec.name, text, release, live.at])?;
        db.prepare_cached(sqlite!("schedule_revision", "close"))?.execute(params![live.flow, spec.name, live.at])?;
        db.prepare_cached(sqlite!("schedule_revision", "insert"))?.execute(params![live.flow, spec.name, live.at, text, release])?;
    }
    Ok(())
}

/// Schedules of a flow, by name.
pub(in crate::sqlite) fn of_flow(db: &Connection, flow: &str) -> rusqlite::Result<Vec<ScheduleRow>> {
    db.prepare_cached(sqlite!("schedule", "of_flow"))?.query_map([flow], read)?.collect()
}

/// All schedules.
pub(in crate::sqlite) fn all(db: &Connection) -> rusqlite::Result<Vec<ScheduleRow>> {
    db.prepare_cached(sqlite!("schedule", "all"))?.query_map([], read)?.collect()
}

/// Schedules that are to be looked at.
pub(in crate::sqlite) fn due(db: &Connection, now: Ms, limit: usize) -> rusqlite::Result<Vec<ScheduleRow>> {
    db.prepare_cached(sqlite!("schedule", "due"))?.query_map(params![now, limit], read)?.collect()
}

/// When the next one is to be looked at.
pub(in crate::sqlite) fn next(db: &Connection) -> rusqlite::Result<Option<Ms>> {
    db.prepare_cached(sqlite!("schedule", "next"))?.query_row([], |row| row.get(0)).optional()
}

/// Write what came of a look: the cursor first, so that only one look from there is written.
pub(in crate::sqlite) fn looked(db: &Connection, look: &ScheduleLook) -> rusqlite::Result<bool> {
    let moved =
        db.prepare_cached(sqlite!("schedule", "looked"))?.execute(params![look.flow, look.name, look.from, look.cursor, look.next])?;
    if moved == 0 {
        return Ok(false);
    }
    fire::insert(db, &look.flow, &look.name, &look.fires)?;
    if let Some((first, last, times)) = look.missed {
        db.prepare_cached(sqlite!("schedule_missed", "insert"))?.execute(params![look.flow, look.name, first, last, times, look.cursor])?;
    }
    Ok(true)
}

/// Pause, or let go on from now.
pub(in crate::sqlite) fn pause(db: &Connection, flow: &str, name: &str, paused: bool, actor: &str, at: Ms) -> Result<bool, StoreError> {
    let there = db.prepare_cached(sqlite!("schedule", "there"))?.exists([flow, name])?;
    if !there {
        return Err(StoreError::NotFound(format!("schedule {name} of {flow}")));
    }
    let rows = if paused {
        db.prepare_cached(sqlite!("schedule", "pause"))?.execute(params![flow, name, at, actor])?
    } else {
        db.prepare_cached(sqlite!("schedule", "resume"))?.execute(params![flow, name, at])?
    };
    Ok(rows > 0)
}

/// Look at schedules that sleep past this time.
pub(in crate::sqlite) fn look_again(db: &Connection, at: Ms) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("schedule", "look_again"))?.execute([at]).map(drop)
}

/// What was in force when.
pub(in crate::sqlite) fn revisions(db: &Connection, flow: &str, name: &str) -> rusqlite::Result<Vec<ScheduleRevision>> {
    db.prepare_cached(sqlite!("schedule_revision", "of"))?
        .query_map([flow, name], |row| {
            Ok(ScheduleRevision { since: row.get(0)?, until: row.get(1)?, spec: json::<ScheduleSpec>(row, 2)?, release: row.get(3)? })
        })?
        .collect()
}
