//! What an evaluation of a run's flow leads to.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::Work;
use crate::evaluation::{Command, End, Evaluation, LogLine};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::limits;
use crate::state::{RunOutcome, StopReason};
use crate::view::RunHead;

/// The flow was evaluated: schedule what it asks for, or end.
pub(super) fn evaluated(draft: &mut Draft, advance_fence: u64, seen: u64, evaluation: &Evaluation, log: &[LogLine]) -> Result<(), Refusal> {
    if !claimed(draft, advance_fence, seen)? {
        return Ok(());
    }
    if let Err(message) = check(draft.run()?, &evaluation.commands) {
        return draft.park(Failure::new(FailureKind::Internal, message));
    }
    for command in &evaluation.commands {
        obey(draft, command)?;
    }
    logged(draft, log)?;
    let in_exit = draft.run()?.in_exit();
    match &evaluation.end {
        End::Suspended { waiting_on } => suspended(draft, waiting_on),
        // The journal is damaged, or the engine has changed: nothing that the flow could have prevented.
        End::Failed { failure, .. } if failure.kind == FailureKind::Nondeterminism => draft.park(failure.clone()),
        End::Returned { .. } if in_exit => super::exit::returned(draft),
        End::Failed { failure, .. } if in_exit => super::exit::failed(draft, failure),
        End::Returned { value } => draft.end(RunOutcome::Succeeded, Some(value.clone()), None, StopReason::Superseded),
        End::Failed { failure, gave_up } => {
            let outcome = if *gave_up { RunOutcome::Dead } else { RunOutcome::Failed };
            draft.end(outcome, None, Some(failure.clone()), StopReason::Cancelled)
        }
    }
}

fn obey(draft: &mut Draft, command: &Command) -> Result<(), Refusal> {
    match command {
        Command::Schedule { call, step, spec } => super::schedule::schedule(draft, *call, step, spec),
        Command::Reuse { call, step, spec, value } => {
            let from = draft.run()?.plan.forked_from.as_ref().map(|fork| fork.run.clone()).ok_or(Refusal::NotFound)?;
            let (step, spec, value) = (step.clone(), spec.clone(), value.clone());
            draft.emit(EventBody::StepReused { call: *call, step, spec, value, from })
        }
        Command::Record { call, step, spec, value, losers } => {
            let (step, spec, value) = (step.clone(), spec.clone(), value.clone());
            draft.emit(EventBody::StepRecorded { call: *call, step, spec, value })?;
            for loser in losers {
                // One that was answered since the evaluation began is no longer among the open steps.
                if draft.view.steps.contains_key(loser) {
                    draft.stop_step(*loser, StopReason::Superseded)?;
                }
            }
            Ok(())
        }
    }
}

/// Keep what the flow has logged, up to the limit of its run.
fn logged(draft: &mut Draft, log: &[LogLine]) -> Result<(), Refusal> {
    let left = limits::LOG_LINES.saturating_sub(draft.run()?.logged);
    let lines: Vec<LogLine> = log.iter().take(left as usize).cloned().collect();
    if lines.is_empty() { Ok(()) } else { draft.emit(EventBody::FlowLogged { lines }) }
}

/// Evaluating killed its worker: again, until the run is parked (F116). The claim that led to it is counted already.
pub(super) fn crashed(draft: &mut Draft, advance_fence: u64, message: &str) -> Result<(), Refusal> {
    let run = draft.run()?;
    if run.advance_fence != advance_fence {
        return Err(Refusal::Fenced);
    }
    if !run.begins() {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    // The claim has counted itself, so that one which brought the whole process down counts too.
    let crashes = run.crashes;
    if crashes < limits::CRASHES {
        draft.put(Work::Advance, draft.now);
        return Ok(());
    }
    let failure = Failure::new(FailureKind::Poison, format!("evaluating the flow brought its process down {crashes} times: {message}"));
    draft.park(failure)
}

/// Whether the evaluation still counts; then its bookkeeping is done.
fn claimed(draft: &mut Draft, advance_fence: u64, seen: u64) -> Result<bool, Refusal> {
    let run = draft.head()?;
    if run.advance_fence != advance_fence {
        return Err(Refusal::Fenced);
    }
    if run.begins() {
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
            Command::Schedule { call, spec, .. } => (call, !spec.is_recorded()),
            Command::Reuse { call, .. } => (call, run.plan.forked_from.is_some()),
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
    draft.park(failure)
}
