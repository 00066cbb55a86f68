//! The fold: `apply(view, event)`. The only place where rows change; deciding and replaying both go through it.

use crate::call::CallSpec;
use crate::event::{Event, EventBody};
use crate::failure::{Failure, FailureKind};
use crate::ids::AttemptId;
use crate::state::{AttemptState, IllegalTransition, RunState};
use crate::view::{Attempt, JobLimits, JobStep, RunHead, Step, StepKind, View};

const MISSING: IllegalTransition = IllegalTransition { what: "journal", from: "an event", to: "a row that is not there" };
const GAP: IllegalTransition = IllegalTransition { what: "journal", from: "one number", to: "another than the next" };

/// Fold one event.
///
/// # Errors
/// [`IllegalTransition`] where the event does not follow from the rows: a gap, a missing row, a move outside the tables.
pub fn apply(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    if let EventBody::RunCreated { .. } = event.body {
        return created(view, event);
    }
    let run = view.run.as_mut().ok_or(MISSING)?;
    if event.seq != run.seq + 1 {
        return Err(GAP);
    }
    run.seq = event.seq;
    run.updated_at = event.at;
    match &event.body {
        EventBody::RunCreated { .. } => Err(GAP),
        EventBody::RunStarted {} | EventBody::RunEnding { .. } | EventBody::RunEnded { .. } | EventBody::RunParked { .. } => {
            on_run(run, event)
        }
        EventBody::StepScheduled { .. } | EventBody::StepRecorded { .. } | EventBody::StepCompleted { .. } => on_step(view, event),
        EventBody::RetryScheduled { call, due_at, .. } => {
            job_mut(view, *call)?.retry_at = Some(*due_at);
            Ok(())
        }
        EventBody::CallbackKept { call, .. } => {
            view.steps.get_mut(call).ok_or(MISSING)?.kept += 1;
            Ok(())
        }
        EventBody::CancelRequested { .. } => Ok(()),
        _ => on_attempt(view, event),
    }
}

fn created(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    let EventBody::RunCreated { run, flow, release, bundle, deadline_at, .. } = &event.body else { return Err(GAP) };
    if view.run.is_some() || event.seq != 1 {
        return Err(GAP);
    }
    view.run = Some(RunHead {
        id: run.clone(),
        flow: flow.clone(),
        release: *release,
        bundle: bundle.clone(),
        state: RunState::Queued,
        seq: 1,
        wake_seq: 0,
        calls: 0,
        open_steps: 0,
        fence: 0,
        ending: None,
        deadline_at: *deadline_at,
        created_at: event.at,
        updated_at: event.at,
        failure: None,
        advance_fence: 0,
        evaluated_seq: 0,
        crashes: 0,
    });
    Ok(())
}

fn on_run(run: &mut RunHead, event: &Event) -> Result<(), IllegalTransition> {
    match &event.body {
        EventBody::RunStarted {} => {
            run.state = run.state.to(RunState::Running)?;
            run.wake_seq = event.seq;
        }
        EventBody::RunEnding { outcome, failure, .. } => {
            run.state = run.state.to(RunState::Ending)?;
            run.ending = Some(*outcome);
            run.failure.clone_from(failure);
        }
        EventBody::RunEnded { outcome } => run.state = run.state.to(outcome.state())?,
        EventBody::RunParked { failure } => {
            run.state = run.state.to(RunState::Parked)?;
            run.failure = Some(failure.clone());
        }
        _ => return Err(MISSING),
    }
    Ok(())
}

