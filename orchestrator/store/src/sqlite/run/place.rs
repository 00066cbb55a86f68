//! Who else has the same limit, and who is next.

use super::{RunNo, by_number};
use crate::limits;
use crate::model::QueuePlace;
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::ids::RunId;
use sortie_core::plan::RunPlan;
use sortie_core::state::RunState;
use sortie_core::view::Room;

/// Who else there is for a run with this plan; `run_no` is after all others where it is not made yet.
///
/// Runs that go first are counted up to one more than the limit: more do not change what is decided.
pub(in crate::sqlite) fn room(db: &Connection, run_no: Option<RunNo>, flow: &str, release: u32, plan: &RunPlan) -> rusqlite::Result<Room> {
    let mut room = Room::default();
    if let Some(limit) = &plan.limit {
        let bound = limit.at_most.saturating_add(1);
        room.running = db.prepare_cached(sqlite!("run", "running_of_limit"))?.query_row(params![limit.key, bound], |row| row.get(0))?;
        room.running_run =
            db.prepare_cached(sqlite!("run", "one_of_limit"))?.query_row([&limit.key], |row| RunId::at(row, 0)).optional()?;
        room.ahead = ahead(db, &limit.key, plan.priority, run_no.unwrap_or(RunNo::MAX), bound as usize)?;
    }
    if plan.after_older && release > 0 {
        room.older = db.prepare_cached(sqlite!("run", "older_open"))?.query_row(params![flow, release, 1], |row| row.get(0))?;
    }
    Ok(room)
}

/// The queued run that is next for a limit.
pub(in crate::sqlite) fn next_of_limit(db: &Connection, key: &str) -> rusqlite::Result<Option<RunNo>> {
    db.prepare_cached(sqlite!("run", "next_of_limit"))?.query_row([key], |row| row.get(0)).optional()
}

/// Queued runs of a flow that have waited for older releases, none of which is open any more.
pub(in crate::sqlite) fn drained(db: &Connection, flow: &str) -> rusqlite::Result<Vec<RunNo>> {
    let oldest: Option<u32> = db.prepare_cached(sqlite!("run", "oldest_release"))?.query_row([flow], |row| row.get(0)).optional()?;
    let Some(oldest) = oldest else { return Ok(Vec::new()) };
    db.prepare_cached(sqlite!("run", "drained"))?.query_map(params![flow, oldest], |row| row.get(0))?.collect()
}

/// Whether an open run needs this one: it was started by it, or may still reuse its answers.
pub(in crate::sqlite) fn is_needed(db: &Connection, id: &RunId) -> rusqlite::Result<bool> {
    let id = id.blob();
    Ok(db.prepare_cached(sqlite!("run", "open_child"))?.exists([&id])? || db.prepare_cached(sqlite!("run", "open_fork"))?.exists([&id])?)
}

/// What a queued run waits for.
pub(in crate::sqlite) fn queue_place(db: &Connection, run_no: RunNo) -> rusqlite::Result<Option<QueuePlace>> {
    let (_, head) = by_number(db, run_no)?;
    if head.state != RunState::Queued {
        return Ok(None);
    }
    let room = room(db, Some(run_no), &head.flow, head.release, &head.plan)?;
    let place = match &head.plan.limit {
        Some(limit) => 1 + ahead(db, &limit.key, head.plan.priority, run_no, limits::BACKLOG)?,
        None => 0,
    };
    Ok(Some(QueuePlace { running: room.running, running_run: room.running_run, place, older: room.older > 0 }))
}

/// Queued runs of a limit that go before this one, counted up to a bound.
fn ahead(db: &Connection, key: &str, priority: i8, run_no: RunNo, bound: usize) -> rusqlite::Result<u32> {
    db.prepare_cached(sqlite!("run", "ahead_of_limit"))?
        .query_map(params![key, priority, run_no, bound], |row| row.get::<_, u32>(0))?
        .sum::<rusqlite::Result<u32>>()
}
