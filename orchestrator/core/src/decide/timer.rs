//! What is due.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{AttemptId, Ms};
use crate::limits;
use crate::state::{AttemptState, RunOutcome, RunState, StopReason};
use crate::value;
use crate::view::StepKind;
use serde_json::Value;

/// A timer is due. What it was set for may be gone; then nothing happens.
pub(super) fn due(draft: &mut Draft, timer: &Timer) -> Result<(), Refusal> {
    match timer {
        Timer::RunDeadline => run_deadline(draft),
        Timer::Step(call) => step(draft, *call),
        Timer::Retry(call) => retry(draft, *call),
        Timer::Started(id) => silent(draft, id, AttemptState::Launched),
        Timer::Heartbeat(id) => heartbeat(draft, id),
        Timer::StopAnswer(id) => stop_answer(draft, id),
    }
}

fn nothing(draft: &mut Draft) -> Result<(), Refusal> {
    draft.reply = Reply::Nothing;
    Ok(())
}

fn run_deadline(draft: &mut Draft) -> Result<(), Refusal> {
    match draft.run()?.state {
        RunState::Queued | RunState::Running => {
            let failure = Failure::new(FailureKind::Deadline, "the run's deadline passed");
            draft.end(RunOutcome::TimedOut, None, Some(failure), StopReason::TimedOut)
        }
        _ => nothing(draft),
    }
}

fn step(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let step = draft.step(call)?;
    if !step.is_open() {
        return nothing(draft);
    }
    match &step.kind {
        StepKind::Sleep {} => draft.complete(call, Value::Null, None),
        StepKind::Wait { .. } => {
            let failure = Failure::new(FailureKind::TimedOut, "nobody answered in time");
            draft.complete(call, value::unanswered(&failure), None)
        }
        StepKind::Job(_) => draft.stop_step(call, StopReason::TimedOut),
    }
}

fn retry(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    if draft.step(call)?.is_open() && draft.job(call)?.retry_at.is_some() && draft.run()?.state == RunState::Running {
        return draft.schedule_attempt(call);
    }
    nothing(draft)
}

/// Silence is a reason to ask the host, never a verdict (F034).
fn silent(draft: &mut Draft, id: &AttemptId, expected: AttemptState) -> Result<(), Refusal> {
    if draft.attempt(id)?.state != expected {
        return nothing(draft);
    }
    let last_seen = draft.view.last_seen.unwrap_or(draft.attempt(id)?.scheduled_at);
    draft.emit(EventBody::AttemptSuspect { attempt: id.clone(), last_seen })?;
    draft.put(Work::Probe(id.clone()), draft.at);
    Ok(())
}

fn heartbeat(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let every = draft.job(draft.attempt(id)?.call)?.limits.heartbeat_ms;
    let patience: Ms = (every * limits::HEARTBEATS_MISSED).cast_signed();
    match draft.view.last_seen {
        Some(seen) if draft.attempt(id)?.state == AttemptState::Running && seen + patience > draft.at => {
            draft.put(Work::Timer(Timer::Heartbeat(id.clone())), seen + patience);
            Ok(())
        }
        _ => silent(draft, id, AttemptState::Running),
    }
}

/// The step is answered although the end could not be verified: a visible debt of the host.
fn stop_answer(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, reason) = (attempt.call, attempt.stopping.unwrap_or(StopReason::Cancelled));
    if attempt.state != AttemptState::Stopping || !draft.step(call)?.is_open() {
        return nothing(draft);
    }
    draft.emit(EventBody::StopUnverified { attempt: id.clone() })?;
    let failure = Failure::new(reason.failure(), format!("ended early ({}); not verified yet", reason.as_str()));
    draft.complete_job(call, None, Some(&failure), Some(false))
}
