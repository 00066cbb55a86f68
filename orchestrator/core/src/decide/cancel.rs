//! Somebody wants the run to end.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::input::Operator;
use crate::state::{RunOutcome, RunState, StopReason};

/// Cancel. A run that is over, or on its way, stays as it is: asking twice is asking once.
pub(super) fn cancel(draft: &mut Draft, operator: &Operator) -> Result<(), Refusal> {
    let (actor, reason) = (operator.actor.as_str(), operator.reason.as_deref());
    let state = draft.run()?.state;
    if state.is_over() || state == RunState::Ending {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    let reason = reason.map(|text| text.chars().take(crate::limits::MESSAGE_CHARS).collect::<String>());
    let message = reason.as_deref().map_or_else(|| format!("cancelled by {actor}"), |why| format!("cancelled by {actor}: {why}"));
    draft.emit(EventBody::CancelRequested { actor: actor.to_owned(), reason })?;
    let failure = Failure::new(FailureKind::Cancelled, message);
    draft.end(RunOutcome::Cancelled, None, Some(failure), StopReason::Cancelled)
}
