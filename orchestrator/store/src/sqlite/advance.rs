//! Claiming to evaluate a run, and reading what evaluation needs.
//!
//! The claim is a write; the journal is read beside the writer, and cut at the head that was claimed: events that arrive
//! between the two belong to the next evaluation.

use super::{event, run};
use crate::error::StoreError;
use crate::model::AdvanceLoad;
use rusqlite::Connection;
use serde_json::Value;
use sortie_core::evaluation::{JournalEntry, RunFacts};
use sortie_core::event::{Event, EventBody};
use sortie_core::ids::RunId;
use sortie_core::state::RunState;
use sortie_core::view::RunHead;
use std::collections::BTreeMap;

/// Raise the fence, where there is something to evaluate.
pub(super) fn claim(db: &Connection, id: &RunId) -> Result<Option<(run::RunNo, RunHead)>, StoreError> {
    let (run_no, mut head) = run::by_id(db, id)?.ok_or_else(|| StoreError::NotFound(format!("run {id}")))?;
    if !matches!(head.state, RunState::Running | RunState::Ending) || head.evaluated_seq >= head.wake_seq {
        return Ok(None);
    }
    run::raise_advance_fence(db, run_no)?;
    head.advance_fence += 1;
    head.crashes += 1;
    Ok(Some((run_no, head)))
}

/// What evaluation needs of a claimed run.
pub(super) fn load(db: &Connection, run_no: run::RunNo, head: RunHead) -> Result<AdvanceLoad, StoreError> {
    let (input, journal) = journal(event::replayed(db, run_no, head.seq)?)
        .ok_or_else(|| StoreError::Unusable(format!("the journal of {} does not begin with its creation or skips a call", head.id)))?;
    let facts = RunFacts { run: head.id.to_string(), flow: head.flow.clone(), release: head.release, created_at: head.created_at };
    Ok(AdvanceLoad { head, facts, input, journal })
}

/// Input and durable calls of a run from its events. `None` where calls are missing.
fn journal(events: Vec<Event>) -> Option<(Value, Vec<JournalEntry>)> {
    let mut input = None;
    let mut calls = BTreeMap::new();
    for Event { seq, body, .. } in events {
        match body {
            EventBody::RunCreated { input: given, .. } => input = Some(given),
            EventBody::StepScheduled { call, step, spec, .. } => {
                calls.insert(call, JournalEntry { call, step, spec, value: None, completed_seq: None });
            }
            EventBody::StepRecorded { call, step, spec, value } => {
                calls.insert(call, JournalEntry { call, step, spec, value: Some(value), completed_seq: Some(seq) });
            }
            EventBody::StepCompleted { call, value, .. } => {
                let entry = calls.get_mut(&call)?;
                entry.value = Some(value);
                entry.completed_seq = Some(seq);
            }
            _ => {}
        }
    }
    let gapless = calls.keys().zip(1..).all(|(call, expected)| *call == expected);
    if gapless { Some((input?, calls.into_values().collect())) } else { None }
}
