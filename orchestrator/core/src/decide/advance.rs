//! Making a run, and what an evaluation of its flow leads to.

use super::draft::Draft;
use super::{Decided, Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::evaluation::{Command, ENGINE_LEVEL, End, Evaluation};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::input::{Create, Input};
use crate::limits;
use crate::state::{RunOutcome, RunState, StopReason};
use crate::view::{RunHead, View};

/// Make a run. It starts at once.
pub(super) fn create(view: View, input: &Input, create: &Create) -> Result<Decided, Refusal> {
    if view.run.is_some() {
        return Err(Refusal::Exists);
    }
    let mut draft = Draft::empty(view, input);
    let deadline_at = draft.after(create.plan.deadline_ms);
    draft.emit(EventBody::RunCreated {
        run: create.run.clone(),
        flow: create.flow.clone(),
        release: create.release,
        bundle: create.bundle.clone(),
        engine: ENGINE_LEVEL,
        input: create.input.clone(),
        deadline_at,
        actor: create.actor.clone(),
        plan: create.plan.clone(),
    })?;
    draft.emit(EventBody::RunStarted { deadline_at: Some(deadline_at) })?;
    draft.put(Work::Timer(Timer::RunDeadline), deadline_at);
    draft.put(Work::Advance, draft.now);
    Ok(draft.finish())
}

/// The flow was evaluated: schedule what it asks for, or end.
pub(super) fn evaluated(draft: &mut Draft, advance_fence: u64, seen: u64, evaluation: &Evaluation) -> Result<(), Refusal> {
    if !claimed(draft, advance_fence, seen)? {
        return Ok(());
    }
    if let Err(message) = check(draft.run()?, &evaluation.commands) {
        return draft.emit(EventBody::RunParked { failure: Failure::new(FailureKind::Internal, message) });
    }
    for command in &evaluation.commands {
        match command {
            Command::Schedule { call, step, spec } => super::schedule::schedule(draft, *call, step, spec)?,
            Command::Reuse { .. } => return Err(Refusal::NotFound),
            Command::Record { call, step, spec, value, losers } => {
                let (step, spec, value) = (step.clone(), spec.clone(), value.clone());
                draft.emit(EventBody::StepRecorded { call: *call, step, spec, value })?;
                for loser in losers {
                    // One that was answered since the evaluation began is no longer among the open steps.
                    if draft.view.steps.contains_key(loser) {
                        draft.stop_step(*loser, StopReason::Superseded)?;
                    }
                }
            }
        }
    }
    match &evaluation.end {
        End::Suspended { waiting_on } => suspended(draft, waiting_on),
        End::Returned { value } => draft.end(RunOutcome::Succeeded, Some(value.clone()), None, StopReason::Superseded),
        End::Failed { failure, gave_up: _ } => draft.end(RunOutcome::Failed, None, Some(failure.clone()), StopReason::Cancelled),
    }
}

/// Evaluating killed its worker: again, until the run is parked (F116).
pub(super) fn crashed(draft: &mut Draft, advance_fence: u64, message: &str) -> Result<(), Refusal> {
    let run = draft.view.run.as_mut().ok_or(Refusal::NotFound)?;
    if run.advance_fence != advance_fence {
        return Err(Refusal::Fenced);
    }
    if run.state != RunState::Running {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    run.crashes += 1;
    if run.crashes < limits::CRASHES {
        draft.put(Work::Advance, draft.now);
        return Ok(());
    }
    let failure = Failure::new(FailureKind::Poison, format!("evaluating the flow killed its worker {} times: {message}", limits::CRASHES));
    draft.emit(EventBody::RunParked { failure })
}

/// Whether the evaluation still counts; then its bookkeeping is done.
fn claimed(draft: &mut Draft, advance_fence: u64, seen: u64) -> Result<bool, Refusal> {
    let run = draft.view.run.as_mut().ok_or(Refusal::NotFound)?;
    if run.advance_fence != advance_fence {
        return Err(Refusal::Fenced);
    }
    if run.state == RunState::Running {
        run.evaluated_seq = seen;
        run.crashes = 0;
        return Ok(true);
    }
    // Not seen: what it asked for is not done, so whoever lets the run go on evaluates again.
    draft.reply = Reply::Nothing;
    Ok(false)
}

/// Whether the commands follow on from the head. A wrong one is a defect of the engine; refusing it would leave the run without a waker.
fn check(run: &RunHead, commands: &[Command]) -> Result<(), String> {
    for (command, expected) in commands.iter().zip(run.calls + 1..) {
        let (call, fits) = match command {
            Command::Schedule { call, spec, .. } | Command::Reuse { call, spec, .. } => (call, !spec.is_recorded()),
            Command::Record { call, spec, .. } => (call, spec.is_recorded()),
        };
        if *call != expected || !fits {
            return Err(format!("the evaluation asks for call {call} where call {expected} is next, or in the wrong way"));
        }
    }
    Ok(())
}

/// Every waiting run has a next waker; one that has none is set aside, visibly.
fn suspended(draft: &mut Draft, waiting_on: &[u32]) -> Result<(), Refusal> {
    let run = draft.run()?;
    if run.wake_seq > run.evaluated_seq {
        draft.put(Work::Advance, draft.now);
        return Ok(());
    }
    if waiting_on.iter().any(|call| draft.view.steps.get(call).is_some_and(crate::view::Step::is_open)) {
        return Ok(());
    }
    let failure = Failure::new(FailureKind::Internal, format!("the flow waits for calls {waiting_on:?}, none of which is open"));
    draft.emit(EventBody::RunParked { failure })
}
