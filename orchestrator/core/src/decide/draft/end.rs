//! The end of a run: decided, then reached when nothing is open and `on_exit` is over.

use super::Draft;
use crate::decide::Refusal;
use crate::effect::{Effect, Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::plan::NoticeKind;
use crate::state::{RunOutcome, RunState, StopReason};
use crate::view::RunHead;
use serde_json::Value;

impl Draft {
    /// Decide how the run ends: open handles are stopped first.
    pub(in crate::decide) fn end(
        &mut self,
        outcome: RunOutcome,
        value: Option<Value>,
        failure: Option<Failure>,
        reason: StopReason,
    ) -> Result<(), Refusal> {
        self.emit(EventBody::RunEnding { outcome, value, failure })?;
        for work in [Work::Advance, Work::Start, Work::MakeRoom, Work::Timer(Timer::RunDeadline), Work::Timer(Timer::Overdue)] {
            self.drop_work(work);
        }
        self.stop_open(reason)?;
        self.end_if_idle()
    }

    /// Stop whatever is open.
    pub(in crate::decide) fn stop_open(&mut self, reason: StopReason) -> Result<(), Refusal> {
        let open: Vec<u32> = self.view.steps.values().filter(|step| step.is_open()).map(|step| step.call).collect();
        for call in open {
            self.stop_step(call, reason)?;
        }
        Ok(())
    }

    /// When nothing of the body is open, `on_exit` is next; when nothing of that is, the run is over.
    pub(in crate::decide) fn end_if_idle(&mut self) -> Result<(), Refusal> {
        let run = self.run()?;
        let (RunState::Ending, 0, Some(outcome)) = (run.state, run.open_steps, run.ending) else { return Ok(()) };
        if run.in_exit() {
            return Ok(());
        }
        if wants_exit(run) {
            return self.start_exit();
        }
        self.emit(EventBody::RunEnded { outcome })?;
        self.ask(Effect::DropAll);
        self.tell_others(outcome)
    }

    /// Who has waited for the end: the parent, the queue, and people.
    fn tell_others(&mut self, outcome: RunOutcome) -> Result<(), Refusal> {
        let run = self.run()?;
        let (limit, flow, parent) = (run.plan.limit.clone(), run.flow.clone(), run.plan.parent.is_some());
        if let Some(limit) = limit {
            self.ask(Effect::StartNext { key: limit.key });
        }
        self.ask(Effect::StartDrained { flow });
        if parent {
            self.put(Work::Report, self.now);
        }
        match outcome {
            RunOutcome::Failed | RunOutcome::TimedOut => self.notice(NoticeKind::Failed),
            // Whoever wants to know of failures wants to know of those that were tried again in vain, too.
            RunOutcome::Dead if self.is_told_of(NoticeKind::Dead)? => self.notice(NoticeKind::Dead),
            RunOutcome::Dead => self.notice(NoticeKind::Failed),
            RunOutcome::Succeeded | RunOutcome::Cancelled => Ok(()),
        }
    }

    /// Tell of the event just made, where somebody wants to know.
    pub(in crate::decide) fn notice(&mut self, what: NoticeKind) -> Result<(), Refusal> {
        if self.is_told_of(what)? {
            let seq = self.run()?.seq;
            self.put(Work::Notify { what, seq }, self.now);
        }
        Ok(())
    }

    /// Whether a rule of the run wants somebody told.
    pub(in crate::decide) fn is_told_of(&self, what: NoticeKind) -> Result<bool, Refusal> {
        Ok(self.run()?.plan.notify.iter().any(|rule| rule.on.contains(&what)))
    }
}

/// A run that never left the queue has nothing to clean up.
const fn wants_exit(run: &RunHead) -> bool {
    run.plan.on_exit && run.exit_from.is_none() && !run.exit_over && run.wake_seq > 0
}
