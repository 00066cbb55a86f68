//! Events about steps.

use super::{GAP, MISSING};
use crate::call::CallSpec;
use crate::event::{Event, EventBody};
use crate::state::IllegalTransition;
use crate::view::{JobLimits, JobStep, RunHead, Step, StepKind, View};

pub(super) fn on_step(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    let run = view.run.as_mut().ok_or(MISSING)?;
    match &event.body {
        EventBody::StepScheduled { call, step, spec, deadline_at, wait } => {
            let kind = match (spec, wait) {
                (CallSpec::Job(job), _) => StepKind::Job(JobStep {
                    attempt: None,
                    number: 0,
                    used: 0,
                    retry: job.retry.clone(),
                    retry_at: None,
                    since: event.at,
                    base_fence: run.fence,
                    budget: job.budget.clone(),
                    limits: JobLimits {
                        heartbeat_ms: job.heartbeat_ms,
                        started_ms: job.started_ms,
                        launch_ms: job.launch_ms,
                        silence_ms: job.silence_ms,
                    },
                }),
                (CallSpec::Wait(_), Some(wait)) => StepKind::Wait { wait: wait.clone() },
                (CallSpec::Sleep { .. }, _) => StepKind::Sleep {},
                _ => return Err(MISSING),
            };
            next_call(run, *call)?;
            run.open_steps += 1;
            let step = Step {
                call: *call,
                name: step.clone(),
                kind,
                spec_seq: event.seq,
                completed_seq: None,
                deadline_at: *deadline_at,
                timeout_ms: spec.timeout_ms(),
                answer_digest: None,
                kept: 0,
                forgotten: false,
            };
            view.steps.insert(*call, step);
        }
        EventBody::StepRecorded { call, .. } => next_call(run, *call)?,
        EventBody::StepCompleted { call, digest, .. } => {
            let step = view.steps.get_mut(call).filter(|step| step.is_open()).ok_or(MISSING)?;
            step.completed_seq = Some(event.seq);
            step.answer_digest.clone_from(digest);
            if let StepKind::Job(job) = &mut step.kind {
                job.retry_at = None;
            }
            run.open_steps = run.open_steps.checked_sub(1).ok_or(MISSING)?;
            run.wake_seq = event.seq;
        }
        _ => return Err(MISSING),
    }
    Ok(())
}

fn next_call(run: &mut RunHead, call: u32) -> Result<(), IllegalTransition> {
    if call != run.calls + 1 {
        return Err(GAP);
    }
    run.calls = call;
    Ok(())
}

pub(super) fn job_mut(view: &mut View, call: u32) -> Result<&mut JobStep, IllegalTransition> {
    match &mut view.steps.get_mut(&call).ok_or(MISSING)?.kind {
        StepKind::Job(job) => Ok(job),
        _ => Err(MISSING),
    }
}
