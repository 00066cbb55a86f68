//! Redrive and retry-from: steps are forgotten or opened anew, and the run goes on.

use super::Refusal;
use super::draft::Draft;
use super::operator::{not_now, reason, saw_this};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::ids::AttemptId;
use crate::input::Operator;
use crate::state::{AttemptState, RunState, StopReason};
use crate::view::StepKind;

/// Forget everything from a call on, or open the step that failed anew.
pub(super) fn reset(draft: &mut Draft, from: Option<u32>, operator: &Operator) -> Result<(), Refusal> {
    let run = draft.run()?;
    let anew = match (run.state, from) {
        (RunState::Failed | RunState::Dead, None) => match failed_step(draft)? {
            Some(call) => Anew::of_failed(draft, call)?,
            None => return not_now(draft, "no step of it ended it; say from which step it is to go on, or fork it"),
        },
        (RunState::Failed | RunState::Dead, Some(call)) => Anew::from(draft, call)?,
        (RunState::Running | RunState::Paused | RunState::Parked, Some(call)) if run.ending.is_none() => Anew::from(draft, call)?,
        (RunState::Running | RunState::Paused | RunState::Parked, None) => {
            return not_now(draft, "it has not failed; say from which step it is to go on");
        }
        (state, _) if state.is_over() => return not_now(draft, "that is final; fork it to do it again"),
        _ => return not_now(draft, "wait until it is over"),
    };
    let Some(anew) = anew else {
        draft.refuse("not_found", format!("its body has no call {}", from.unwrap_or_default()));
        return Ok(());
    };
    if !anew.may(draft)? || !saw_this(draft, operator)? {
        return Ok(());
    }
    anew.begin(draft, operator, None)
}

/// The step whose failure ended the run.
fn failed_step(draft: &Draft) -> Result<Option<u32>, Refusal> {
    let call = draft.run()?.failure.as_ref().and_then(|failure| failure.call);
    Ok(call.filter(|call| draft.view.steps.get(call).is_some_and(|step| step.completed_seq.is_some() && !step.forgotten)))
}

/// What a reset keeps, and what of that it opens anew.
pub(super) struct Anew {
    keep: u32,
    reopen: Vec<u32>,
}

impl Anew {
    /// Keep what was scheduled before this step was answered: none of it can depend on the answer.
    pub(super) fn of_failed(draft: &Draft, call: u32) -> Result<Option<Self>, Refusal> {
        let Some(answered) = draft.step(call)?.completed_seq else { return Ok(None) };
        let before = draft.view.steps.values().filter(|step| !step.forgotten && step.spec_seq < answered && step.ask().is_none());
        let keep = before.map(|step| step.call).max().unwrap_or(call).min(last_of_body(draft)?);
        let mut reopen = cut_off(draft, keep)?;
        if !reopen.contains(&call) {
            reopen.push(call);
            reopen.sort_unstable();
        }
        Ok(Some(Self { keep, reopen }))
    }

    /// Keep what was called before this call.
    fn from(draft: &Draft, call: u32) -> Result<Option<Self>, Refusal> {
        if call == 0 || call > last_of_body(draft)? {
            return Ok(None);
        }
        let keep = call - 1;
        Ok(Some(Self { keep, reopen: cut_off(draft, keep)? }))
    }

    /// Whether that is possible now; else the operator is told why not.
    pub(super) fn may(&self, draft: &mut Draft) -> Result<bool, Refusal> {
        let child = draft.view.steps.values().find_map(|step| match &step.kind {
            StepKind::Child { run, .. } if step.call > self.keep && step.is_open() => Some((step.name.clone(), run.clone())),
            _ => None,
        });
        if let Some((step, run)) = child {
            not_now(draft, &format!("step `{step}` waits for {run}, which goes on; cancel that run first"))?;
            return Ok(false);
        }
        let run = draft.run()?;
        let limit = run.plan.limit.as_ref().filter(|_| run.state.is_over());
        let full = limit.zip(draft.view.room.as_ref()).is_some_and(|(limit, room)| room.running >= limit.at_most);
        if full {
            not_now(draft, "every place of its concurrency limit is taken; ask again when one of those runs is over")?;
        }
        Ok(!full)
    }

    /// Do it. `answered` is opened anew by somebody who has its answer: nothing is begun for it.
    pub(super) fn begin(self, draft: &mut Draft, operator: &Operator, answered: Option<u32>) -> Result<(), Refusal> {
        let forgotten: Vec<u32> = draft
            .view
            .steps
            .values()
            .filter(|step| step.call > self.keep && step.is_open() && step.ask().is_none())
            .map(|s| s.call)
            .collect();
        for call in forgotten {
            forget(draft, call)?;
        }
        let was_held = draft.run()?.held.is_some();
        let deadline_at = draft.after(draft.run()?.plan.deadline_ms);
        let (actor, reason) = (operator.actor.clone(), reason(operator));
        draft.emit(EventBody::RunReset { keep: self.keep, reopen: self.reopen.clone(), actor, reason, deadline_at })?;
        let head = draft.head()?;
        // An evaluation that is under way has seen a journal that is no more.
        head.advance_fence += 1;
        head.crashes = 0;
        draft.put(Work::Timer(Timer::RunDeadline), deadline_at);
        draft.put_overdue()?;
        draft.put(Work::Advance, draft.now);
        if was_held {
            draft.go_on()?;
        }
        for call in self.reopen.into_iter().filter(|call| Some(*call) != answered) {
            draft.begin_step(call)?;
        }
        Ok(())
    }
}

/// The last call that `run` made; what `on_exit` called is not among what can be kept.
fn last_of_body(draft: &Draft) -> Result<u32, Refusal> {
    let run = draft.run()?;
    Ok(run.exit_from.unwrap_or(run.calls))
}

/// Kept steps that were answered because the run was ending, and not because they were done.
fn cut_off(draft: &Draft, keep: u32) -> Result<Vec<u32>, Refusal> {
    let Some(ending) = draft.run()?.ending_seq else { return Ok(Vec::new()) };
    let kept = draft.view.steps.values().filter(|step| step.call <= keep && !step.forgotten);
    Ok(kept.filter(|step| step.completed_seq.is_some_and(|at| at > ending)).map(|step| step.call).collect())
}

/// Nothing more is done for an open step that is about to be forgotten, and its job is ended on its host.
fn forget(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    draft.withdraw_all(call)?;
    draft.clear_step(call)?;
    if let StepKind::Job(job) = &draft.step(call)?.kind
        && let Some(id) = job.attempt.clone()
    {
        end_attempt(draft, &id)?;
    }
    Ok(())
}

/// Have an attempt ended whose end nobody waits for. `true` where it may still run.
pub(super) fn end_attempt(draft: &mut Draft, id: &AttemptId) -> Result<bool, Refusal> {
    // One that is over may be missing from the view.
    let Some(state) = draft.view.attempts.get(id).map(|row| row.state) else { return Ok(false) };
    match state {
        AttemptState::Scheduled => {
            draft.emit(EventBody::AttemptStopping { attempt: id.clone(), reason: StopReason::Superseded })?;
            draft.emit(EventBody::AttemptStopped { attempt: id.clone(), evidence: "it was never launched".to_owned() })?;
            draft.drop_work(Work::Launch(id.clone()));
            return Ok(false);
        }
        state if state.is_over() => return Ok(false),
        AttemptState::Stopping => {}
        _ => draft.stop_attempt(id, StopReason::Superseded)?,
    }
    draft.drop_work(Work::Timer(Timer::StopAnswer(id.clone())));
    Ok(true)
}
