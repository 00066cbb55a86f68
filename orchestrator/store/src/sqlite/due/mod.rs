//! Due work: claims by lease and fence.

mod fair;
mod held;
mod turns;

pub(super) use held::{counts as held_counts, hold, place as held_place, release_fitting, release_next};
pub(super) use turns::Turns;

use super::codec::Id;
use super::installation;
use super::run::{self, RunNo};
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

/// Whether a class is claimed in turns between flows: what costs something outside, or much time.
const fn is_fair(class: WorkClass) -> bool {
    matches!(class, WorkClass::Advance | WorkClass::Launch | WorkClass::Outbound)
}

/// Apply changes to the due work of a run, in order; what they put for other runs is due `now`.
///
/// A `Put` takes the row out of any claim (its fence becomes 0, which no claim has): what is asked for now is not
/// answered by somebody who claimed it before.
pub(super) fn apply(db: &Connection, run_no: RunNo, effects: &[Effect], now: Ms) -> rusqlite::Result<()> {
    let mut effects = effects;
    while let Some((effect, rest)) = effects.split_first() {
        effects = rest;
        match effect {
            Effect::Put { work, at } => put(db, run_no, work, *at)?,
            Effect::Drop { .. } => {
                let (dropped, rest) = drops(effect, rest);
                drop_keys(db, run_no, &dropped)?;
                effects = rest;
            }
            Effect::StartNext { key } => {
                if let Some(next) = run::next_of_limit(db, key)? {
                    put(db, next, &Work::Start, now)?;
                }
            }
            Effect::StartDrained { flow } => {
                for next in run::drained(db, flow)? {
                    put(db, next, &Work::Start, now)?;
                }
            }
            Effect::DropAll => {
                let keys: Vec<Work> =
                    db.prepare_cached(sqlite!("due", "keys"))?.query_map([run_no], |row| work(row, 0))?.collect::<Result<_, _>>()?;
                let dropped: Vec<String> = keys.iter().filter(|work| !work.outlives_run()).map(Work::key).collect();
                drop_keys(db, run_no, &dropped)?;
            }
        }
    }
    Ok(())
}

/// Ask for work of a run at this time.
pub(super) fn put(db: &Connection, run_no: RunNo, work: &Work, at: Ms) -> rusqlite::Result<()> {
    let statement = if is_fair(work.class()) { sqlite!("due", "put_fair") } else { sqlite!("due", "put") };
    db.prepare_cached(statement)?.execute(params![run_no, work.key(), work.class() as u8, at]).map(drop)
}

/// The keys of a row of drops, and the effects after it.
fn drops<'a>(first: &Effect, rest: &'a [Effect]) -> (Vec<String>, &'a [Effect]) {
    let key = |effect: &Effect| if let Effect::Drop { work } = effect { Some(work.key()) } else { None };
    let more = rest.iter().position(|effect| key(effect).is_none()).unwrap_or(rest.len());
    (std::iter::once(first).chain(&rest[..more]).filter_map(key).collect(), &rest[more..])
}

/// Up to four keys in one statement: as many as there are when an attempt is over.
fn drop_keys(db: &Connection, run_no: RunNo, keys: &[String]) -> rusqlite::Result<()> {
    for keys in keys.chunks(4) {
        match keys {
            [key] => db.prepare_cached(sqlite!("due", "drop"))?.execute(params![run_no, key])?,
            keys => {
                let key = |n: usize| keys.get(n).or(keys.first());
                db.prepare_cached(sqlite!("due", "drop_four"))?.execute(params![run_no, key(0), key(1), key(2), key(3)])?
            }
        };
    }
    Ok(())
}

/// Take due work of a class.
pub(super) fn claim(
    db: &Connection,
    turns: &Turns,
    class: WorkClass,
    now: Ms,
    lease_ms: u64,
    limit: usize,
) -> Result<Vec<Claim>, StoreError> {
    let limit = limit.min(limits::CLAIM);
    let ready = if is_fair(class) { fair::ready(db, turns, class, now, limit)? } else { ready(db, class, now, limit)? };
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

/// Work that is due, the soonest first.
fn ready(db: &Connection, class: WorkClass, now: Ms, limit: usize) -> rusqlite::Result<Vec<(RunNo, Claim)>> {
    db.prepare_cached(sqlite!("due", "ready"))?.query_map(params![class as u8, now, limit], unclaimed)?.collect()
}

fn unclaimed(row: &Row<'_>) -> rusqlite::Result<(RunNo, Claim)> {
    Ok((row.get(0)?, Claim { run: RunId::at(row, 3)?, work: work(row, 1)?, due_at: row.get(2)?, fence: 0 }))
}

/// Remove claimed work.
pub(super) fn finish(db: &Connection, claim: &Claim) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("due", "finish"))?.execute(params![claim.run.blob(), claim.work.key(), claim.fence])?;
    is_held(rows)
}

/// Give claimed work back.
pub(super) fn postpone(db: &Connection, claim: &Claim, until: Ms) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("due", "postpone"))?.execute(params![claim.run.blob(), claim.work.key(), claim.fence, until])?;
    is_held(rows)
}

/// Give back what is claimed. The lock on the store says that nobody else is alive who could have claimed it.
pub(super) fn give_back(db: &Connection, class: WorkClass, until: Ms) -> rusqlite::Result<()> {
    let statement = if is_fair(class) { sqlite!("due", "give_back_fair") } else { sqlite!("due", "give_back") };
    db.prepare_cached(statement)?.execute(params![class as u8, until]).map(drop)
}

/// A claim that touches no row is held no more.
const fn is_held(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Fenced) }
}

/// When the next work of a class is due.
pub(super) fn next(db: &Connection, class: WorkClass) -> rusqlite::Result<Option<Ms>> {
    if is_fair(class) {
        return fair::next(db, class);
    }
    db.prepare_cached(sqlite!("due", "next"))?.query_row([class as u8], |row| row.get(0)).optional()
}

/// Due work of a run, soonest first.
pub(super) fn of_run(db: &Connection, run: &RunId, run_no: RunNo) -> rusqlite::Result<Vec<Claim>> {
    db.prepare_cached(sqlite!("due", "of_run"))?
        .query_map([run_no], |row| Ok(Claim { run: run.clone(), work: work(row, 0)?, due_at: row.get(1)?, fence: row.get(2)? }))?
        .collect()
}

/// How many pieces of a class are due and not claimed, counted up to a bound for each flow, and since when the oldest is: a claim
/// moves a piece to the end of its lease.
pub(super) fn waiting(db: &Connection, class: WorkClass, now: Ms) -> rusqlite::Result<(u64, Option<Ms>)> {
    if is_fair(class) {
        return fair::waiting(db, class, now);
    }
    db.prepare_cached(sqlite!("due", "waiting_since"))?
        .query_row(params![class as u8, now, limits::BACKLOG], |row| Ok((row.get(0)?, row.get(1)?)))
}
