//! Steps.

use super::codec::{Id, bad, json, to_json};
use super::run::RunNo;
use crate::deliver::Change;
use crate::sql::sqlite;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortie_core::ids::WaitId;
use sortie_core::view::{JobStep, Step, StepKind};

fn read(row: &Row<'_>) -> rusqlite::Result<Step> {
    let kind = match row.get_ref(2)?.as_str().map_err(|e| bad(2, Type::Text, e))? {
        "job" => StepKind::Job(json::<JobStep>(row, 4)?),
        "wait" => StepKind::Wait { wait: WaitId::at(row, 3)? },
        "sleep" => StepKind::Sleep {},
        _ => return Err(bad(2, Type::Text, FromSqlError::InvalidType)),
    };
    Ok(Step {
        call: row.get(0)?,
        name: row.get(1)?,
        kind,
        spec_seq: row.get(5)?,
        completed_seq: row.get(6)?,
        deadline_at: row.get(7)?,
        answer_digest: row.get(8)?,
        kept: row.get(9)?,
        timeout_ms: 0,
        forgotten: false,
    })
}

/// Write what changed of a step.
pub(super) fn write(db: &Connection, run_no: RunNo, change: &Change<Step>) -> rusqlite::Result<()> {
    match change {
        Change::Insert(step) => {
            let (kind, wait, job) = match &step.kind {
                StepKind::Job(job) => ("job", None, Some(to_json(job)?)),
                StepKind::Wait { wait } => ("wait", Some(wait.blob()), None),
                StepKind::Sleep {} => ("sleep", None, None),
                other => (other.as_str(), None, Some(to_json(other)?)),
            };
            db.prepare_cached(sqlite!("step", "insert"))?
                .execute(params![
                    run_no,
                    step.call,
                    step.name,
                    kind,
                    wait,
                    job,
                    step.spec_seq,
                    step.completed_seq,
                    step.deadline_at,
                    step.answer_digest,
                    step.kept,
                ])
                .map(drop)
        }
        Change::Update { after: step, .. } => {
            let job = if let StepKind::Job(job) = &step.kind { Some(to_json(job)?) } else { None };
            db.prepare_cached(sqlite!("step", "update"))?
                .execute(params![
                    run_no,
                    step.call,
                    job,
                    step.spec_seq,
                    step.completed_seq,
                    step.deadline_at,
                    step.answer_digest,
                    step.kept
                ])
                .map(drop)
        }
    }
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

/// The step of a wait.
pub(super) fn of_wait(db: &Connection, wait: &WaitId) -> rusqlite::Result<Option<(RunNo, Step)>> {
    db.prepare_cached(sqlite!("step", "of_wait"))?.query_row([wait.blob()], |row| Ok((row.get(10)?, read(row)?))).optional()
}
