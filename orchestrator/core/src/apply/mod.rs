//! The fold: `apply(view, event)`. The only place where rows change; deciding and replaying both go through it.

mod ask;
mod attempt;
mod kind;
mod outside;
mod reset;
mod run;
mod step;

use crate::event::{Event, EventBody};
use crate::state::IllegalTransition;
use crate::view::View;

const MISSING: IllegalTransition = IllegalTransition { what: "journal", from: "an event", to: "a row that is not there" };
const GAP: IllegalTransition = IllegalTransition { what: "journal", from: "one number", to: "another than the next" };

/// Fold one event.
///
/// # Errors
/// [`IllegalTransition`] where the event does not follow from the rows: a gap, a missing row, a move outside the tables.
pub fn apply(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    if let EventBody::RunCreated { .. } = event.body {
        return run::created(view, event);
    }
    let run = view.run.as_mut().ok_or(MISSING)?;
    if event.seq != run.seq + 1 {
        return Err(GAP);
    }
    run.seq = event.seq;
    run.updated_at = event.at;
    match &event.body {
        EventBody::RunCreated { .. } => Err(GAP),
        EventBody::RunStarted { .. }
        | EventBody::RunPaused { .. }
        | EventBody::RunResumed { .. }
        | EventBody::RunParked { .. }
        | EventBody::TerminateRequested { .. }
        | EventBody::RunEnding { .. }
        | EventBody::ExitStarted { .. }
        | EventBody::ExitEnded {}
        | EventBody::ExitFailed { .. }
        | EventBody::RunEnded { .. } => run::on_run(run, event),
        EventBody::FlowLogged { lines } => {
            run.logged = run.logged.saturating_add(u32::try_from(lines.len()).unwrap_or(u32::MAX));
            Ok(())
        }
        EventBody::RunReset { keep, reopen, deadline_at, .. } => reset::on_reset(view, event, *keep, reopen, *deadline_at),
        EventBody::StepScheduled { .. }
        | EventBody::StepRecorded { .. }
        | EventBody::StepReused { .. }
        | EventBody::StepCompleted { .. } => step::on_step(view, event),
        EventBody::RetryScheduled { call, due_at, .. } => {
            step::job_mut(view, *call)?.retry_at = Some(*due_at);
            Ok(())
        }
        EventBody::CallbackKept { call, .. } => {
            view.steps.get_mut(call).ok_or(MISSING)?.kept += 1;
            Ok(())
        }
        EventBody::AskOpened { .. } | EventBody::AskClosed { .. } => ask::on_ask(view, event),
        EventBody::CancelRequested { .. } | EventBody::RunOverdue {} | EventBody::NoticeSent { .. } | EventBody::NoticeFailed { .. } => {
            Ok(())
        }
        EventBody::TryStarted { .. }
        | EventBody::TryFailed { .. }
        | EventBody::ChildStarted { .. }
        | EventBody::ChildStopping { .. }
        | EventBody::EventReceived { .. }
        | EventBody::ApprovalVoted { .. }
        | EventBody::ApprovalReminded { .. }
        | EventBody::ApprovalEscalated { .. } => outside::on_outside(view, event),
        _ => attempt::on_attempt(view, event),
    }
}

/// Fold a whole journal.
///
/// # Errors
/// As [`apply`], for the first event that does not follow.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<View, IllegalTransition> {
    let mut view = View::default();
    for event in events {
        apply(&mut view, event)?;
    }
    Ok(view)
}
