//! Steps that people and other systems are asked for.

use crate::error::StoreError;
use crate::limits;
use crate::model::operations::{AskedAfter, AskedStep};
use crate::sql::sqlite;
use crate::sqlite::run::RunNo;
use crate::sqlite::{event, run, step};
use rusqlite::{Connection, params};
use sortie_core::ids::WaitId;
use sortie_core::view::{Step, StepKind};

/// Open ones of a kind, in the order of their runs.
pub(in crate::sqlite) fn asked(
    db: &Connection,
    kind: &str,
    after: Option<&AskedAfter>,
    limit: usize,
) -> Result<Vec<AskedStep>, StoreError> {
    let (run_no, call) = match after {
        Some((id, call)) => (run::number(db, id)?.ok_or_else(|| StoreError::NotFound(format!("run {id}")))?, *call),
        None => (0, 0),
    };
    let mut statement = db.prepare_cached(sqlite!("step", "asked"))?;
    let found: Vec<(RunNo, u32)> = statement
        .query_map(params![kind, run_no, call, limit.min(limits::RUNS_PAGE)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut steps = Vec::with_capacity(found.len());
    for (run_no, call) in found {
        if let Some(step) = step::get(db, run_no, call)?.filter(Step::is_open) {
            steps.push(whole(db, run_no, step)?);
        }
    }
    Ok(steps)
}

/// The approval of an id.
pub(in crate::sqlite) fn approval(db: &Connection, id: &WaitId) -> Result<Option<AskedStep>, StoreError> {
    match step::of_wait(db, id)? {
        Some((run_no, step)) if matches!(step.kind, StepKind::Approval(_)) => whole(db, run_no, step).map(Some),
        _ => Ok(None),
    }
}

fn whole(db: &Connection, run_no: RunNo, step: Step) -> Result<AskedStep, StoreError> {
    let (_, head) = run::by_number(db, run_no)?;
    let event = event::get(db, run_no, step.spec_seq)?.map(|event| (event.at, event.body));
    let Some((scheduled_at, spec)) = event.and_then(|(at, body)| Some((at, body.opens()?))) else {
        return Err(StoreError::Unusable(format!("event {} of {} does not schedule `{}`", step.spec_seq, head.id, step.name)));
    };
    Ok(AskedStep { run: head.id, flow: head.flow, step, spec, scheduled_at })
}
