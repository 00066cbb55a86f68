//! A durable call that is answered later is asked for: the step, its deadline, and what has to be done for it.

use super::Refusal;
use super::draft::Draft;
use crate::call::CallSpec;
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::Ms;
use crate::limits;
use crate::value;
use crate::view::StepKind;
use serde_json::Value;

/// Record the step, its deadline, and what has to be done for it. A step that a reset has forgotten gives way to the one that
/// has its number now.
pub(super) fn schedule(draft: &mut Draft, call: u32, step: &str, spec: &CallSpec) -> Result<(), Refusal> {
    let deadline_at = deadline(draft, spec)?;
    let wait = matches!(spec, CallSpec::Wait(_) | CallSpec::Approval(_)).then(|| draft.new_wait());
    draft.emit(EventBody::StepScheduled { call, step: step.to_owned(), spec: spec.clone(), deadline_at, wait })?;
    draft.begin_step(call)
}

/// The earlier of its own and the run's; only a sleep has its own alone: one that outlasts the run meets the run's deadline first.
fn deadline(draft: &Draft, spec: &CallSpec) -> Result<Ms, Refusal> {
    let own = match spec {
        CallSpec::Sleep { duration_ms } => return Ok(draft.after(*duration_ms)),
        CallSpec::SleepUntil { at } => return Ok((*at).min(draft.after(limits::LONGEST_MS))),
        CallSpec::Artifact(_) => limits::ARTIFACT_MS,
        other => other.timeout_ms(),
    };
    Ok(draft.after(own).min(draft.run()?.deadline_at))
}

impl Draft {
    /// Put what a step needs that was just scheduled or opened anew: its deadline, and whatever answers it.
    pub(in crate::decide) fn begin_step(&mut self, call: u32) -> Result<(), Refusal> {
        let step = self.step(call)?;
        let deadline_at = step.deadline_at;
        match step.kind.clone() {
            // A time that has passed is no reason to go through the due work.
            StepKind::Sleep {} if deadline_at <= self.now => return self.complete(call, Value::Null, None),
            StepKind::Sleep {} | StepKind::Wait { .. } => {}
            StepKind::Job(_) => self.schedule_attempt(call)?,
            StepKind::Http(_) | StepKind::Artifact(_) => self.put(Work::Try(call), self.now),
            StepKind::Event { .. } => self.put(Work::Event(call), self.now),
            StepKind::Approval(_) => super::approval::ask(self, call)?,
            StepKind::Child { .. } if self.run()?.plan.depth >= limits::CHILD_DEPTH => {
                let message = format!("runs start runs at most {} deep", limits::CHILD_DEPTH);
                let failure = Failure::new(FailureKind::Child, message);
                return self.complete(call, value::child(None, None, Some(&failure)), None);
            }
            StepKind::Child { .. } => self.put(Work::Child(call), self.now),
        }
        self.put(Work::Timer(Timer::Step(call)), deadline_at);
        Ok(())
    }

    /// Put again what waited while the run was held, for every open step. To be called when the run is let go on, from a view
    /// with all open steps and their attempts.
    pub(in crate::decide) fn go_on(&mut self) -> Result<(), Refusal> {
        let open: Vec<u32> = self.view.steps.values().filter(|step| step.is_open()).map(|step| step.call).collect();
        for call in open {
            match &self.step(call)?.kind {
                StepKind::Job(job) => match (job.retry_at, job.attempt.clone()) {
                    (Some(due_at), _) => self.put(Work::Timer(Timer::Retry(call)), due_at),
                    (None, Some(_)) if job.parked => super::ask::go_on(self, call)?,
                    (None, Some(id)) => self.launch_if_ready(call, &id),
                    (None, None) => {}
                },
                StepKind::Http(tries) | StepKind::Artifact(tries) => match tries.retry_at {
                    Some(due_at) => self.put(Work::Timer(Timer::Retry(call)), due_at),
                    // One that is under way has its work still, and its answer settles what is next.
                    None if tries.under_way => {}
                    None => self.put(Work::Try(call), self.now),
                },
                _ => {}
            }
        }
        Ok(())
    }
}
