//! May a launch be sent, and what came of it.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{AttemptId, Ms};
use crate::input::LaunchOutcome;
use crate::retry;
use crate::state::AttemptState;
use crate::view::Handed;

/// Intent before effect: what the attempt is handed is on disk before SSH is opened. A repeat gets the same again.
pub(super) fn starting(draft: &mut Draft, id: &AttemptId, handed: &Handed) -> Result<(), Refusal> {
    if draft.attempt(id)?.state == AttemptState::Scheduled {
        draft.emit(EventBody::AttemptLaunching { attempt: id.clone(), handed: handed.clone() })?;
    }
    let attempt = draft.attempt(id)?;
    draft.reply = match attempt.state {
        AttemptState::Launching | AttemptState::LaunchUnknown => Reply::Launch(Box::new(attempt.clone())),
        _ => Reply::Nothing,
    };
    Ok(())
}

/// What came of a launch. A callback may have overtaken it (F040); then only the facts are recorded.
pub(super) fn ended(draft: &mut Draft, id: &AttemptId, outcome: &LaunchOutcome) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let state = attempt.state;
    if let LaunchOutcome::Acked { created, pid, boot_id, containment } = outcome {
        if matches!(state, AttemptState::Scheduled | AttemptState::Stopping) {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
        let (created, pid, boot_id, containment) = (*created, *pid, boot_id.clone(), containment.clone());
        draft.emit(EventBody::AttemptLaunched { attempt: id.clone(), created, pid, boot_id, containment })?;
        if draft.attempt(id)?.state == AttemptState::Launched {
            let limit = draft.job(draft.attempt(id)?.call)?.limits.started_ms;
            draft.put(Work::Timer(Timer::Started(id.clone())), draft.at + limit.cast_signed());
        }
        return Ok(());
    }
    match state {
        AttemptState::Launching => not_acked(draft, id, outcome),
        AttemptState::LaunchUnknown => still_unknown(draft, id, outcome),
        _ => {
            draft.reply = Reply::Nothing;
            Ok(())
        }
    }
}

fn not_acked(draft: &mut Draft, id: &AttemptId, outcome: &LaunchOutcome) -> Result<(), Refusal> {
    match outcome {
        LaunchOutcome::Acked { .. } => Ok(()),
        LaunchOutcome::Unreachable(failure) => {
            let limit = draft.job(draft.attempt(id)?.call)?.limits.launch_ms;
            if elapsed(draft, id)? >= limit.cast_signed() {
                return failed(draft, id, failure);
            }
            draft.emit(EventBody::LaunchDeferred { attempt: id.clone(), failure: failure.clone() })?;
            again(draft, id)
        }
        LaunchOutcome::Refused(failure) => failed(draft, id, failure),
        LaunchOutcome::Unknown(message) => {
            draft.emit(EventBody::LaunchUnknown { attempt: id.clone(), message: message.clone() })?;
            again(draft, id)
        }
    }
}

/// Something was sent before: only the host's own word ends the doubt. Asking is launching again, a claim by id.
fn still_unknown(draft: &mut Draft, id: &AttemptId, outcome: &LaunchOutcome) -> Result<(), Refusal> {
    match outcome {
        LaunchOutcome::Refused(failure) if !matches!(failure.kind, FailureKind::Auth | FailureKind::HostKey) => failed(draft, id, failure),
        _ => again(draft, id),
    }
}

fn failed(draft: &mut Draft, id: &AttemptId, failure: &Failure) -> Result<(), Refusal> {
    draft.emit(EventBody::AttemptFailed { attempt: id.clone(), failure: failure.clone() })?;
    draft.after_failure(id, None, failure, None)
}

fn again(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let pause = retry::reach_ms(elapsed(draft, id)?, &draft.entropy);
    draft.put(Work::Launch(id.clone()), draft.at + pause.cast_signed());
    Ok(())
}

fn elapsed(draft: &Draft, id: &AttemptId) -> Result<Ms, Refusal> {
    let since = draft.attempt(id)?.handed.as_ref().map_or(draft.at, |handed| handed.launching_at);
    Ok(draft.at - since)
}
