//! What is due.

use super::draft::Draft;
use super::{Refusal, Reply, approval, tries};
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
        Timer::Remind(call) => approval::remind_due(draft, *call),
        Timer::Escalate(call) => approval::escalate_due(draft, *call),
        Timer::Exit => super::exit::due(draft),
        Timer::Overdue => super::hold::overdue(draft),
    }
}

fn nothing(draft: &mut Draft) -> Result<(), Refusal> {
    draft.reply = Reply::Nothing;
    Ok(())
}

/// The wall clock went back since the timer was claimed: nothing is over before its time (I18).
fn early(draft: &mut Draft, timer: Timer, due_at: Ms) -> Result<(), Refusal> {
    draft.put(Work::Timer(timer), due_at);
    nothing(draft)
}

fn run_deadline(draft: &mut Draft) -> Result<(), Refusal> {
    let run = draft.run()?;
    // A queued run has its time before it, a held one gets it back, and one that is ending has used it.
    if run.state != RunState::Running {
        return nothing(draft);
    }
    if draft.now < run.deadline_at {
        return early(draft, Timer::RunDeadline, run.deadline_at);
    }
    let failure = Failure::new(FailureKind::Deadline, "the run's deadline passed");
    draft.end(RunOutcome::TimedOut, None, Some(failure), StopReason::TimedOut)
}

fn step(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let step = draft.step(call)?;
    if !step.is_open() {
        return nothing(draft);
    }
    if draft.now < step.deadline_at {
        return early(draft, Timer::Step(call), step.deadline_at);
    }
    match &step.kind {
        // Its time stands still while people are asked, and the timer is put again when they have answered.
        StepKind::Job(job) if !job.asking.is_empty() => nothing(draft),
        StepKind::Sleep {} => draft.complete(call, Value::Null, None),
        StepKind::Wait { .. } => {
            let failure = Failure::new(FailureKind::TimedOut, "nobody answered in time");
            draft.complete(call, value::unanswered(&failure), None)
        }
        _ => draft.stop_step(call, StopReason::TimedOut),
    }
}

/// Another attempt or try is due. What is held waits for whoever lets the run go on.
fn retry(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let StepKind::Job(job) = &draft.step(call)?.kind else { return tries::retry_due(draft, call) };
    match job.retry_at {
        Some(due_at) if draft.now < due_at => early(draft, Timer::Retry(call), due_at),
        Some(_) if draft.step(call)?.is_open() && draft.run()?.begins() => draft.schedule_attempt(call),
        _ => nothing(draft),
    }
}

/// Silence is a reason to ask the host, never a verdict (F034).
fn silent(draft: &mut Draft, id: &AttemptId, expected: AttemptState) -> Result<(), Refusal> {
    if draft.attempt(id)?.state != expected {
        return nothing(draft);
    }
    let last_seen = draft.view.last_seen.unwrap_or(draft.attempt(id)?.scheduled_at);
    draft.emit(EventBody::AttemptSuspect { attempt: id.clone(), last_seen })?;
    draft.put(Work::Probe(id.clone()), draft.now);
    Ok(())
}

fn heartbeat(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    if draft.attempt(id)?.state != AttemptState::Running {
        return nothing(draft);
    }
    let every = draft.job(draft.attempt(id)?.call)?.limits.heartbeat_ms;
    // A sign of life from a time that is yet to come was seen before the clock went back (F032).
    let seen = draft.view.last_seen.map_or(Ms::MIN, |seen| seen.min(draft.now));
    match seen.saturating_add_unsigned(patience_ms(every)) {
        until if until > draft.now => {
            draft.put(Work::Timer(Timer::Heartbeat(id.clone())), until);
            Ok(())
        }
        _ => silent(draft, id, AttemptState::Running),
    }
}

/// How long an attempt with this heartbeat may be silent.
pub(super) const fn patience_ms(heartbeat_ms: u64) -> u64 {
    let patience = heartbeat_ms.saturating_mul(limits::HEARTBEATS_MISSED);
    if patience > limits::LONGEST_MS { limits::LONGEST_MS } else { patience }
}

/// The step is answered although the end could not be verified: a visible debt of the host.
fn stop_answer(draft: &mut Draft, id: &AttemptId) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let reason = attempt.stopping.unwrap_or(StopReason::Cancelled);
    if attempt.state != AttemptState::Stopping || attempt.debt {
        return nothing(draft);
    }
    draft.emit(EventBody::StopUnverified { attempt: id.clone() })?;
    if !draft.answers(id)? {
        return Ok(());
    }
    let failure = Failure::new(reason.failure(), format!("ended early ({}); not verified yet", reason.as_str()));
    draft.complete_job(id, None, Some(&failure), Some(false))
}
