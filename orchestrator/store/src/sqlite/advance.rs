//! Claiming to evaluate a run, and reading what evaluation needs.
//!
//! The claim is a write; the journal is read beside the writer, and cut at the head that was claimed: events that arrive
//! between the two belong to the next evaluation.

use super::{beat, event, run};
use crate::error::StoreError;
use crate::model::AdvanceLoad;
use rusqlite::Connection;
use sortie_core::evaluation::{JournalEntry, RunFacts};
use sortie_core::ids::RunId;
use sortie_core::journal::{self, Journal};
use sortie_core::view::RunHead;

/// Raise the fence, where there is something to evaluate, and count the claim: one that is never answered has brought down its
/// worker or the whole process (F116).
pub(super) fn claim(db: &Connection, id: &RunId) -> Result<Option<(run::RunNo, RunHead)>, StoreError> {
    let (run_no, mut head) = run::by_id(db, id)?.ok_or_else(|| StoreError::NotFound(format!("run {id}")))?;
    if !head.begins() || head.evaluated_seq >= head.wake_seq {
        return Ok(None);
    }
    run::claim_advance(db, run_no)?;
    head.advance_fence += 1;
    head.crashes += 1;
    Ok(Some((run_no, head)))
}

/// What evaluation needs of a claimed run.
pub(super) fn load(db: &Connection, run_no: run::RunNo, head: RunHead) -> Result<AdvanceLoad, StoreError> {
    let Journal { input, entries: journal, exit } = assembled(db, run_no, &head)?;
    let (reports, reuse) = (beat::reports(db, run_no)?, reuse(db, &head)?);
    let facts = RunFacts { run: head.id.to_string(), flow: head.flow.clone(), release: head.release, created_at: head.created_at };
    Ok(AdvanceLoad { head, facts, input, journal, exit, reports, reuse })
}

/// Answered calls that a forked run may reuse, as the run it was forked from has them now. That one may have been deleted
/// since: then nothing is reused that was not before.
fn reuse(db: &Connection, head: &RunHead) -> Result<Vec<JournalEntry>, StoreError> {
    let Some(fork) = &head.plan.forked_from else { return Ok(Vec::new()) };
    let Some((run_no, from)) = run::by_id(db, &fork.run)? else { return Ok(Vec::new()) };
    let entries = assembled(db, run_no, &from)?.entries;
    Ok(entries.into_iter().filter(|entry| entry.call <= fork.calls && entry.value.is_some()).collect())
}

/// The journal of a run up to its head.
fn assembled(db: &Connection, run_no: run::RunNo, head: &RunHead) -> Result<Journal, StoreError> {
    let damaged = || StoreError::Unusable(format!("the journal of {} does not begin with its creation or skips a call", head.id));
    journal::assemble(event::replayed(db, run_no, head.seq)?).ok_or_else(damaged)
}
