//! A durable call that is answered later is asked for.

use super::Refusal;
use super::draft::Draft;
use crate::call::CallSpec;
use crate::effect::{Timer, Work};
use crate::event::EventBody;

/// Record the step, its deadline, and what has to be done for it.
pub(super) fn schedule(draft: &mut Draft, call: u32, step: &str, spec: &CallSpec) -> Result<(), Refusal> {
    let run_deadline = draft.run()?.deadline_at;
    let (timeout_ms, wait) = match spec {
        CallSpec::Job(job) => (job.timeout_ms, None),
        CallSpec::Wait(wait) => (wait.timeout_ms, Some(draft.new_wait())),
        CallSpec::Sleep { duration_ms } => (*duration_ms, None),
        _ => return Err(Refusal::NotFound),
    };
    let due = draft.after(timeout_ms);
    // A sleep that outlasts the run simply meets the run's deadline first.
    let deadline_at = if matches!(spec, CallSpec::Sleep { .. }) { due } else { due.min(run_deadline) };
    draft.emit(EventBody::StepScheduled { call, step: step.to_owned(), spec: spec.clone(), deadline_at, wait })?;
    draft.put(Work::Timer(Timer::Step(call)), deadline_at);
    if let CallSpec::Job(_) = spec {
        draft.schedule_attempt(call)?;
    }
    Ok(())
}
