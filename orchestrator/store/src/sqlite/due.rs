//! Due work: claims by lease and fence.

use super::codec::Id;
use super::installation;
use super::run::RunNo;
use crate::error::StoreError;
use crate::limits;
use crate::model::Claim;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::effect::{Effect, Work, WorkClass};
use sortie_core::ids::{Ms, RunId};

fn work(row: &Row<'_>, column: usize) -> rusqlite::Result<Work> {
    super::codec::word(row, column, Work::parse)
}

/// Apply changes to the due work of a run, in order.
///
/// A `Put` takes the row out of any claim (its fence becomes 0, which no claim has): what is asked for now is not
/// answered by somebody who claimed it before.
pub(super) fn apply(db: &Connection, run_no: RunNo, effects: &[Effect]) -> rusqlite::Result<()> {
    for effect in effects {
        match effect {
            Effect::Put { work, at } => {
                db.prepare_cached(sqlite!("due", "put"))?.execute(params![run_no, work.key(), work.class() as u8, at])?;
            }
            Effect::Drop { work } => drop_key(db, run_no, &work.key())?,
            Effect::StartNext { .. } | Effect::StartDrained { .. } => {}
            Effect::DropAll => {
                let keys: Vec<Work> =
                    db.prepare_cached(sqlite!("due", "keys"))?.query_map([run_no], |row| work(row, 0))?.collect::<Result<_, _>>()?;
                for work in keys.iter().filter(|work| !work.outlives_run()) {
                    drop_key(db, run_no, &work.key())?;
                }
            }
        }
    }
    Ok(())
}

fn drop_key(db: &Connection, run_no: RunNo, key: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("due", "drop"))?.execute(params![run_no, key]).map(drop)
}

/// Take due work of a class.
pub(super) fn claim(db: &Connection, class: WorkClass, now: Ms, lease_ms: u64, limit: usize) -> Result<Vec<Claim>, StoreError> {
    let limit = limit.min(limits::CLAIM);
    let ready: Vec<(RunNo, Claim)> = db
        .prepare_cached(sqlite!("due", "ready"))?
        .query_map(params![class as u8, now, limit], |row| {
            Ok((row.get(0)?, Claim { run: RunId::at(row, 3)?, work: work(row, 1)?, due_at: row.get(2)?, fence: 0 }))
        })?
        .collect::<Result<_, _>>()?;
    if ready.is_empty() {
        return Ok(Vec::new());
    }
    let until = now.saturating_add_unsigned(lease_ms);
    let first = installation::next_fences(db, ready.len() as u64)?;
    let mut update = db.prepare_cached(sqlite!("due", "claim"))?;
    let mut claims = Vec::with_capacity(ready.len());
    for (fence, (run_no, claim)) in (first..).zip(ready) {
        update.execute(params![run_no, claim.work.key(), until, fence])?;
        claims.push(Claim { fence, ..claim });
    }
    Ok(claims)
}

/// Remove claimed work.
pub(super) fn finish(db: &Connection, claim: &Claim) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("due", "finish"))?.execute(params![claim.run.blob(), claim.work.key(), claim.fence])?;
    held(rows)
}

/// Give claimed work back.
pub(super) fn postpone(db: &Connection, claim: &Claim, until: Ms) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("due", "postpone"))?.execute(params![claim.run.blob(), claim.work.key(), claim.fence, until])?;
    held(rows)
}

/// Give back what is claimed. The lock on the store says that nobody else is alive who could have claimed it.
pub(super) fn give_back(db: &Connection, class: WorkClass, until: Ms) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("due", "give_back"))?.execute(params![class as u8, until]).map(drop)
}

/// A claim that touches no row is held no more.
const fn held(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// When the next work of a class is due.
pub(super) fn next(db: &Connection, class: WorkClass) -> rusqlite::Result<Option<Ms>> {
    db.prepare_cached(sqlite!("due", "next"))?.query_row([class as u8], |row| row.get(0)).optional()
}

/// Due work of a run, soonest first.
pub(super) fn of_run(db: &Connection, run: &RunId, run_no: RunNo) -> rusqlite::Result<Vec<Claim>> {
    db.prepare_cached(sqlite!("due", "of_run"))?
        .query_map([run_no], |row| Ok(Claim { run: run.clone(), work: work(row, 0)?, due_at: row.get(1)?, fence: row.get(2)? }))?
        .collect()
}
