//! Questions that jobs ask people: approvals like any other, whose answer goes to the job and not to the flow.
//!
//! While one is open the job's time stands still. A question is withdrawn when its attempt is over, for whatever reason but one: an
//! agent that has ended because it waits (`parked`) is gone on with, in a new attempt, as soon as the last of its questions is answered.
//! Where that asks the same again, it has its answer: nobody had acted on it. A retry asks anew.

use super::draft::Draft;
use super::{CallbackOutcome, Refusal, Reply, approval};
use crate::call::AskSpec;
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::ids::{AttemptId, WaitId};
use crate::input::{CallbackFacts, Said};
use crate::limits;
use crate::state::StopReason;
use crate::value::{self, ApprovalOutcome};
use crate::view::{AskAnswer, Asked, StepKind};

/// An attempt asks.
pub(super) fn asked(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, seq: u64, ask: &AskSpec) -> Result<(), Refusal> {
    let row = draft.attempt(id)?;
    let (of, state) = (row.call, row.state);
    if !state.is_on_host() || !draft.answers(id)? {
        return refuse(draft, id, facts, CallbackOutcome::Late, "the attempt was over, or being ended, when its question came");
    }
    super::callback::alive(draft, id, facts, &Said::Alive)?;
    let asks = draft.run()?.asks;
    if asks >= limits::ASKS_PER_RUN {
        return refuse(draft, id, facts, CallbackOutcome::Invalid, "the jobs of this run have asked as many questions as they may");
    }
    if draft.job(of)?.asking.len() >= limits::ASKS_OPEN {
        return refuse(draft, id, facts, CallbackOutcome::Invalid, "as many questions as an attempt may ask at once are open");
    }
    let call = limits::ASK_CALLS + asks;
    let deadline_at = draft.after(ask.timeout_ms).min(draft.run()?.deadline_at);
    draft.emit(EventBody::AskOpened {
        call,
        step: name(&draft.step(of)?.name, asks + 1),
        of,
        attempt: id.clone(),
        ask_seq: seq,
        ask: ask.clone(),
        deadline_at,
        id: WaitId::of_ask(id, seq),
    })?;
    draft.remember(id.as_str(), facts.id.clone(), &facts.digest, CallbackOutcome::Accepted, false);
    draft.answer(CallbackOutcome::Accepted, None);
    if let Some(answer) = draft.step(call)?.ask().and_then(|ask| ask.given.clone()) {
        return given(draft, id, facts, (call, of, seq), answer);
    }
    draft.put(Work::Timer(Timer::Step(call)), deadline_at);
    approval::ask(draft, call)
}

/// People have answered the same question when the attempt before had ended to wait for it: nobody is asked twice.
fn given(
    draft: &mut Draft,
    id: &AttemptId,
    facts: &CallbackFacts,
    (call, of, seq): (u32, u32, u64),
    found: AskAnswer,
) -> Result<(), Refusal> {
    draft.emit(EventBody::AskClosed { call, of, attempt: id.clone(), answer: found.clone() })?;
    if facts.via != "callback" {
        draft.put(Work::Answer { attempt: id.clone(), seq }, draft.now);
    }
    if let Reply::Callback { answer, .. } = &mut draft.reply {
        *answer = Some(found);
    }
    Ok(())
}

fn name(job: &str, number: u32) -> String {
    let suffix = format!(": question {number}");
    let kept = limits::STEP_NAME_CHARS - suffix.chars().count();
    job.chars().take(kept).chain(suffix.chars()).collect()
}

/// It is not put to anybody, and whoever asks is told so at once.
fn refuse(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, outcome: CallbackOutcome, why: &str) -> Result<(), Refusal> {
    draft.remember(id.as_str(), facts.id.clone(), &facts.digest, outcome, false);
    let (message, answer) = (Some(why.to_owned()), Some(AskAnswer::withdrawn(why)));
    draft.reply = Reply::Callback { outcome, first: None, stop: None, message, answer };
    Ok(())
}

