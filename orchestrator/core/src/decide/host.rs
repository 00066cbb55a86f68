//! What a host says of an attempt when it is asked: to be ended, or how it is.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{AttemptId, Ms};
use crate::input::{Stopped, Verdict};
use crate::limits;
use crate::retry;
use crate::state::{AttemptState, StopReason};
use crate::view::{RunHead, Spent};

/// What came of an attempt to stop a job. It is asked again until the host says that nothing is left.
pub(super) fn stop_ended(draft: &mut Draft, id: &AttemptId, outcome: &Result<Stopped, Failure>) -> Result<(), Refusal> {
    if draft.attempt(id)?.state != AttemptState::Stopping {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    match outcome {
        Ok(Stopped::Gone { evidence }) => stopped(draft, id, evidence),
        Ok(Stopped::Alive) | Err(_) => {
            // A debt is older than the answer to its step; then the run's other events say nothing about its age.
            let since = if draft.attempt(id)?.debt { Ms::MIN } else { draft.run()?.updated_at };
            let pause = retry::reach_ms(draft.at.saturating_sub(since), &draft.entropy);
            draft.put(Work::Stop(id.clone()), draft.after(pause));
            Ok(())
        }
    }
}

/// The end is verified: the step is answered, or tried again where the reason allows it.
pub(super) fn stopped(draft: &mut Draft, id: &AttemptId, evidence: &str) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, reason) = (attempt.call, attempt.stopping.unwrap_or(StopReason::Cancelled));
    draft.emit(EventBody::AttemptStopped { attempt: id.clone(), evidence: evidence.to_owned() })?;
    draft.drop_work(Work::Timer(Timer::StopAnswer(id.clone())));
    draft.drop_work(Work::Stop(id.clone()));
    if !draft.answers(id)? {
        // An attempt of the step's present life may have waited for this.
        if let Some(newest) = draft.job(call).ok().filter(|_| draft.run().is_ok_and(RunHead::begins)).and_then(|job| job.attempt.clone()) {
            draft.launch_if_ready(call, &newest);
        }
        return Ok(());
    }
    let failure = Failure::new(reason.failure(), format!("ended early ({}); verified: {evidence}", reason.as_str()));
    match reason {
        StopReason::TimedOut | StopReason::Cancelled | StopReason::Superseded => draft.complete_job(id, None, Some(&failure), Some(true)),
        StopReason::NotStarted | StopReason::Stalled | StopReason::Silent | StopReason::Budget => {
            draft.after_failure(id, None, &failure, Some(true))
        }
    }
}

/// What a host says about an attempt that has not been heard of.
pub(super) fn probed(draft: &mut Draft, id: &AttemptId, verdict: &Result<Verdict, Failure>, used: Spent) -> Result<(), Refusal> {
    if draft.attempt(id)?.state != AttemptState::Suspect {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    let lost = |kind, message: &str| Failure::new(kind, message);
    let failure = match verdict {
        // Out of reach is a state, never a verdict; a live tree goes on, and its result is collected by a later probe.
        Err(_) | Ok(Verdict::Unheard | Verdict::HasResult) => return again(draft, id),
        Ok(Verdict::Alive) => return alive(draft, id),
        Ok(Verdict::Gone) => lost(FailureKind::Lost, "the host says that nothing of the job is left, and there is no result"),
        Ok(Verdict::Unknown) => lost(FailureKind::Lost, "the host does not know the attempt"),
        Ok(Verdict::Sealed) => lost(FailureKind::Lost, "the attempt was sealed on the host"),
        Ok(Verdict::Interrupted) => lost(FailureKind::Interrupted, "the machine was started anew while the job ran"),
    };
    draft.emit(EventBody::AttemptFailed { attempt: id.clone(), failure: failure.clone(), used })?;
    draft.quiet(id);
    draft.withdraw(id)?;
    draft.after_failure(id, None, &failure, None)
}

/// A live tree is adopted, and ended if it is still silent past its limit (F034, F109).
fn alive(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let job = draft.job(draft.attempt(id)?.call)?;
    // While it waits for people, its time stands still.
    if !job.asking.is_empty() {
        return again(draft, id);
    }
    let limit = super::timer::patience_ms(job.limits.heartbeat_ms).max(limits::STALLED_MS);
    match job.alive_since {
        None => draft.emit(EventBody::AttemptAlive { attempt: id.clone() })?,
        Some(since) if since.saturating_add_unsigned(limit) <= draft.now => return draft.stop_attempt(id, StopReason::Stalled),
        Some(_) => {}
    }
    again(draft, id)
}

/// An attempt is to be ended early, as whoever watches it says. One that is over, or being ended, stays as it is.
pub(super) fn stop(draft: &mut Draft, id: &AttemptId, reason: StopReason) -> Result<(), Refusal> {
    let asks = reason == StopReason::Silent && !draft.job(draft.attempt(id)?.call).is_ok_and(|job| job.asking.is_empty());
    if !draft.attempt(id)?.state.is_on_host() || !draft.answers(id)? || asks {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    draft.stop_attempt(id, reason)
}

/// Two machines say that they run an attempt (F100). That is recorded once; the first is believed.
pub(super) fn cloned(draft: &mut Draft, id: &AttemptId, boot_id: &str, other_boot_id: &str, other_instance: &str) -> Result<(), Refusal> {
    let row = draft.attempt(id)?;
    let newest = draft.job(row.call).is_ok_and(|job| job.attempt.as_ref() == Some(id) && !job.cloned);
    if row.state.is_over() || !newest {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    draft.emit(EventBody::AttemptCloned {
        attempt: id.clone(),
        boot_id: boot_id.to_owned(),
        other_boot_id: other_boot_id.to_owned(),
        other_instance: other_instance.to_owned(),
    })
}

fn again(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let launched = draft.attempt(id)?.handed.as_ref().map(|handed| handed.launching_at);
    let since = draft.view.last_seen.or(launched).unwrap_or(draft.run()?.updated_at);
    let pause = retry::reach_ms(draft.at.saturating_sub(since) / 4, &draft.entropy);
    draft.put(Work::Probe(id.clone()), draft.after(pause));
    Ok(())
}
