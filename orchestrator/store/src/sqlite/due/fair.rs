//! Work of the classes that are claimed in turns: the highest priority first, and within one each flow in its turn.
//!
//! The index is walked from flow to flow, one jump each, so that a hundred thousand pieces of one flow cost the others nothing.

use super::{Turns, unclaimed};
use crate::limits;
use crate::model::Claim;
use crate::sql::sqlite;
use crate::sqlite::run::RunNo;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::effect::WorkClass;
use sortie_core::ids::Ms;

/// A piece of work with the number of its run.
type Ready = (RunNo, Claim);

/// Work that is due, in turns.
pub(super) fn ready(db: &Connection, turns: &Turns, class: WorkClass, now: Ms, limit: usize) -> rusqlite::Result<Vec<Ready>> {
    let mut taken = Vec::new();
    let mut rank = None;
    while taken.len() < limit {
        let Some(next) = next_rank(db, class, rank)? else { break };
        rank = Some(next);
        of_rank(&Lane { db, class, rank: next, now }, turns, limit, &mut taken)?;
    }
    Ok(taken)
}

/// When the next piece is due: the soonest of the first pieces of all flows.
pub(super) fn next(db: &Connection, class: WorkClass) -> rusqlite::Result<Option<Ms>> {
    let mut first = db.prepare_cached(sqlite!("due", "next_of_flow"))?;
    let mut soonest: Option<Ms> = None;
    each_flow(db, class, |rank, flow| {
        let at: Ms = first.query_row(params![class as u8, rank, flow], |row| row.get(0))?;
        soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        Ok(())
    })?;
    Ok(soonest)
}

/// How many pieces are due, and since when the oldest is.
pub(super) fn waiting(db: &Connection, class: WorkClass, now: Ms) -> rusqlite::Result<(u64, Option<Ms>)> {
    let mut count = db.prepare_cached(sqlite!("due", "waiting_since_of_flow"))?;
    let mut all: (u64, Option<Ms>) = (0, None);
    each_flow(db, class, |rank, flow| {
        let (due, oldest): (u64, Option<Ms>) =
            count.query_row(params![class as u8, rank, flow, now, limits::BACKLOG], |row| Ok((row.get(0)?, row.get(1)?)))?;
        all = (all.0 + due, all.1.into_iter().chain(oldest).min());
        Ok(())
    })?;
    Ok(all)
}

/// Each flow that has work of a class, once for each of its ranks.
fn each_flow(db: &Connection, class: WorkClass, mut visit: impl FnMut(i64, &str) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut rank = None;
    while let Some(next) = next_rank(db, class, rank)? {
        rank = Some(next);
        let lane = Lane { db, class, rank: next, now: Ms::MAX };
        let mut flow = lane.flow_after("")?;
        while let Some(of) = flow {
            visit(next, &of)?;
            flow = lane.flow_after(&of)?;
        }
    }
    Ok(())
}

/// The rank after this one; lower ranks are higher priorities.
fn next_rank(db: &Connection, class: WorkClass, after: Option<i64>) -> rusqlite::Result<Option<i64>> {
    let after = after.unwrap_or(i64::MIN);
    db.prepare_cached(sqlite!("due", "next_rank"))?.query_row(params![class as u8, after], |row| row.get(0)).optional()
}

/// The work of one class and rank.
struct Lane<'a> {
    db: &'a Connection,
    class: WorkClass,
    rank: i64,
    now: Ms,
}

impl Lane<'_> {
    /// The flow after this one that has work, due or not.
    fn flow_after(&self, flow: &str) -> rusqlite::Result<Option<String>> {
        let parameters = params![self.class as u8, self.rank, flow];
        self.db.prepare_cached(sqlite!("due", "next_flow"))?.query_row(parameters, |row| row.get(0)).optional()
    }

    /// Work of a flow that is due, after the first `skip` pieces.
    fn of_flow(&self, flow: &str, limit: usize, skip: usize) -> rusqlite::Result<Vec<Ready>> {
        self.db
            .prepare_cached(sqlite!("due", "ready_of_flow"))?
            .query_map(params![self.class as u8, self.rank, flow, self.now, limit, skip], unclaimed)?
            .collect()
    }
}

/// One piece of each flow, beginning after the flow that was served last; then what is left to take is shared between those that
/// have more, until nothing is left of it.
fn of_rank(lane: &Lane<'_>, turns: &Turns, limit: usize, taken: &mut Vec<Ready>) -> rusqlite::Result<()> {
    let mut flows = first_of_each(lane, turns, limit, taken)?;
    let mut skip = 1;
    while taken.len() < limit && !flows.is_empty() {
        let share = (limit - taken.len()).div_ceil(flows.len());
        let mut more = Vec::new();
        for flow in flows {
            let wanted = share.min(limit - taken.len());
            let found = lane.of_flow(&flow, wanted, skip)?;
            if found.len() == share {
                more.push(flow);
            }
            taken.extend(found);
        }
        flows = more;
        skip += share;
    }
    Ok(())
}

/// The flows that a piece was taken of.
fn first_of_each(lane: &Lane<'_>, turns: &Turns, limit: usize, taken: &mut Vec<Ready>) -> rusqlite::Result<Vec<String>> {
    let last = turns.of_class(lane.class);
    let mut flows = Vec::new();
    let mut begun_anew = false;
    let mut flow = lane.flow_after(&last)?;
    while taken.len() < limit {
        let Some(of) = flow.take() else {
            if begun_anew {
                break;
            }
            begun_anew = true;
            flow = lane.flow_after("")?;
            if flow.is_none() {
                break;
            }
            continue;
        };
        if begun_anew && of > last {
            break;
        }
        let found = lane.of_flow(&of, 1, 0)?;
        flow = lane.flow_after(&of)?;
        if !found.is_empty() {
            taken.extend(found);
            turns.serve_class(lane.class, of.clone());
            flows.push(of);
        }
    }
    Ok(flows)
}