/// The same question again: the shim looks for its answer.
pub(super) fn repeated(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, seq: u64) -> Result<(), Refusal> {
    let step = draft.view.steps.values().find(|step| step.ask().is_some_and(|ask| ask.attempt == *id && ask.seq == seq));
    let found = match step {
        Some(step) if step.is_open() => return Ok(()),
        Some(step) => step.ask().and_then(|ask| ask.answer.clone()),
        None => None,
    };
    let found = found.unwrap_or_else(|| AskAnswer::withdrawn("the question was not taken, or its step was forgotten"));
    let work = Work::Answer { attempt: id.clone(), seq };
    if facts.via == "callback" {
        draft.drop_work(work);
    } else if draft.attempt(id)?.state.is_on_host() {
        // What was collected has no answer but the one that is sent.
        draft.put(work, draft.now);
    }
    if let Reply::Callback { answer, .. } = &mut draft.reply {
        *answer = Some(found);
    }
    Ok(())
}

/// A question has come to its end: its job goes on.
pub(super) fn close(draft: &mut Draft, call: u32, outcome: ApprovalOutcome) -> Result<(), Refusal> {
    let approval = approval::of(draft, call)?;
    let Some(Asked { call: of, attempt, seq, .. }) = approval.ask.clone() else { return Err(Refusal::NotFound) };
    let answer = value::ask_answer(outcome, &approval.votes);
    draft.emit(EventBody::AskClosed { call, of, attempt: attempt.clone(), answer })?;
    draft.clear_step(call)?;
    let step = draft.step(of)?;
    if step.is_open() && draft.job(of)?.asking.is_empty() {
        draft.put(Work::Timer(Timer::Step(of)), step.deadline_at);
    }
    if outcome == ApprovalOutcome::Cancelled {
        return Ok(());
    }
    if draft.view.attempts.get(&attempt).is_some_and(|row| row.state.is_on_host()) {
        draft.put(Work::Answer { attempt, seq }, draft.after(limits::ANSWER_BY_SSH_MS));
    }
    go_on(draft, of)
}

/// Nobody waits for it any more, or it was waited for long enough.
pub(super) fn stopped(draft: &mut Draft, call: u32, reason: StopReason) -> Result<(), Refusal> {
    let timed_out = reason == StopReason::TimedOut;
    close(draft, call, if timed_out { ApprovalOutcome::TimedOut } else { ApprovalOutcome::Cancelled })
}

/// An agent has ended because it waits for people.
pub(super) fn parked(draft: &mut Draft, of: u32) -> Result<(), Refusal> {
    go_on(draft, of)
}

/// Where the newest attempt has ended to wait for people, and all of them have answered: the next one begins.
pub(super) fn go_on(draft: &mut Draft, of: u32) -> Result<(), Refusal> {
    let job = draft.job(of)?;
    if job.parked && job.asking.is_empty() && draft.step(of)?.is_open() && draft.run()?.begins() {
        return draft.schedule_attempt(of);
    }
    Ok(())
}

impl Draft {
    /// An attempt is over, or being ended: its open questions are withdrawn.
    pub(in crate::decide) fn withdraw(&mut self, id: &AttemptId) -> Result<(), Refusal> {
        let of = self.attempt(id)?.call;
        self.withdraw_where(of, |ask| ask.attempt == *id)
    }

    /// A step is answered, or forgotten: all open questions of its job are withdrawn.
    pub(in crate::decide) fn withdraw_all(&mut self, of: u32) -> Result<(), Refusal> {
        self.withdraw_where(of, |_| true)
    }

    fn withdraw_where(&mut self, of: u32, is_meant: impl Fn(&Asked) -> bool) -> Result<(), Refusal> {
        // The step may be of another kind by now.
        let StepKind::Job(job) = &self.step(of)?.kind else { return Ok(()) };
        for call in job.asking.clone() {
            if self.step(call)?.ask().is_some_and(&is_meant) {
                close(self, call, ApprovalOutcome::Cancelled)?;
            }
        }
        Ok(())
    }
}
