//! `on_exit`: evaluated when nothing of the body is open any more, under a limit of its own. It never changes how the run ends.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::limits;
use crate::state::StopReason;

impl Draft {
    /// Nothing of the body is open any more.
    pub(super) fn start_exit(&mut self) -> Result<(), Refusal> {
        let deadline_at = self.after(limits::EXIT_MS);
        self.emit(EventBody::ExitStarted { deadline_at })?;
        // An evaluation of the body that is under way says nothing about `on_exit`.
        self.head()?.advance_fence += 1;
        self.put(Work::Timer(Timer::Exit), deadline_at);
        self.put(Work::Advance, self.now);
        Ok(())
    }
}

/// It returned: what it has left open is stopped.
pub(super) fn returned(draft: &mut Draft) -> Result<(), Refusal> {
    draft.emit(EventBody::ExitEnded {})?;
    close(draft, StopReason::Superseded)
}

/// It failed. The run ends as it was decided.
pub(super) fn failed(draft: &mut Draft, failure: &Failure) -> Result<(), Refusal> {
    draft.emit(EventBody::ExitFailed { failure: failure.clone() })?;
    close(draft, StopReason::Cancelled)
}

/// Its limit is reached.
pub(super) fn due(draft: &mut Draft) -> Result<(), Refusal> {
    let run = draft.run()?;
    if !run.in_exit() {
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    // The wall clock went back, or the time was moved while the run was held (I18).
    if draft.now < run.deadline_at {
        draft.put(Work::Timer(Timer::Exit), run.deadline_at);
        draft.reply = Reply::Nothing;
        return Ok(());
    }
    let message = format!("on_exit did not end within {} minutes", limits::EXIT_MS / 60_000);
    failed(draft, &Failure::new(FailureKind::ExitLimit, message))
}

fn close(draft: &mut Draft, reason: StopReason) -> Result<(), Refusal> {
    draft.drop_work(Work::Advance);
    draft.drop_work(Work::Timer(Timer::Exit));
    draft.stop_open(reason)?;
    draft.end_if_idle()
}
