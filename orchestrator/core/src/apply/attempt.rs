//! Events about attempts.

use super::MISSING;
use super::step::job_mut;
use crate::event::{Event, EventBody};
use crate::failure::{Failure, FailureKind};
use crate::ids::AttemptId;
use crate::state::{AttemptState, IllegalTransition};
use crate::view::{Attempt, Spent, View};

pub(super) fn on_attempt(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
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
            let row = row_mut(view, attempt)?;
            move_to(row, AttemptState::Running)?;
            let call = row.call;
            job_mut(view, call)?.alive_since = None;
        }
        EventBody::AttemptAlive { attempt } => {
            let call = row_mut(view, attempt)?.call;
            job_mut(view, call)?.alive_since = Some(event.at);
        }
        EventBody::AttemptSuspect { attempt, .. } => move_to(row_mut(view, attempt)?, AttemptState::Suspect)?,
        EventBody::AttemptResult { attempt, digest, result, failure, parked, .. } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(result_state(failure.as_ref()))?;
            row.result_digest = Some(digest.clone());
            let (call, fence) = (row.call, row.fence);
            settle(view, attempt, call, fence, Spent::of(result));
            if *parked {
                let job = job_mut(view, call)?;
                job.parked = true;
                // An attempt that waits for people is none that failed.
                job.used = job.used.saturating_sub(1);
            }
        }
        EventBody::AttemptCloned { attempt, .. } => {
            let call = row_mut(view, attempt)?.call;
            job_mut(view, call)?.cloned = true;
        }
        EventBody::ResultAdopted { attempt, digest, result, failure, .. } => {
            let row = row_mut(view, attempt)?;
            // One that was ended early stays so: that its result is used does not change what is known of its process.
            if matches!(row.state, AttemptState::Lost | AttemptState::Interrupted) {
                row.state = row.state.to(result_state(failure.as_ref()))?;
            }
            row.result_digest = Some(digest.clone());
            let (call, fence) = (row.call, row.fence);
            settle(view, attempt, call, fence, Spent::of(result));
        }
        EventBody::AttemptFailed { attempt, failure, used } => {
            let row = row_mut(view, attempt)?;
            move_to(row, end_state(failure))?;
            let (call, fence) = (row.call, row.fence);
            settle(view, attempt, call, fence, *used);
            if !used.is_nothing()
                && let Ok(job) = job_mut(view, call)
                && fence > job.base_fence
            {
                job.unsettled.insert(attempt.clone(), *used);
            }
        }
        EventBody::AttemptStopping { attempt, reason } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(AttemptState::Stopping)?;
            row.stopping = Some(*reason);
        }
        EventBody::AttemptStopped { attempt, .. } => {
            let row = row_mut(view, attempt)?;
            row.state = row.state.to(AttemptState::Stopped)?;
            row.debt = false;
            let call = row.call;
            // The step may be of another kind by now: a reset has forgotten the one that this attempt was made for.
            if let Ok(job) = job_mut(view, call) {
                job.behind.retain(|id| id != attempt);
            }
        }
        EventBody::StopUnverified { attempt } => row_mut(view, attempt)?.debt = true,
        _ => return Err(MISSING),
    }
    Ok(())
}

/// What an attempt of the step's present life has used counts for all of that life. What was known of it before is in there.
fn settle(view: &mut View, id: &AttemptId, call: u32, fence: u64, used: Spent) {
    if let Ok(job) = job_mut(view, call)
        && fence > job.base_fence
    {
        let before = job.unsettled.remove(id).unwrap_or_default();
        job.spent = job.spent.less(before).plus(used);
    }
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
    let before = view.attempts.values().filter(|row| row.call == call && !row.state.is_over());
    let behind = before.map(|row| row.id.clone()).collect();
    let job = job_mut(view, call)?;
    job.attempt = Some(attempt.clone());
    job.number = number;
    job.used += 1;
    job.retry_at = None;
    job.behind = behind;
    job.alive_since = None;
    job.asked = 0;
    job.parked = false;
    job.cloned = false;
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
