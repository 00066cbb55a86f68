//! Taking in a run that is over, with everything of it, in one transaction.

use crate::deliver::Change;
use crate::error::StoreError;
use crate::import::Import;
use crate::sql::sqlite;
use crate::sqlite::run::{self, RunNo};
use crate::sqlite::{attempt, callback, event, step};
use rusqlite::{Connection, params};
use sortie_core::view::{Step, StepKind};

/// Write it. No work is put: nothing of it is open.
pub(in crate::sqlite) fn import_run(db: &Connection, import: &Import) -> Result<(), StoreError> {
    let head = &import.head;
    if run::number(db, &head.id)?.is_some() {
        return Err(StoreError::Conflict(format!("the run {} is here already", head.id)));
    }
    no_id_is_taken(db, import)?;
    db.prepare_cached(sqlite!("bundle", "insert"))?.execute(params![head.bundle, import.files])?;
    let events = event::prepare(db, &head.id, None, &import.events)?;
    let made = run::write(db, None, &Change::Insert(head.clone()), events.chain.as_ref())?;
    let run_no = put_before_all(db, made)?;
    event::append(db, run_no, &events)?;
    for row in &import.steps {
        step::write(db, run_no, &Change::Insert(row.clone()), head.updated_at)?;
    }
    for row in &import.attempts {
        attempt::write(db, run_no, &Change::Insert(row.clone()))?;
    }
    for (record, body) in &import.callbacks {
        let seq = import.events.partition_point(|event| event.at <= record.at) as u64;
        callback::remember(db, run_no, seq, record, body.as_deref())?;
    }
    Ok(())
}

/// Attempts and waits are found by their ids alone, so no two runs may have the same.
fn no_id_is_taken(db: &Connection, import: &Import) -> Result<(), StoreError> {
    let taken = |what: &str, id: &str| Err(StoreError::Conflict(format!("the {what} {id} is here already, in another run")));
    for row in &import.attempts {
        if attempt::get(db, &row.id)?.is_some() {
            return taken("attempt", row.id.as_str());
        }
    }
    for row in &import.steps {
        if let Some(wait) = wait_of(row)
            && step::of_wait(db, wait)?.is_some()
        {
            return taken("wait", wait.as_str());
        }
    }
    Ok(())
}

const fn wait_of(step: &Step) -> Option<&sortie_core::ids::WaitId> {
    match &step.kind {
        StepKind::Wait { wait } => Some(wait),
        StepKind::Approval(approval) => Some(&approval.id),
        _ => None,
    }
}

/// Numbers above zero follow the times of creation, by which lists since a time find their first run: one that was made at any
/// time, elsewhere, goes below all others.
fn put_before_all(db: &Connection, made: RunNo) -> rusqlite::Result<RunNo> {
    let lowest: RunNo = db.prepare_cached(sqlite!("run", "lowest"))?.query_row([], |row| row.get(0))?;
    let run_no = lowest.min(1) - 1;
    db.prepare_cached(sqlite!("run", "renumber"))?.execute(params![made, run_no])?;
    Ok(run_no)
}
