//! May a launch be sent, and what came of it.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{AttemptId, Ms};
use crate::input::LaunchOutcome;
use crate::retry;
use crate::state::{AttemptState, StopReason};
use crate::view::{Handed, Spent};

/// Intent before effect: what the attempt is handed is on disk before SSH is opened. A repeat gets the same again.
///
/// An attempt of which something may have reached the host has its slot already; asking the host about it takes no other.
pub(super) fn starting(draft: &mut Draft, id: &AttemptId, handed: &Handed, slots: Option<u32>) -> Result<(), Refusal> {
    let open = draft.view.host_open.unwrap_or(0);
    let attempt = draft.attempt(id)?;
    let held = !draft.run()?.begins() || draft.job(attempt.call).is_ok_and(|job| !job.behind.is_empty());
    match attempt.state {
        // Put again when the run goes on, or when what is in the way is over.
        AttemptState::Scheduled if held => {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
        AttemptState::Scheduled if slots.is_some_and(|slots| open >= slots) => {
            draft.reply = Reply::NoSlot;
            return Ok(());
        }
        AttemptState::Scheduled => {
            // Nothing was sent: it may go to another host than it was meant for, with claims for that one. Its limit goes on.
            let handed = match &attempt.handed {
                Some(before) if before.host == handed.host => before.clone(),
                Some(before) => Handed { launching_at: before.launching_at, ..handed.clone() },
                None => handed.clone(),
            };
            draft.emit(EventBody::AttemptLaunching { attempt: id.clone(), handed })?;
        }
        // Whoever began this launch died before saying what came of it, and may have sent it (F001): only the host knows.
        AttemptState::Launching => {
            let message = "an earlier launch was begun, and what came of it was not recorded".to_owned();
            draft.emit(EventBody::LaunchUnknown { attempt: id.clone(), message })?;
        }
        _ => {}
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
    let state = draft.attempt(id)?.state;
    match (state, outcome) {
        (
            AttemptState::Launching | AttemptState::LaunchUnknown | AttemptState::Running | AttemptState::Suspect,
            LaunchOutcome::Acked { .. },
        ) => acked(draft, id, outcome),
        (AttemptState::Scheduled | AttemptState::Launching, LaunchOutcome::Unreachable(failure)) => unreachable(draft, id, failure),
        // Nothing was sent where no host has the name; nothing runs where the first try was refused.
        (AttemptState::Scheduled | AttemptState::Launching, LaunchOutcome::Refused(failure)) => failed(draft, id, failure),
        (AttemptState::Launching, LaunchOutcome::Unknown(message)) => {
            draft.emit(EventBody::LaunchUnknown { attempt: id.clone(), message: message.clone() })?;
            again(draft, id)
        }
        (AttemptState::Scheduled, _) => again(draft, id),
        (AttemptState::LaunchUnknown, _) => still_unknown(draft, id, outcome),
        _ => {
            draft.reply = Reply::Nothing;
            Ok(())
        }
    }
}

fn acked(draft: &mut Draft, id: &AttemptId, outcome: &LaunchOutcome) -> Result<(), Refusal> {
    let LaunchOutcome::Acked { created, pid, boot_id, containment } = outcome else { return Ok(()) };
    let (created, pid, boot_id, containment) = (*created, *pid, boot_id.clone(), containment.clone());
    draft.emit(EventBody::AttemptLaunched { attempt: id.clone(), created, pid, boot_id, containment })?;
    if draft.attempt(id)?.state == AttemptState::Launched {
        let limit = draft.job(draft.attempt(id)?.call)?.limits.started_ms;
        draft.put(Work::Timer(Timer::Started(id.clone())), draft.after(limit));
    }
    Ok(())
}

/// Not one byte was sent, now or before.
fn unreachable(draft: &mut Draft, id: &AttemptId, failure: &Failure) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, state) = (attempt.call, attempt.state);
    let away = elapsed(draft, id)?;
    if away >= ms(draft.job(call)?.limits.launch_ms) {
        return failed(draft, id, failure);
    }
    if state == AttemptState::Launching {
        draft.emit(EventBody::LaunchDeferred { attempt: id.clone(), failure: failure.clone() })?;
    }
    draft.put(Work::Launch(id.clone()), draft.after(retry::launch_ms(away, &draft.entropy)));
    Ok(())
}

/// Something was sent before: only the host's own word ends the doubt. Asking is launching again, a claim by id.
///
/// That the command could not be started is such a word. Any other refusal is about this launch, and may come from
/// something else than the earlier one met; when it stays so past the time for a first sign of life, the host is asked to end it.
fn still_unknown(draft: &mut Draft, id: &AttemptId, outcome: &LaunchOutcome) -> Result<(), Refusal> {
    match outcome {
        LaunchOutcome::Refused(failure) if failure.kind == FailureKind::Spawn => failed(draft, id, failure),
        LaunchOutcome::Refused(failure) if failure.kind == FailureKind::Refused => {
            let limits = draft.job(draft.attempt(id)?.call)?.limits;
            if elapsed(draft, id)? < ms(limits.launch_ms.saturating_add(limits.started_ms)) {
                return again(draft, id);
            }
            draft.stop_attempt(id, StopReason::NotStarted)
        }
        _ => again(draft, id),
    }
}

fn failed(draft: &mut Draft, id: &AttemptId, failure: &Failure) -> Result<(), Refusal> {
    draft.emit(EventBody::AttemptFailed { attempt: id.clone(), failure: failure.clone(), used: Spent::default() })?;
    draft.quiet(id);
    draft.after_failure(id, None, failure, None)
}

fn again(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let pause = retry::reach_ms(elapsed(draft, id)?, &draft.entropy);
    draft.put(Work::Launch(id.clone()), draft.after(pause));
    Ok(())
}

/// Since the first try, or since the attempt was asked for where there was none.
fn elapsed(draft: &Draft, id: &AttemptId) -> Result<Ms, Refusal> {
    let attempt = draft.attempt(id)?;
    let since = attempt.handed.as_ref().map_or(attempt.scheduled_at, |handed| handed.launching_at);
    Ok(draft.at.saturating_sub(since))
}

fn ms(limit: u64) -> Ms {
    Ms::try_from(limit).unwrap_or(Ms::MAX)
}
