//! Between runs: steps that are tied to another run, how a run ended, runs that belong to something that changed.

use crate::error::StoreError;
use crate::model::triggers::{LinkStep, OpenBundle, RunAnswer};
use crate::model::{AdvanceLoad, Claim, Delivered, Delivery};
use crate::sql::sqlite;
use crate::sqlite::codec::Id;
use crate::sqlite::{advance, deliver, due, event, run, step};
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::effect::{Effect, Work};
use sortie_core::event::EventBody;
use sortie_core::ids::RunId;
use sortie_core::view::RunHead;

/// A step with its arguments.
pub(in crate::sqlite) fn step(db: &Connection, run: &RunId, call: u32) -> Result<Option<LinkStep>, StoreError> {
    let Some((run_no, head)) = run::by_id(db, run)? else { return Ok(None) };
    let Some(step) = step::get(db, run_no, call)? else { return Ok(None) };
    match event::get(db, run_no, step.spec_seq)?.and_then(|event| event.body.opens()) {
        Some(spec) => Ok(Some(LinkStep { head, step, spec })),
        None => Err(StoreError::Unusable(format!("the step {call} of {run} was never scheduled"))),
    }
}

/// Decide only while a claim holds.
pub(in crate::sqlite) fn deliver_while(
    db: &Connection,
    turns: &due::Turns,
    claim: &Claim,
    delivery: Delivery,
) -> Result<Delivered, StoreError> {
    let held = db.prepare_cached(sqlite!("due", "held"))?.exists(params![claim.run.blob(), claim.work.key(), claim.fence])?;
    if held { deliver::deliver(db, turns, delivery) } else { Err(StoreError::Fenced) }
}

/// The child, or no child ever.
pub(in crate::sqlite) fn child_or_never(db: &Connection, parent: &RunId, call: u32, child: &RunId) -> Result<Option<RunHead>, StoreError> {
    if let Some(run_no) = run::number(db, parent)? {
        due::apply(db, run_no, &[Effect::Drop { work: Work::Child(call) }], 0)?;
    }
    Ok(run::by_id(db, child)?.map(|(_, head)| head))
}

/// How a run ended: its last `run_ending` stands near the end of its history.
pub(in crate::sqlite) fn answer(db: &Connection, id: &RunId) -> Result<Option<RunAnswer>, StoreError> {
    let Some((run_no, head)) = run::by_id(db, id)? else { return Ok(None) };
    let seq: Option<u64> = db.prepare_cached(sqlite!("event", "ending"))?.query_row([run_no], |row| row.get(0)).optional()?;
    let ending = match seq {
        Some(seq) => event::get(db, run_no, seq)?.map(|event| event.body),
        None => None,
    };
    let (outcome, value, failure) = match ending {
        Some(EventBody::RunEnding { outcome, value, failure }) => (Some(outcome), value.unwrap_or_default(), failure),
        _ => (None, serde_json::Value::Null, None),
    };
    let outcome = outcome.filter(|_| head.state.is_over());
    Ok(Some(RunAnswer { head, outcome, value, failure }))
}

/// What an evaluation would be given, without a claim.
pub(in crate::sqlite) fn replay(db: &Connection, id: &RunId) -> Result<Option<AdvanceLoad>, StoreError> {
    run::by_id(db, id)?.map(|(run_no, head)| advance::load(db, run_no, head)).transpose()
}

/// Open runs of releases that were superseded.
pub(in crate::sqlite) fn superseded(db: &Connection, limit: usize) -> rusqlite::Result<Vec<(RunId, u32)>> {
    db.prepare_cached(sqlite!("flow", "superseded"))?.query_map([limit], |row| Ok((RunId::at(row, 0)?, row.get(1)?)))?.collect()
}

/// Open runs whose bundle is gone.
pub(in crate::sqlite) fn without_bundle(db: &Connection, limit: usize) -> rusqlite::Result<Vec<OpenBundle>> {
    db.prepare_cached(sqlite!("flow", "without_bundle"))?
        .query_map([limit], |row| Ok(OpenBundle { flow: row.get(0)?, release: row.get(1)?, run: RunId::at(row, 2)?, bundle: row.get(3)? }))?
        .collect()
}

/// Started runs that hold a place of a limit.
pub(in crate::sqlite) fn limited(db: &Connection, key: &str, limit: usize) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached(sqlite!("run", "all_of_limit"))?.query_map(params![key, limit], |row| RunId::at(row, 0))?.collect()
}
