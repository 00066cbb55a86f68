//! An outside event is there for a step that waits for it.

use super::draft::Draft;
use super::{CallbackOutcome, Refusal, Reply};
use crate::canonical;
use crate::event::EventBody;
use crate::ids::Ms;
use crate::value;
use crate::view::StepKind;
use serde_json::Value;

/// The name under which a run remembers the events of one business key that it has consumed.
#[must_use]
pub fn subject(name: &str, key: &str) -> String {
    format!("event:{name}:{key}")
}

/// Consume it: a run takes each event once, whichever of its steps was waiting.
pub(super) fn arrived(draft: &mut Draft, call: u32, id: &str, payload: &Value, published_at: Ms) -> Result<(), Refusal> {
    let step = draft.step(call)?;
    let subject = match &step.kind {
        StepKind::Event { name, key } if step.is_open() => subject(name, key),
        _ => {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
    };
    draft.emit(EventBody::EventReceived { call, id: id.to_owned() })?;
    draft.remember(&subject, id.to_owned(), &canonical::digest(canonical::json(payload).as_bytes()), CallbackOutcome::Accepted, false);
    draft.complete(call, value::event(id, payload, published_at), None)
}
