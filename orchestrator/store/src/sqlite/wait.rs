//! External waits: a step, and what its event says of it.

use super::{event, run, step};
use crate::error::StoreError;
use crate::model::WaitRow;
use rusqlite::Connection;
use sortie_core::call::CallSpec;
use sortie_core::event::EventBody;
use sortie_core::ids::WaitId;

/// One wait.
pub(super) fn get(db: &Connection, id: &WaitId) -> Result<Option<WaitRow>, StoreError> {
    let Some((run_no, step)) = step::of_wait(db, id)? else { return Ok(None) };
    let event = event::get(db, run_no, step.spec_seq)?;
    let Some((at, EventBody::StepScheduled { spec: CallSpec::Wait(spec), .. })) = event.map(|event| (event.at, event.body)) else {
        return Err(StoreError::Unusable(format!("event {} of the wait {id} does not schedule it", step.spec_seq)));
    };
    Ok(Some(WaitRow { run: run::id(db, run_no)?, step, schema: spec.schema, auth: spec.auth, roles: spec.roles, scheduled_at: at }))
}
