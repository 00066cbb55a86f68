//! Runs that are held: paused by an operator, or parked by the engine.
//!
//! Nothing new begins in a held run, and its flow is not evaluated. What has begun goes on: callbacks, timers and stops are taken.

use super::draft::Draft;
use super::operator::{not_now, reason, saw_this};
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::input::Operator;
use crate::plan::{NoticeKind, WhenFull};
use crate::state::RunState;

/// Hold the run.
pub(super) fn pause(draft: &mut Draft, operator: &Operator) -> Result<(), Refusal> {
    match draft.run()?.state {
        RunState::Queued | RunState::Running | RunState::Ending => {}
        RunState::Paused => {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
        RunState::Parked => return not_now(draft, "it is set aside already; resume or cancel it"),
        _ => return not_now(draft, "there is nothing left to hold"),
    }
    if !saw_this(draft, operator)? {
        return Ok(());
    }
    draft.emit(EventBody::RunPaused { actor: operator.actor.clone(), reason: reason(operator) })?;
    set_aside(draft);
    Ok(())
}

/// Let it go on. The time it was held does not count.
pub(super) fn resume(draft: &mut Draft, operator: &Operator) -> Result<(), Refusal> {
    let run = draft.run()?;
    let Some(held) = run.held else {
        if run.state.is_over() {
            return not_now(draft, "it is not held; a failed or dead run can be redriven");
        }
        draft.reply = Reply::Nothing;
        return Ok(());
    };
    let deadline_at = run.deadline_at.saturating_add(draft.at.saturating_sub(held.since));
    if !saw_this(draft, operator)? {
        return Ok(());
    }
    draft.emit(EventBody::RunResumed { actor: operator.actor.clone(), reason: reason(operator), deadline_at })?;
    // Whoever lets it go on has seen why it was set aside.
    draft.head()?.crashes = 0;
    rearm(draft)
}

/// A sweep has found that the run does not replay.
pub(super) fn park(draft: &mut Draft, failure: &Failure) -> Result<(), Refusal> {
    if !matches!(draft.run()?.state, RunState::Running | RunState::Ending) {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    draft.park(failure.clone())
}

/// The run is open for longer than it should be.
pub(super) fn overdue(draft: &mut Draft) -> Result<(), Refusal> {
    let run = draft.run()?;
    let due_at = if run.held.is_some() || run.state.is_over() { None } else { draft.overdue_at()? };
    match due_at {
        None => draft.reply = Reply::Nothing,
        // The clock went back, or the run was held meanwhile (I18).
        Some(due_at) if draft.now < due_at => {
            draft.put(Work::Timer(Timer::Overdue), due_at);
            draft.reply = Reply::Nothing;
        }
        Some(_) => {
            draft.emit(EventBody::RunOverdue {})?;
            draft.notice(NoticeKind::Overdue)?;
        }
    }
    Ok(())
}

impl Draft {
    /// Set the run aside for an operator.
    pub(super) fn park(&mut self, failure: Failure) -> Result<(), Refusal> {
        self.emit(EventBody::RunParked { failure })?;
        set_aside(self);
        self.notice(NoticeKind::Parked)
    }
}

fn set_aside(draft: &mut Draft) {
    for work in [Work::Advance, Work::Start, Work::MakeRoom, Work::Timer(Timer::RunDeadline), Work::Timer(Timer::Exit)] {
        draft.drop_work(work);
    }
}

/// Put what the state of the run calls for.
fn rearm(draft: &mut Draft) -> Result<(), Refusal> {
    let run = draft.run()?;
    let (state, deadline_at) = (run.state, run.deadline_at);
    match state {
        RunState::Queued => draft.ask_in()?,
        RunState::Running => {
            draft.put(Work::Timer(Timer::RunDeadline), deadline_at);
            draft.put(Work::Advance, draft.now);
            // One that is past was told of before the run was held: while it is held, time stands still.
            if let Some(due_at) = draft.overdue_at()?.filter(|due_at| *due_at > draft.now) {
                draft.put(Work::Timer(Timer::Overdue), due_at);
            }
        }
        RunState::Ending if draft.run()?.in_exit() => {
            draft.put(Work::Timer(Timer::Exit), deadline_at);
            draft.put(Work::Advance, draft.now);
        }
        _ => draft.end_if_idle()?,
    }
    if draft.run()?.begins() { draft.go_on() } else { Ok(()) }
}

impl Draft {
    /// Ask to be let in.
    pub(super) fn ask_in(&mut self) -> Result<(), Refusal> {
        let full = self.run()?.plan.limit.as_ref().map(|limit| limit.full);
        self.put(Work::Start, self.now);
        if full == Some(WhenFull::CancelRunning) {
            self.put(Work::MakeRoom, self.now);
        }
        Ok(())
    }
}
