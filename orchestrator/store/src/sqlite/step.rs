//! Steps.

use super::codec::{Id, bad, json, to_json};
use super::run::RunNo;
use crate::deliver::Change;
use crate::error::StoreError;
use crate::model::OpenWait;
use crate::sql::sqlite;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::{Ms, RunId, WaitId};
use sortie_core::view::{Step, StepKind};

/// Columns that every query names.
const COLUMNS: usize = 12;

fn read(row: &Row<'_>) -> rusqlite::Result<Step> {
    let kind = match row.get_ref(2)?.as_str().map_err(|e| bad(2, Type::Text, e))? {
        "job" => StepKind::Job(json(row, 4)?),
        "wait" => StepKind::Wait { wait: WaitId::at(row, 3)? },
        "sleep" => StepKind::Sleep {},
        "http" => StepKind::Http(json(row, 4)?),
        "artifact" => StepKind::Artifact(json(row, 4)?),
        "approval" => StepKind::Approval(json(row, 4)?),
        // With their tags: they have named fields of their own.
        "event" | "child" => json(row, 4)?,
        _ => return Err(bad(2, Type::Text, FromSqlError::InvalidType)),
    };
    Ok(Step {
        call: row.get(0)?,
        name: row.get(1)?,
        kind,
        spec_seq: row.get(5)?,
        completed_seq: row.get(6)?,
        deadline_at: row.get(7)?,
        timeout_ms: row.get(8)?,
        answer_digest: row.get(9)?,
        kept: row.get(10)?,
        forgotten: row.get(11)?,
    })
}

/// The kind's own state, where it has one that is in no column.
fn data(kind: &StepKind) -> rusqlite::Result<Option<String>> {
    match kind {
        StepKind::Job(job) => to_json(job).map(Some),
        StepKind::Http(tries) | StepKind::Artifact(tries) => to_json(tries).map(Some),
        StepKind::Approval(approval) => to_json(approval).map(Some),
        StepKind::Event { .. } | StepKind::Child { .. } => to_json(kind).map(Some),
        StepKind::Wait { .. } | StepKind::Sleep {} => Ok(None),
    }
}

/// Since when somebody outside is waited for, where the step is of that kind and open.
fn opened_at(step: &Step, at: Ms) -> Option<Ms> {
    let outside = matches!(step.kind, StepKind::Wait { .. } | StepKind::Approval(_) | StepKind::Event { .. });
    (outside && step.is_open()).then_some(at)
}

/// Write what changed of a step at this time.
///
/// # Errors
/// [`StoreError::Unusable`] where a new step would take the place of one that is not forgotten.
pub(super) fn write(db: &Connection, run_no: RunNo, change: &Change<Step>, at: Ms) -> Result<(), StoreError> {
    match change {
        Change::Insert(step) => put(db, run_no, step, at),
        // Its call number is used again.
        Change::Update { before, after } if before.forgotten && before.spec_seq != after.spec_seq => put(db, run_no, after, at),
        Change::Update { before, after } if before.completed_seq == after.completed_seq && before.forgotten == after.forgotten => {
            let parameters = params![run_no, after.call, data(&after.kind)?, after.deadline_at, after.answer_digest, after.kept];
            db.prepare_cached(sqlite!("step", "update_open"))?.execute(parameters)?;
            Ok(())
        }
        Change::Update { after: step, .. } => {
            db.prepare_cached(sqlite!("step", "update"))?.execute(params![
                run_no,
                step.call,
                data(&step.kind)?,
                step.spec_seq,
                step.completed_seq,
                step.deadline_at,
                step.timeout_ms,
                step.answer_digest,
                step.kept,
                step.forgotten,
                opened_at(step, at),
            ])?;
            Ok(())
        }
    }
}

fn put(db: &Connection, run_no: RunNo, step: &Step, at: Ms) -> Result<(), StoreError> {
    let wait = match &step.kind {
        StepKind::Wait { wait } => Some(wait.blob()),
        StepKind::Approval(approval) => Some(approval.id.blob()),
        _ => None,
    };
    let rows = db.prepare_cached(sqlite!("step", "put"))?.execute(params![
        run_no,
        step.call,
        step.name,
        step.kind.as_str(),
        wait,
        data(&step.kind)?,
        step.spec_seq,
        step.completed_seq,
        step.deadline_at,
        step.timeout_ms,
        step.answer_digest,
        step.kept,
        step.forgotten,
        opened_at(step, at),
    ])?;
    if rows == 1 { Ok(()) } else { Err(StoreError::Unusable(format!("there is a step {} that nothing has forgotten", step.call))) }
}

/// One step.
pub(super) fn get(db: &Connection, run_no: RunNo, call: u32) -> rusqlite::Result<Option<Step>> {
    db.prepare_cached(sqlite!("step", "get"))?.query_row(params![run_no, call], read).optional()
}

/// All steps of a run, in call order.
pub(super) fn of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<Vec<Step>> {
    db.prepare_cached(sqlite!("step", "of_run"))?.query_map([run_no], read)?.collect()
}

/// Steps of a run that are not answered.
pub(super) fn open_of_run(db: &Connection, run_no: RunNo) -> rusqlite::Result<Vec<Step>> {
    db.prepare_cached(sqlite!("step", "open_of_run"))?.query_map([run_no], read)?.collect()
}

/// The step of a wait or an approval.
pub(super) fn of_wait(db: &Connection, wait: &WaitId) -> rusqlite::Result<Option<(RunNo, Step)>> {
    db.prepare_cached(sqlite!("step", "of_wait"))?.query_row([wait.blob()], |row| Ok((row.get(COLUMNS)?, read(row)?))).optional()
}

/// Steps that have waited the longest for somebody outside.
pub(super) fn oldest_open(db: &Connection, limit: usize) -> rusqlite::Result<Vec<OpenWait>> {
    db.prepare_cached(sqlite!("step", "oldest_open"))?
        .query_map([limit], |row| {
            let (run, flow) = (RunId::at(row, COLUMNS)?, row.get(COLUMNS + 1)?);
            Ok(OpenWait { run, flow, step: read(row)?, since: row.get(COLUMNS + 2)? })
        })?
        .collect()
}
