//! What to do: commands with the ids filled in.

use super::Facts;
use crate::envelope::Next;
use sortie_core::call::{CallSpec, WaitAuth};
use sortie_core::failure::FailureKind;
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::{Step, StepKind};

/// At most so many: the rest is one `runs show` away.
const AT_MOST: usize = 8;

/// The commands that make sense now, the most useful first.
pub(super) fn commands(facts: &Facts<'_>) -> Vec<Next> {
    let run = facts.head.id.as_str();
    let mut next = Vec::new();
    match facts.head.state {
        RunState::Paused => next.push(Next::act(&["runs", "resume", run])),
        RunState::Parked => parked(facts, run, &mut next),
        RunState::Dead => {
            next.push(Next::act(&["dead", "redrive", run]));
            failed(facts, run, &mut next);
        }
        RunState::Failed => {
            next.push(Next::act(&["runs", "retry", run]));
            failed(facts, run, &mut next);
        }
        RunState::TimedOut | RunState::Cancelled => next.push(Next::act(&["runs", "fork", run])),
        RunState::Succeeded => {}
        RunState::Queued | RunState::Running | RunState::Ending => {
            if let Some(other) = facts.place.and_then(|place| place.running_run.as_ref()) {
                next.push(Next::look(&["runs", "explain", other.as_str()]));
            }
            facts.steps.iter().filter(|step| step.is_open()).for_each(|step| open(facts, run, step, &mut next));
        }
    }
    late(facts, &mut next);
    next.push(Next::look(&["runs", "history", run]));
    if !facts.head.state.is_over() {
        next.push(Next::act(&["runs", "cancel", run]));
    }
    next.truncate(AT_MOST);
    next
}

fn parked(facts: &Facts<'_>, run: &str, next: &mut Vec<Next>) {
    let kind = facts.head.failure.as_ref().map(|failure| failure.kind);
    if let Some(FailureKind::Nondeterminism | FailureKind::Internal) = kind {
        next.push(Next::look(&["runs", "replay", run]));
        next.push(Next::look(&["runs", "export", run, "-o", "run.json"]));
    }
    next.push(Next::act(&["runs", "resume", run]));
    next.push(Next::act(&["runs", "fork", run]));
}

/// A run that failed: look at the job that did it, at its host, at its child.
fn failed(facts: &Facts<'_>, run: &str, next: &mut Vec<Next>) {
    if let Some(attempt) = facts.attempts.last() {
        next.push(Next::look(&["runs", "logs", run, "--attempt", attempt.id.as_str()]));
    }
    let kind = facts.head.failure.as_ref().map(|failure| failure.kind);
    let host = facts.attempts.last().and_then(|attempt| attempt.handed.as_ref()).map(|handed| handed.host.as_str());
    match (kind, host) {
        (
            Some(
                FailureKind::Unreachable
                | FailureKind::Auth
                | FailureKind::HostKey
                | FailureKind::WrongMachine
                | FailureKind::NotStarted
                | FailureKind::Refused,
            ),
            Some(host),
        ) => {
            next.push(Next::look(&["host", "test", host]));
        }
        (Some(FailureKind::NoHost), _) => next.push(Next::look(&["host", "list"])),
        (Some(FailureKind::Secret), _) => next.push(Next::look(&["secret", "list"])),
        (Some(FailureKind::FlowError | FailureKind::FlowLimit), _) => next.push(Next::act(&["runs", "fork", run])),
        _ => {}
    }
    if kind == Some(FailureKind::Child)
        && let Some(child) =
            facts.steps.iter().rev().find_map(|step| if let StepKind::Child { run, .. } = &step.kind { Some(run) } else { None })
    {
        next.push(Next::look(&["runs", "explain", child.as_str()]));
    }
}

fn open(facts: &Facts<'_>, run: &str, step: &Step, next: &mut Vec<Next>) {
    match &step.kind {
        StepKind::Job(job) => {
            let row = job.attempt.as_ref().and_then(|id| facts.attempt(id));
            let Some(row) = row else { return };
            let before = job.behind.iter().filter_map(|id| facts.attempt(id)).filter_map(|row| facts.host_of(row));
            before.for_each(|(host, _)| next.push(Next::look(&["host", "test", host])));
            if !matches!(row.state, AttemptState::Scheduled) {
                next.push(Next::look(&["runs", "logs", run, "--attempt", row.id.as_str()]));
            }
            let away =
                matches!(row.state, AttemptState::Scheduled | AttemptState::LaunchUnknown | AttemptState::Suspect | AttemptState::Stopping);
            if let Some((host, _)) = facts.host_of(row).filter(|_| away) {
                next.push(Next::look(&["host", "test", host]));
            }
        }
        StepKind::Wait { wait } => {
            let auth = facts
                .specs
                .get(&step.call)
                .and_then(|scheduled| if let CallSpec::Wait(spec) = &scheduled.spec { Some(spec) } else { None });
            let people = auth.is_some_and(|spec| spec.auth == WaitAuth::Operator || !spec.roles.is_empty());
            if people {
                next.push(Next::act(&["waits", "answer", wait.as_str(), "--value", "-"]));
            }
            if auth.is_none_or(|spec| spec.auth != WaitAuth::Operator) {
                next.push(Next::look(&["waits", "credentials", wait.as_str(), "--out", "answer.curl"]));
            }
        }
        StepKind::Approval(approval) => {
            let revision = approval.revision.to_string();
            next.push(Next::look(&["approval", "show", approval.id.as_str()]));
            next.push(Next::act(&["approval", "approve", approval.id.as_str(), "--revision", &revision]));
            next.push(Next::act(&["approval", "reject", approval.id.as_str(), "--revision", &revision]));
        }
        StepKind::Child { run: child, .. } => next.push(Next::look(&["runs", "explain", child.as_str()])),
        StepKind::Event { name, key } => next.push(Next::act(&["event", "publish", name, "--key", key])),
        StepKind::Sleep {} | StepKind::Http(_) | StepKind::Artifact(_) => {}
    }
}

/// Late results that could be taken after all: of attempts whose step is not answered, or whose run can go on by it.
fn late(facts: &Facts<'_>, next: &mut Vec<Next>) {
    let late = facts.callbacks.iter().rev().find(|row| row.outcome == "late" && row.subject.starts_with("att_") && row.body.is_some());
    if let Some(row) = late
        && !matches!(facts.head.state, RunState::Succeeded | RunState::Cancelled)
    {
        next.push(Next::act(&["runs", "adopt", &row.subject]));
    }
}
