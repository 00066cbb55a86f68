//! The end of a run: decided, then reached when nothing is open.

use super::Draft;
use crate::decide::Refusal;
use crate::effect::{Effect, Timer, Work};
use crate::event::EventBody;
use crate::failure::Failure;
use crate::state::{RunOutcome, RunState, StopReason};
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
        self.drop_work(Work::Advance);
        self.drop_work(Work::Timer(Timer::RunDeadline));
        let open: Vec<u32> = self.view.steps.values().filter(|step| step.is_open()).map(|step| step.call).collect();
        for call in open {
            self.stop_step(call, reason)?;
        }
        self.end_if_idle()
    }

    /// The run is over when nothing of it is open.
    pub(in crate::decide) fn end_if_idle(&mut self) -> Result<(), Refusal> {
        let run = self.run()?;
        if let (RunState::Ending, 0, Some(outcome)) = (run.state, run.open_steps, run.ending) {
            self.emit(EventBody::RunEnded { outcome })?;
            self.effects.push(Effect::DropAll);
        }
        Ok(())
    }
}
