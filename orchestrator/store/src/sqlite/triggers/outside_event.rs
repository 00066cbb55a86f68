//! Outside events, and the open steps that wait for them.

use crate::deliver::Change;
use crate::model::triggers::{OutsideEvent, Published};
use crate::sql::sqlite;
use crate::sqlite::codec::{json, to_json};
use crate::sqlite::due;
use crate::sqlite::run::{self, RunNo};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::effect::Work;
use sortie_core::ids::{Ms, RunId};
use sortie_core::view::{Step, StepKind};

fn read(row: &Row<'_>) -> rusqlite::Result<OutsideEvent> {
    Ok(OutsideEvent {
        id: row.get(0)?,
        name: row.get(1)?,
        key: row.get(2)?,
        payload: json(row, 3)?,
        actor: row.get(4)?,
        at: row.get(5)?,
        expires_at: row.get(6)?,
    })
}

/// Keep who waits in step with the steps: a row for each open one.
pub(in crate::sqlite) fn follow(db: &Connection, run_no: RunNo, change: &Change<Step>) -> rusqlite::Result<()> {
    let (Change::Insert(step) | Change::Update { after: step, .. }) = change;
    let StepKind::Event { name, key } = &step.kind else {
        // A step of another kind may have taken the call number of a forgotten one.
        if let Change::Update { before, .. } = change
            && let StepKind::Event { name, key } = &before.kind
        {
            db.prepare_cached(sqlite!("event_wait", "remove"))?.execute(params![name, key, run_no, before.call])?;
        }
        return Ok(());
    };
    let statement = if step.is_open() { sqlite!("event_wait", "insert") } else { sqlite!("event_wait", "remove") };
    db.prepare_cached(statement)?.execute(params![name, key, run_no, step.call]).map(drop)
}

/// Keep an event and wake whoever waits for it.
pub(in crate::sqlite) fn publish(db: &Connection, event: &OutsideEvent) -> rusqlite::Result<Published> {
    let payload = to_json(&event.payload)?;
    let rows = db.prepare_cached(sqlite!("outside_event", "insert"))?.execute(params![
        event.name,
        event.key,
        event.id,
        payload,
        event.actor,
        event.at,
        event.expires_at
    ])?;
    let waiting: Vec<(RunNo, u32)> = db
        .prepare_cached(sqlite!("event_wait", "of"))?
        .query_map([&event.name, &event.key], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if rows > 0 {
        for (run_no, call) in &waiting {
            due::put(db, *run_no, &Work::Event(*call), event.at)?;
        }
    }
    Ok(Published { duplicate: rows == 0, waiting: u32::try_from(waiting.len()).unwrap_or(u32::MAX) })
}

/// The oldest one that a run has not taken yet.
pub(in crate::sqlite) fn next(db: &Connection, run: &RunId, name: &str, key: &str, now: Ms) -> rusqlite::Result<Option<OutsideEvent>> {
    let Some(run_no) = run::number(db, run)? else { return Ok(None) };
    let subject = format!("event:{name}:{key}");
    db.prepare_cached(sqlite!("outside_event", "next"))?.query_row(params![name, key, run_no, subject, now], read).optional()
}

/// Kept events, newest first.
pub(in crate::sqlite) fn newest(db: &Connection, name: Option<&str>, limit: usize) -> rusqlite::Result<Vec<OutsideEvent>> {
    match name {
        Some(name) => db.prepare_cached(sqlite!("outside_event", "newest_of"))?.query_map(params![limit, name], read)?.collect(),
        None => db.prepare_cached(sqlite!("outside_event", "newest"))?.query_map([limit], read)?.collect(),
    }
}

/// Forget those that nobody may take any more.
pub(in crate::sqlite) fn clean(db: &Connection, now: Ms, limit: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(sqlite!("outside_event", "clean"))?.execute(params![now, limit])
}
