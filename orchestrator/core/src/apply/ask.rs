//! Questions of jobs. While one of a job is open, the job's time stands still: its limits move by the time that was waited.

use super::{GAP, MISSING, kind, step::job_mut};
use crate::event::{Event, EventBody};
use crate::ids::Ms;
use crate::limits;
use crate::state::IllegalTransition;
use crate::value::ApprovalOutcome;
use crate::view::{Asked, Given, Step, StepKind, View};

pub(super) fn on_ask(view: &mut View, event: &Event) -> Result<(), IllegalTransition> {
    match &event.body {
        EventBody::AskOpened { call, step, of, attempt, ask_seq, ask, deadline_at, id } => {
            let run = view.run.as_mut().ok_or(MISSING)?;
            if *call != limits::ASK_CALLS + run.asks {
                return Err(GAP);
            }
            run.asks += 1;
            let job = job_mut(view, *of)?;
            job.asking.push(*call);
            job.asking_since.get_or_insert(event.at);
            job.asked += 1;
            let digest = ask.digest();
            let place = job.answers.iter().position(|given| given.digest == digest);
            let given = place.map(|place| job.answers.remove(place).answer);
            let spec = ask.approval();
            let asked = Asked { call: *of, attempt: attempt.clone(), seq: *ask_seq, digest, given, answer: None };
            let mut approval = kind::approval(event, &spec, id.clone());
            approval.ask = Some(asked);
            let row = Step {
                call: *call,
                name: step.clone(),
                kind: StepKind::Approval(approval),
                spec_seq: event.seq,
                completed_seq: None,
                deadline_at: *deadline_at,
                timeout_ms: spec.timeout_ms,
                answer_digest: None,
                kept: 0,
                forgotten: false,
            };
            view.steps.insert(*call, row);
            Ok(())
        }
        EventBody::AskClosed { call, of, answer, .. } => {
            let row = view.steps.get_mut(call).filter(|step| step.is_open()).ok_or(MISSING)?;
            row.completed_seq = Some(event.seq);
            let StepKind::Approval(approval) = &mut row.kind else { return Err(MISSING) };
            let asked = approval.ask.as_mut().ok_or(MISSING)?;
            asked.answer = Some(answer.clone());
            let given = Given { digest: asked.digest.clone(), answer: answer.clone() };
            let job = job_mut(view, *of)?;
            // Whoever was told has acted on it, and asks anew for whatever it does again. Who has ended to wait has not.
            if job.parked && !given.digest.is_empty() && matches!(answer.answered, ApprovalOutcome::Approved | ApprovalOutcome::Rejected) {
                job.answers.push(given);
            }
            closed(view, *call, *of, event.at)
        }
        _ => Err(MISSING),
    }
}

/// With the last open question the job's time goes on, and all that was to be over then is put off by as much.
fn closed(view: &mut View, call: u32, of: u32, at: Ms) -> Result<(), IllegalTransition> {
    let latest = view.run.as_ref().ok_or(MISSING)?.deadline_at;
    let job = job_mut(view, of)?;
    job.asking.retain(|open| *open != call);
    if !job.asking.is_empty() {
        return Ok(());
    }
    let Some(since) = job.asking_since.take() else { return Err(MISSING) };
    let waited = u64::try_from(at.saturating_sub(since)).unwrap_or(0);
    job.since = kind::later(job.since, waited);
    let newest = job.attempt.clone();
    let step = view.steps.get_mut(&of).ok_or(MISSING)?;
    step.deadline_at = put_off(step.deadline_at, waited, latest);
    if let Some(row) = newest.and_then(|id| view.attempts.get_mut(&id)).filter(|row| !row.state.is_over()) {
        row.deadline_at = put_off(row.deadline_at, waited, latest);
    }
    Ok(())
}

/// Never past the run's own deadline, and never earlier than it was.
fn put_off(deadline_at: Ms, by_ms: u64, latest: Ms) -> Ms {
    kind::later(deadline_at, by_ms).min(latest.max(deadline_at))
}
