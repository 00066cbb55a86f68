//! Events about steps.

use super::{GAP, MISSING};
use crate::event::{Event, EventBody};
use crate::state::IllegalTransition;
use crate::view::{JobStep, RunHead, Step, StepKind, View};

pub(super) fn on_step(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    let run = view.run.as_mut().ok_or(MISSING)?;
    match &event.body {
        EventBody::StepScheduled { call, step, spec, deadline_at, wait } => {
            let kind = super::kind::opened(run, event, *call, spec, wait.as_ref())?;
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
        EventBody::StepRecorded { call, .. } | EventBody::StepReused { call, .. } => next_call(run, *call)?,
        EventBody::StepCompleted { call, digest, .. } => {
            let step = view.steps.get_mut(call).filter(|step| step.is_open()).ok_or(MISSING)?;
            step.completed_seq = Some(event.seq);
            step.answer_digest.clone_from(digest);
            match &mut step.kind {
                StepKind::Job(job) => job.retry_at = None,
                StepKind::Http(tries) | StepKind::Artifact(tries) => {
                    tries.retry_at = None;
                    tries.under_way = false;
                }
                _ => {}
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
