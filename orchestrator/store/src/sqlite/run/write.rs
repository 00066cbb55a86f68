//! Writing what changed of a head, and the digest over its events.

use super::{Extra, RunNo};
use crate::chain::Chain;
use crate::deliver::Change;
use crate::sql::sqlite;
use crate::sqlite::codec::{Id, to_json};
use rusqlite::{Connection, params};
use sortie_core::ids::Ms;
use sortie_core::plan::RunPlan;
use sortie_core::state::RunState;
use sortie_core::view::RunHead;

/// Whether a run is among those that its limit counts, as stored.
fn place(head: &RunHead) -> Option<u8> {
    if !head.plan.queues() || head.state.is_over() {
        return None;
    }
    // The first event that wakes a run is its start.
    Some(match head.state {
        RunState::Queued => 0,
        _ if head.wake_seq > 0 => 1,
        _ => 2,
    })
}

fn ended_at(head: &RunHead) -> Option<Ms> {
    head.state.is_over().then_some(head.updated_at)
}

fn failed_at(head: &RunHead) -> Option<Ms> {
    head.failure.as_ref().map(|_| head.updated_at)
}

fn extra(head: &RunHead) -> rusqlite::Result<Option<String>> {
    let extra = Extra::of(head);
    if extra == Extra::default() { Ok(None) } else { to_json(&extra).map(Some) }
}

/// Write what changed of a head, and the counts of shown states with it.
pub(in crate::sqlite) fn write(
    db: &Connection,
    run_no: Option<RunNo>,
    change: &Change<RunHead>,
    chain: Option<&Chain>,
) -> rusqlite::Result<RunNo> {
    match (change, run_no) {
        (Change::Update { before, after }, Some(run_no)) => {
            update(db, run_no, before, after, chain)?;
            if before.shown_state() != after.shown_state() {
                count(db, sqlite!("run_count", "down"), before)?;
                count(db, sqlite!("run_count", "up"), after)?;
            }
            Ok(run_no)
        }
        (Change::Insert(head) | Change::Update { after: head, .. }, _) => {
            insert(db, head, chain)?;
            let run_no = db.last_insert_rowid();
            count(db, sqlite!("run_count", "up"), head)?;
            Ok(run_no)
        }
    }
}

fn count(db: &Connection, statement: &str, head: &RunHead) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute(params![head.flow, head.shown_state()]).map(drop)
}

fn insert(db: &Connection, head: &RunHead, chain: Option<&Chain>) -> rusqlite::Result<()> {
    let plan = &head.plan;
    let kept = if *plan == RunPlan::default() { None } else { Some(to_json(plan)?) };
    let started_by = Some(plan.trigger.as_str()).filter(|trigger| !matches!(*trigger, "" | "manual"));
    db.prepare_cached(sqlite!("run", "insert"))?
        .execute(params![
            head.id.blob(),
            head.flow,
            head.release,
            head.bundle,
            head.state.as_str(),
            head.seq,
            head.wake_seq,
            head.calls,
            head.open_steps,
            head.fence,
            head.ending.map(|outcome| outcome.state().as_str()),
            head.deadline_at,
            head.created_at,
            head.updated_at,
            head.failure.as_ref().map(to_json).transpose()?,
            head.advance_fence,
            head.evaluated_seq,
            head.crashes,
            head.engine,
            kept,
            extra(head)?,
            head.logged,
            chain,
            plan.priority,
            plan.limit.as_ref().map(|limit| limit.key.as_str()),
            place(head),
            plan.after_older.then_some(1),
            plan.parent.as_ref().map(|parent| parent.run.blob()),
            plan.forked_from.as_ref().map(|fork| fork.run.blob()),
            started_by,
            head.failure.as_ref().map(|failure| failure.kind.as_str()),
            failed_at(head),
            ended_at(head),
        ])
        .map(drop)
}

fn update(db: &Connection, run_no: RunNo, before: &RunHead, after: &RunHead, chain: Option<&Chain>) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("run", "update"))?.execute(params![
        run_no,
        after.seq,
        after.wake_seq,
        after.calls,
        after.open_steps,
        after.fence,
        after.deadline_at,
        after.updated_at,
        after.advance_fence,
        after.evaluated_seq,
        after.crashes,
        after.logged,
        chain,
    ])?;
    if before.state != after.state {
        db.prepare_cached(sqlite!("run", "update_state"))?.execute(params![run_no, after.state.as_str(), place(after), ended_at(after)])?;
    }
    if before.failure != after.failure || before.ending != after.ending || Extra::of(before) != Extra::of(after) {
        db.prepare_cached(sqlite!("run", "update_end"))?.execute(params![
            run_no,
            after.ending.map(|outcome| outcome.state().as_str()),
            extra(after)?,
            after.failure.as_ref().map(to_json).transpose()?,
            after.failure.as_ref().map(|failure| failure.kind.as_str()),
            failed_at(after),
        ])?;
    }
    Ok(())
}
