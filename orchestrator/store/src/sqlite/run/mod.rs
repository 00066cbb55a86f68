//! Heads of runs.

mod lists;
mod place;
mod write;

pub(super) use lists::{counts, failure_counts, page, sweep};
pub(super) use place::{drained, is_needed, next_of_limit, queue_place, room};
pub(super) use write::write;

use super::codec::{Id, json_or_null, variant_or_null, word};
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use sortie_core::ids::RunId;
use sortie_core::state::{RunOutcome, RunState};
use sortie_core::view::{Held, RunHead};

/// The number that stands for a run in all tables.
pub(super) type RunNo = i64;

/// What few heads have: from the run's end on, while it is held, or once a job has asked.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Extra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_from: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    exit_over: bool,
    /// Questions that its jobs have asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    asks: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Extra {
    const fn of(head: &RunHead) -> Self {
        Self { ending_seq: head.ending_seq, exit_from: head.exit_from, held: head.held, exit_over: head.exit_over, asks: head.asks }
    }
}

/// A row of the columns that every query names.
fn read(row: &Row<'_>) -> rusqlite::Result<(RunNo, RunHead)> {
    let extra: Extra = json_or_null(row, 21)?.unwrap_or_default();
    let head = RunHead {
        id: RunId::at(row, 1)?,
        flow: row.get(2)?,
        release: row.get(3)?,
        bundle: row.get(4)?,
        state: word(row, 5, RunState::parse)?,
        seq: row.get(6)?,
        wake_seq: row.get(7)?,
        engine: row.get(19)?,
        plan: json_or_null(row, 20)?.unwrap_or_default(),
        ending_seq: extra.ending_seq,
        exit_from: extra.exit_from,
        exit_over: extra.exit_over,
        held: extra.held,
        asks: extra.asks,
        logged: row.get(22)?,
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

/// Raise the fence of advancing, and count the claim until it is answered.
pub(super) fn claim_advance(db: &Connection, run_no: RunNo) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "claim_advance"))?.execute([run_no]).map(drop)
}

/// The claim with this fence was given up for a reason that is not the run's.
pub(super) fn forgive_advance(db: &Connection, id: &RunId, fence: u64) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "forgive_advance"))?.execute(rusqlite::params![id.blob(), fence]).map(drop)
}
