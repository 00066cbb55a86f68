//! Somebody wants the run to end: with `on_exit`, or at once.

use super::draft::Draft;
use super::operator::{not_now, reason, said, saw_this};
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::input::Operator;
use crate::state::{RunOutcome, RunState, StopReason};

/// Cancel. A run that is on its way to an end stays on it, and one that has ended otherwise is not cancelled any more.
pub(super) fn cancel(draft: &mut Draft, operator: &Operator) -> Result<(), Refusal> {
    let run = draft.run()?;
    match run.state {
        RunState::Cancelled | RunState::Ending => {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
        state if state.is_over() => return not_now(draft, "it is over, and how it ended stands"),
        _ if run.ending.is_some() => return not_now(draft, "how it ends is decided, and it is held on its way; resume or terminate it"),
        _ => {}
    }
    if !saw_this(draft, operator)? {
        return Ok(());
    }
    let failure = Failure::new(FailureKind::Cancelled, said("cancelled", operator));
    draft.emit(EventBody::CancelRequested { actor: operator.actor.clone(), reason: reason(operator) })?;
    draft.end(RunOutcome::Cancelled, None, Some(failure), StopReason::Cancelled)
}

/// End it without `on_exit`. Its jobs are stopped on their hosts all the same, and that is verified.
pub(super) fn terminate(draft: &mut Draft, operator: &Operator) -> Result<(), Refusal> {
    let run = draft.run()?;
    if run.state == RunState::Cancelled || run.state == RunState::Ending && run.exit_over {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    if run.state.is_over() {
        return not_now(draft, "it is over, and how it ended stands");
    }
    if !saw_this(draft, operator)? {
        return Ok(());
    }
    let decided = run_is_ending(draft)?;
    draft.emit(EventBody::TerminateRequested { actor: operator.actor.clone(), reason: reason(operator) })?;
    if !decided {
        let failure = Failure::new(FailureKind::Terminated, said("terminated", operator));
        return draft.end(RunOutcome::Cancelled, None, Some(failure), StopReason::Cancelled);
    }
    draft.drop_work(Work::Advance);
    draft.drop_work(Work::Timer(Timer::Exit));
    draft.stop_open(StopReason::Cancelled)?;
    draft.end_if_idle()
}

fn run_is_ending(draft: &Draft) -> Result<bool, Refusal> {
    Ok(draft.run()?.ending.is_some())
}
