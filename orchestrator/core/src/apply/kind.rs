//! A step's own state as it is opened, and opened anew.

use super::MISSING;
use crate::call::{ApprovalSpec, CallSpec, JobSpec, RetryPolicy};
use crate::event::Event;
use crate::failure::FailureKind;
use crate::ids::{Ms, RunId, WaitId};
use crate::limits;
use crate::state::IllegalTransition;
use crate::view::{ApprovalStep, Escalating, JobLimits, JobStep, RunHead, Spent, StepKind, Tries};
use std::collections::BTreeMap;

/// The state of a step that this event schedules.
pub(super) fn opened(
    run: &RunHead,
    event: &Event,
    call: u32,
    spec: &CallSpec,
    wait: Option<&WaitId>,
) -> Result<StepKind, IllegalTransition> {
    let wait = || wait.cloned().ok_or(MISSING);
    Ok(match spec {
        CallSpec::Job(spec) => StepKind::Job(job(run, event, spec)),
        CallSpec::Wait(_) => StepKind::Wait { wait: wait()? },
        CallSpec::Sleep { .. } | CallSpec::SleepUntil { .. } => StepKind::Sleep {},
        CallSpec::Http(spec) => StepKind::Http(tries(event, spec.retry.clone())),
        CallSpec::Artifact(_) => StepKind::Artifact(tries(event, keeping())),
        CallSpec::WaitEvent(spec) => StepKind::Event { name: spec.name.clone(), key: spec.key.clone() },
        CallSpec::Approval(spec) => StepKind::Approval(approval(event, spec, wait()?)),
        CallSpec::Child(spec) => StepKind::Child { run: child(run, event, call), made: false, on_cancel: spec.on_cancel, stopping: None },
        CallSpec::Read { .. } | CallSpec::Now {} | CallSpec::Uuid {} | CallSpec::WaitAny { .. } => return Err(MISSING),
    })
}

/// The same step in a new life that this event begins: its retry budget is fresh, and nothing of the life before can answer it.
pub(super) fn reopened(kind: &mut StepKind, run: &RunHead, event: &Event, call: u32) {
    match kind {
        StepKind::Job(job) => {
            job.used = 0;
            job.retry_at = None;
            job.since = event.at;
            job.base_fence = run.fence;
            job.alive_since = None;
            job.asking.clear();
            job.asking_since = None;
            job.asked = 0;
            job.parked = false;
            job.answers.clear();
            job.spent = Spent::default();
            job.unsettled.clear();
            job.cloned = false;
        }
        StepKind::Http(of) | StepKind::Artifact(of) => *of = tries(event, of.retry.clone()),
        StepKind::Approval(approval) => {
            approval.revision = event.seq;
            approval.votes.clear();
            approval.reminded = 0;
            approval.remind_at = approval.remind_ms.map(|every| later(event.at, every));
            if let Some(escalate) = &mut approval.escalate {
                escalate.at = later(event.at, escalate.after_ms);
            }
        }
        StepKind::Child { run: id, made, stopping, .. } => {
            *id = child(run, event, call);
            *made = false;
            *stopping = None;
        }
        StepKind::Wait { .. } | StepKind::Sleep {} | StepKind::Event { .. } => {}
    }
}

fn job(run: &RunHead, event: &Event, spec: &JobSpec) -> JobStep {
    JobStep {
        attempt: None,
        number: 0,
        used: 0,
        retry: spec.retry.clone(),
        retry_at: None,
        since: event.at,
        base_fence: run.fence,
        behind: Vec::new(),
        alive_since: None,
        asking: Vec::new(),
        asking_since: None,
        asked: 0,
        parked: false,
        answers: Vec::new(),
        spent: Spent::default(),
        unsettled: BTreeMap::new(),
        cloned: false,
        budget: spec.budget.clone(),
        limits: JobLimits {
            heartbeat_ms: spec.heartbeat_ms,
            started_ms: spec.started_ms,
            launch_ms: spec.launch_ms,
            silence_ms: spec.silence_ms,
        },
    }
}

fn tries(event: &Event, retry: RetryPolicy) -> Tries {
    Tries { number: 0, used: 0, retry, retry_at: None, since: event.at, base: event.seq, under_way: false }
}

/// Keeping a text is the server's own work: it is tried until the disk or the object store takes it.
fn keeping() -> RetryPolicy {
    RetryPolicy {
        attempts: limits::ARTIFACT_TRIES,
        backoff_ms: 1_000,
        max_backoff_ms: 600_000,
        total_ms: None,
        on: vec![FailureKind::Unreachable, FailureKind::TimedOut, FailureKind::Internal],
    }
}

pub(super) fn approval(event: &Event, spec: &ApprovalSpec, id: WaitId) -> ApprovalStep {
    ApprovalStep {
        id,
        revision: event.seq,
        approvers: spec.approvers.clone(),
        quorum: spec.quorum,
        comment_required: spec.comment_required,
        remind_ms: spec.remind_ms,
        reminded: 0,
        remind_at: spec.remind_ms.map(|every| later(event.at, every)),
        escalate: spec.escalate.as_ref().map(|to| Escalating {
            after_ms: to.after_ms,
            at: later(event.at, to.after_ms),
            to: to.to.clone(),
        }),
        notify: spec.notify.clone(),
        votes: Vec::new(),
        ask: None,
    }
}

fn child(run: &RunHead, event: &Event, call: u32) -> RunId {
    RunId::of_child(&run.id, call, run.fence, event.seq, event.at)
}

/// So many milliseconds later, at most [`limits::LONGEST_MS`].
pub(super) fn later(at: Ms, by_ms: u64) -> Ms {
    at.saturating_add_unsigned(by_ms.min(limits::LONGEST_MS))
}