fn on_step(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
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
                    limits: JobLimits { heartbeat_ms: job.heartbeat_ms, started_ms: job.started_ms, launch_ms: job.launch_ms },
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
                answer_digest: None,
                kept: 0,
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

fn job_mut(view: &mut View, call: u32) -> Result<&mut JobStep, IllegalTransition> {
    match &mut view.steps.get_mut(&call).ok_or(MISSING)?.kind {
        StepKind::Job(job) => Ok(job),
        _ => Err(MISSING),
    }
}

fn on_attempt(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    if let EventBody::AttemptScheduled { attempt, call, number, fence } = &event.body {
        return attempt_scheduled(view, event, attempt, *call, *number, *fence);
    }
    match &event.body {
        EventBody::AttemptLaunching { attempt, handed } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(AttemptState::Launching)?;
            row.handed = Some(handed.clone());
        }
        // Not one byte was sent: as if it had not been tried, except that its host and claims stay.
        EventBody::LaunchDeferred { attempt, .. } => move_to(row_mut(view, attempt)?, AttemptState::Scheduled)?,
        EventBody::LaunchUnknown { attempt, .. } => move_to(row_mut(view, attempt)?, AttemptState::LaunchUnknown)?,
        EventBody::AttemptLaunched { attempt, .. } => {
            // The job may have been heard of before the answer to its launch (F040).
            let row = row_mut(view, attempt)?;
            if matches!(row.state, AttemptState::Launching | AttemptState::LaunchUnknown) {
                row.state = AttemptState::Launched;
            }
        }
        EventBody::AttemptStarted { attempt } | EventBody::AttemptRevived { attempt } => {
            move_to(row_mut(view, attempt)?, AttemptState::Running)?
        }
        EventBody::AttemptSuspect { attempt, .. } => move_to(row_mut(view, attempt)?, AttemptState::Suspect)?,
        EventBody::AttemptResult { attempt, digest, failure, .. } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(result_state(failure.as_ref()))?;
            row.result_digest = Some(digest.clone());
        }
        EventBody::AttemptFailed { attempt, failure } => move_to(row_mut(view, attempt)?, end_state(failure))?,
        EventBody::AttemptStopping { attempt, reason } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(AttemptState::Stopping)?;
            row.stopping = Some(*reason);
        }
        EventBody::AttemptStopped { attempt, .. } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(AttemptState::Stopped)?;
            row.debt = false;
        }
        EventBody::StopUnverified { attempt } => row_mut(view, attempt)?.debt = true,
        _ => return Err(MISSING),
    }
    Ok(())
}

fn row_mut<'a>(view: &'a mut View, id: &AttemptId) -> Result<&'a mut Attempt, IllegalTransition> {
    view.attempts.get_mut(id).ok_or(MISSING)
}

fn attempt_scheduled(
    view: &mut View,
    event: &Event,
    attempt: &AttemptId,
    call: u32,
    number: u32,
    fence: u64,
) -> Result<(), IllegalTransition> {
    let deadline_at = view.steps.get(&call).ok_or(MISSING)?.deadline_at;
    let job = job_mut(view, call)?;
    job.attempt = Some(attempt.clone());
    job.number = number;
    job.used += 1;
    job.retry_at = None;
    let run = view.run.as_mut().ok_or(MISSING)?;
    if fence <= run.fence {
        return Err(IllegalTransition { what: "fence", from: "one", to: "a lower one" });
    }
    run.fence = fence;
    let row = Attempt {
        id: attempt.clone(),
        call,
        number,
        fence,
        state: AttemptState::Scheduled,
        stopping: None,
        debt: false,
        handed: None,
        scheduled_at: event.at,
        deadline_at,
        result_digest: None,
    };
    view.attempts.insert(attempt.clone(), row);
    Ok(())
}

fn move_to(row: &mut Attempt, to: AttemptState) -> Result<(), IllegalTransition> {
    row.state = row.state.to(to)?;
    Ok(())
}

/// The state of an attempt with a result, whatever the result says of itself: `lost` and `interrupted` are for those without.
fn result_state(failure: Option<&Failure>) -> AttemptState {
    match failure.map(|failure| failure.kind) {
        None => AttemptState::Succeeded,
        Some(FailureKind::Rejected) => AttemptState::Rejected,
        Some(_) => AttemptState::Failed,
    }
}

/// The state of an attempt that is over without a result.
fn end_state(failure: &Failure) -> AttemptState {
    match failure.kind {
        FailureKind::Lost => AttemptState::Lost,
        FailureKind::Interrupted => AttemptState::Interrupted,
        FailureKind::Rejected => AttemptState::Rejected,
        _ => AttemptState::Failed,
    }
}

/// Fold a whole journal.
///
/// # Errors
/// As [`apply`], for the first event that does not follow.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<View, IllegalTransition> {
    let mut view = View::default();
    for event in events {
        apply(&mut view, event)?;
    }
    Ok(view)
}
