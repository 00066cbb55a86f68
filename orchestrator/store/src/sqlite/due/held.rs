//! Launches that wait for a slot of a host. They are not due until an attempt on a fitting host is over.

use super::{Turns, postpone};
use crate::error::StoreError;
use crate::limits;
use crate::model::{Claim, HeldCount, HeldPlace};
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use crate::sqlite::run::RunNo;
use crate::sqlite::{attempt, host};
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::call::HostSelector;
use sortie_core::host::{Host, HostState};
use sortie_core::ids::Ms;

/// What a launch waits for, as stored.
fn target(on: &HostSelector) -> String {
    match on {
        HostSelector::Name(name) => format!("name:{name}"),
        HostSelector::Label(label) => format!("label:{label}"),
    }
}

/// Whether a host is one of those that are waited for.
fn fits(host: &Host, target: &str) -> bool {
    match target.split_once(':') {
        Some(("name", name)) => host.name == name,
        Some((_, label)) => host.labels.iter().any(|of| of == label),
        None => false,
    }
}

/// Slots of a host that nobody holds, and that are given away.
fn free(db: &Connection, host: &Host) -> rusqlite::Result<u64> {
    if host.state == HostState::Draining {
        return Ok(0);
    }
    let Some(slots) = host.slots else { return Ok(u64::MAX) };
    Ok(u64::from(slots).saturating_sub(attempt::open_on_host(db, &host.name)?))
}

/// Set a claimed launch aside; false where a slot has become free meanwhile (or no host fits any more): then it is due now.
pub(in crate::sqlite) fn hold(db: &Connection, claim: &Claim, on: &HostSelector, now: Ms) -> Result<bool, StoreError> {
    let target = target(on);
    let hosts: Vec<Host> = host::all(db)?.into_iter().filter(|host| fits(host, &target)).collect();
    let mut full = !hosts.is_empty();
    for host in &hosts {
        full = full && free(db, host)? == 0;
    }
    if !full {
        postpone(db, claim, now)?;
        return Ok(false);
    }
    let rows = db.prepare_cached(sqlite!("due", "hold"))?.execute(params![claim.run.blob(), claim.work.key(), claim.fence, target])?;
    super::is_held(rows).map(|()| true)
}

/// A slot of a host is free: the held launch that is next becomes due. Whether there was one.
pub(in crate::sqlite) fn release_next(db: &Connection, turns: &Turns, host: &Host, now: Ms) -> rusqlite::Result<bool> {
    let last = turns.of_held(&host.name);
    let targets = std::iter::once(format!("name:{}", host.name)).chain(host.labels.iter().map(|label| format!("label:{label}")));
    let mut best: Option<Next> = None;
    for target in targets {
        let found = next_of(db, &target, &last)?;
        best = match (best, found) {
            (Some(best), Some(found)) => Some(best.min(found)),
            (best, found) => best.or(found),
        };
    }
    let Some(next) = best else { return Ok(false) };
    let parameters = params![next.target, next.rank, next.flow];
    let (run_no, key): (RunNo, String) =
        db.prepare_cached(sqlite!("due", "held_next"))?.query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(sqlite!("due", "release"))?.execute(params![run_no, key, now])?;
    turns.serve_held(&host.name, next.flow);
    Ok(true)
}

/// Whose turn it is, in the order of the fields: the highest priority first, then the flows after the one that was served last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    rank: i64,
    begun_anew: bool,
    flow: String,
    target: String,
}

fn next_of(db: &Connection, target: &str, last: &str) -> rusqlite::Result<Option<Next>> {
    let rank: Option<i64> = db.prepare_cached(sqlite!("due", "held_rank"))?.query_row([target], |row| row.get(0)).optional()?;
    let Some(rank) = rank else { return Ok(None) };
    let mut flow_after = db.prepare_cached(sqlite!("due", "held_flow"))?;
    for (after, begun_anew) in [(last, false), ("", true)] {
        if let Some(flow) = flow_after.query_row(params![target, rank, after], |row| row.get(0)).optional()? {
            return Ok(Some(Next { rank, begun_anew, flow, target: target.to_owned() }));
        }
    }
    Ok(None)
}

/// Let go what no end of an attempt will: hosts were added, or have more slots or other labels, or are gone. How many were.
pub(in crate::sqlite) fn release_fitting(db: &Connection, turns: &Turns, now: Ms) -> rusqlite::Result<u64> {
    let targets: Vec<String> =
        db.prepare_cached(sqlite!("due", "held_targets"))?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if targets.is_empty() {
        return Ok(0);
    }
    let (hosts, most) = (host::all(db)?, limits::CLAIM as u64);
    let mut released = 0;
    for host in &hosts {
        let mut left = free(db, host)?.min(most);
        while left > 0 && release_next(db, turns, host, now)? {
            left -= 1;
            released += 1;
        }
    }
    for target in targets.iter().filter(|target| !hosts.iter().any(|host| fits(host, target))) {
        released += db.prepare_cached(sqlite!("due", "release_all"))?.execute(params![target, now, most])? as u64;
    }
    Ok(released)
}

/// What a launch waits for, and after how many others of that.
pub(in crate::sqlite) fn place(db: &Connection, run_no: RunNo, key: &str) -> rusqlite::Result<Option<HeldPlace>> {
    let held: Option<(String, i64)> =
        db.prepare_cached(sqlite!("due", "held_for"))?.query_row(params![run_no, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((target, rank)) = held else { return Ok(None) };
    let ahead = db
        .prepare_cached(sqlite!("due", "held_ahead"))?
        .query_map(params![target, rank, run_no, limits::BACKLOG], |row| row.get::<_, u64>(0))?
        .sum::<rusqlite::Result<u64>>()?;
    Ok(Some(HeldPlace { on: target, place: ahead + 1 }))
}

/// How many launches wait for each host or label.
pub(in crate::sqlite) fn counts(db: &Connection) -> rusqlite::Result<Vec<HeldCount>> {
    let mut count = db.prepare_cached(sqlite!("due", "held_count"))?;
    db.prepare_cached(sqlite!("due", "held_targets"))?
        .query_map([], |row| row.get::<_, String>(0))?
        .map(|target| {
            let on = target?;
            let launches = count.query_row(params![on, limits::BACKLOG], |row| row.get(0))?;
            Ok(HeldCount { on, launches })
        })
        .collect()
}
