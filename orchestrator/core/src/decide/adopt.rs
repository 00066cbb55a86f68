//! A late result is taken after all, because an operator says so.

use super::draft::Draft;
use super::operator::{not_now, saw_this};
use super::reset::{Anew, end_attempt};
use super::{Refusal, Reply};
use crate::event::EventBody;
use crate::ids::AttemptId;
use crate::input::{Operator, ResultSaid};
use crate::state::RunState;
use crate::view::StepKind;

/// Take it where its step can still be answered; a run that ended for want of it is opened again.
pub(super) fn adopt(draft: &mut Draft, id: &AttemptId, digest: &str, said: &ResultSaid, operator: &Operator) -> Result<(), Refusal> {
    let row = draft.attempt(id)?;
    let (call, state, fence) = (row.call, row.state, row.fence);
    if let Some(first) = &row.result_digest {
        if first == digest {
            draft.reply = Reply::Nothing;
            return Ok(());
        }
        return not_now(draft, "another result of the attempt was accepted, and it stands");
    }
    let step = draft.step(call)?;
    let StepKind::Job(job) = &step.kind else { return not_now(draft, "the attempt's step was forgotten by a reset") };
    if step.forgotten || fence <= job.base_fence {
        return not_now(draft, "the attempt belongs to a life of its step before a reset");
    }
    if !state.is_over() && state != crate::state::AttemptState::Stopping {
        return not_now(draft, "the attempt still goes on, and its result is taken when it comes");
    }
    if step.is_open() && draft.run()?.goes_on() {
        return if saw_this(draft, operator)? { take(draft, id, digest, said, operator) } else { Ok(()) };
    }
    if !ended_it(draft, call)? {
        return not_now(draft, "the attempt's step was answered, and the flow may have gone on from that; retry from that step instead");
    }
    let Some(anew) = Anew::of_failed(draft, call)? else { return not_now(draft, "the attempt's step is not answered yet") };
    if !anew.may(draft)? || !saw_this(draft, operator)? {
        return Ok(());
    }
    anew.begin(draft, operator, Some(call))?;
    take(draft, id, digest, said, operator)
}

/// Whether the run is over because this step failed, or the step was cut off by that end.
fn ended_it(draft: &Draft, call: u32) -> Result<bool, Refusal> {
    let run = draft.run()?;
    let failed = run.failure.as_ref().and_then(|failure| failure.call) == Some(call);
    let cut_off = run.ending_seq.zip(draft.step(call)?.completed_seq).is_some_and(|(ending, answered)| answered > ending);
    let of_body = call <= run.exit_from.unwrap_or(run.calls);
    Ok(matches!(run.state, RunState::Failed | RunState::Dead) && of_body && (failed || cut_off))
}

fn take(draft: &mut Draft, id: &AttemptId, digest: &str, said: &ResultSaid, operator: &Operator) -> Result<(), Refusal> {
    let call = draft.attempt(id)?.call;
    let newest = draft.job(call)?.attempt.clone();
    // The step is answered now; that the newer attempt, or this one itself, may still run is a debt of its host until verified.
    for attempt in newest.iter().filter(|newest| *newest != id).chain([id]) {
        if end_attempt(draft, attempt)? && !draft.attempt(attempt)?.debt {
            draft.emit(EventBody::StopUnverified { attempt: attempt.clone() })?;
        }
    }
    draft.emit(EventBody::ResultAdopted {
        attempt: id.clone(),
        digest: digest.to_owned(),
        result: said.result.clone(),
        failure: said.failure.clone(),
        actor: operator.actor.clone(),
    })?;
    draft.complete_job(id, Some(&said.result), said.failure.as_ref(), None)
}
