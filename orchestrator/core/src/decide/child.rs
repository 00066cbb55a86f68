//! Runs that a run has started.
//!
//! The step's row names the run before it is made, so making it is create-if-absent. A child that is not wanted any more is
//! cancelled and its end waited for; one that may be under way of being made is waited for, then cancelled: none is left behind.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::call::OnCancel;
use crate::effect::Work;
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::RunId;
use crate::input::ChildAnswer;
use crate::state::{RunOutcome, StopReason};
use crate::value;
use crate::view::StepKind;

/// An open step's child.
struct Open {
    run: RunId,
    made: bool,
    on_cancel: OnCancel,
    stopping: Option<StopReason>,
}

fn open(draft: &Draft, call: u32) -> Result<Option<Open>, Refusal> {
    let step = draft.step(call)?;
    Ok(match &step.kind {
        StepKind::Child { run, made, on_cancel, stopping } if step.is_open() => {
            Some(Open { run: run.clone(), made: *made, on_cancel: *on_cancel, stopping: *stopping })
        }
        _ => None,
    })
}

fn nothing(draft: &mut Draft) -> Result<(), Refusal> {
    draft.reply = Reply::Nothing;
    Ok(())
}

/// The run was made, or was there; or there can be none.
pub(super) fn made(draft: &mut Draft, call: u32, made: &Result<(), Failure>) -> Result<(), Refusal> {
    let Some(child) = open(draft, call)?.filter(|child| !child.made) else { return nothing(draft) };
    match made {
        Ok(()) => {
            draft.emit(EventBody::ChildStarted { call, run: child.run })?;
            if child.stopping.is_some() {
                draft.put(Work::CancelChild(call), draft.now);
            }
            Ok(())
        }
        Err(failure) => {
            let failure = child.stopping.map_or_else(|| failure.clone(), super::draft::stopped);
            draft.complete(call, value::child(None, None, Some(&failure)), None)
        }
    }
}

/// The run is over. That of an earlier life of the step answers nothing.
pub(super) fn ended(draft: &mut Draft, call: u32, run: &RunId, answer: &ChildAnswer) -> Result<(), Refusal> {
    let Some(child) = open(draft, call)?.filter(|child| child.run == *run) else { return nothing(draft) };
    let failure = match child.stopping {
        Some(reason) => Some(super::draft::stopped(reason)),
        None if answer.outcome == RunOutcome::Succeeded => None,
        None => Some(failed(run, answer)),
    };
    draft.complete(call, value::child(Some(run), Some(answer), failure.as_ref()), None)
}

fn failed(run: &RunId, answer: &ChildAnswer) -> Failure {
    let outcome = answer.outcome.state().as_str();
    let why = answer.failure.as_ref().map(|failure| format!(": {}: {}", failure.kind, failure.message)).unwrap_or_default();
    Failure::new(FailureKind::Child, format!("{run} ended {outcome}{why}"))
}

/// Nobody waits for it any more.
pub(super) fn stop(draft: &mut Draft, call: u32, reason: StopReason) -> Result<(), Refusal> {
    let Some(child) = open(draft, call)?.filter(|child| child.stopping.is_none()) else { return nothing(draft) };
    if child.on_cancel == OnCancel::Abandon {
        let run = child.made.then_some(&child.run);
        return draft.complete(call, value::child(run, None, Some(&super::draft::stopped(reason))), None);
    }
    draft.emit(EventBody::ChildStopping { call, reason })?;
    if child.made {
        draft.put(Work::CancelChild(call), draft.now);
    }
    Ok(())
}
