//! What comes back from outside: the table of *Callbacks*, as code.
//!
//! | attempt                                   | result it did not have | the same again | another result |
//! | ----------------------------------------- | ---------------------- | -------------- | -------------- |
//! | launching ... suspect                     | accepted               |                |                |
//! | lost, interrupted, before the next launch | accepted, retry dropped |               |                |
//! | stopping                                  | late, proves the stop  | duplicate      | late           |
//! | over with a result                        |                        | duplicate      | conflict       |
//! | over without one                          | late                   | duplicate      | late           |

use super::draft::Draft;
use super::{CallbackOutcome, Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{AttemptId, WaitId};
use crate::input::{CallbackFacts, ResultSaid, Said};
use crate::state::AttemptState;
use crate::value;
use crate::view::{PriorCallback, Spent, StepKind};
use serde_json::Value;

/// A verified callback about an attempt.
pub(super) fn attempt(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, said: &Said) -> Result<(), Refusal> {
    let call = draft.attempt(id)?.call;
    if let Some(prior) = draft.view.prior.clone() {
        if matches!(said, Said::Result(_) | Said::Invalid(_)) {
            acknowledge(draft, id, facts);
        }
        if prior.digest == facts.digest {
            repeated(draft, prior)?;
            return if let Said::Asked { seq, .. } = said { super::ask::repeated(draft, id, facts, *seq) } else { Ok(()) };
        }
        // What was taken since, by adoption, is what the sender says: nothing contradicts it.
        if draft.attempt(id)?.result_digest.as_deref() == Some(facts.digest.as_str()) {
            draft.answer(CallbackOutcome::Duplicate, Some("the result was accepted before".to_owned()));
            return Ok(());
        }
        let message = "the same id came before with another body; the first stands".to_owned();
        let id_of_other = format!("{}~{}", facts.id, facts.digest);
        return draft.keep(id.as_str(), call, id_of_other, &facts.digest, CallbackOutcome::Conflict, message);
    }
    match said {
        Said::Started | Said::Alive => alive(draft, id, facts, said),
        Said::Invalid(message) => invalid(draft, id, facts, message),
        Said::Asked { seq, ask } => super::ask::asked(draft, id, facts, *seq, ask),
        Said::Result(said) => result(draft, id, facts, said),
    }
}

/// The very same again: what was accepted is a duplicate, what was refused is refused again; the first receipt stands.
fn repeated(draft: &mut Draft, prior: PriorCallback) -> Result<(), Refusal> {
    let outcome = CallbackOutcome::parse(&prior.outcome).filter(|outcome| *outcome != CallbackOutcome::Accepted);
    let outcome = outcome.unwrap_or(CallbackOutcome::Duplicate);
    draft.reply = Reply::Callback { outcome, first: Some(prior), stop: None, message: None, answer: None };
    Ok(())
}

pub(super) fn alive(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, said: &Said) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, state, stopping) = (attempt.call, attempt.state, attempt.stopping);
    match state {
        AttemptState::Launching | AttemptState::LaunchUnknown | AttemptState::Launched => {
            // The launch is left to its own answer: only that says what was started, and where (F040).
            draft.emit(EventBody::AttemptStarted { attempt: id.clone() })?;
            draft.drop_work(Work::Timer(Timer::Started(id.clone())));
            listen(draft, id, call)?;
        }
        AttemptState::Suspect => {
            draft.emit(EventBody::AttemptRevived { attempt: id.clone() })?;
            draft.drop_work(Work::Probe(id.clone()));
            listen(draft, id, call)?;
        }
        _ => {}
    }
    let outcome = if state.is_over() { CallbackOutcome::Late } else { CallbackOutcome::Accepted };
    if *said == Said::Started {
        draft.remember(id.as_str(), facts.id.clone(), &facts.digest, outcome, false);
    }
    let stop = if state == AttemptState::Stopping { stopping } else { None };
    draft.reply = Reply::Callback { outcome, first: None, stop, message: None, answer: None };
    Ok(())
}

/// Watch for the next heartbeats.
fn listen(draft: &mut Draft, id: &AttemptId, call: u32) -> Result<(), Refusal> {
    let every = draft.job(call)?.limits.heartbeat_ms;
    draft.put(Work::Timer(Timer::Heartbeat(id.clone())), draft.after(super::timer::patience_ms(every)));
    Ok(())
}

fn invalid(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, message: &str) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, open) = (attempt.call, attempt.state.is_on_host());
    draft.keep(id.as_str(), call, facts.id.clone(), &facts.digest, CallbackOutcome::Invalid, message.to_owned())?;
    acknowledge(draft, id, facts);
    if open {
        let failure = Failure::new(FailureKind::Rejected, message);
        draft.emit(EventBody::AttemptFailed { attempt: id.clone(), failure: failure.clone(), used: Spent::default() })?;
        draft.quiet(id);
        draft.withdraw(id)?;
        draft.after_failure(id, None, &failure, None)?;
    }
    Ok(())
}

fn result(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, said: &ResultSaid) -> Result<(), Refusal> {
    let attempt = draft.attempt(id)?;
    let (call, state, first) = (attempt.call, attempt.state, attempt.result_digest.clone());
    acknowledge(draft, id, facts);
    if let Some(first) = first {
        let (outcome, message) = if first == facts.digest {
            (CallbackOutcome::Duplicate, "the result was accepted before")
        } else {
            (CallbackOutcome::Conflict, "another result was accepted before; it stands")
        };
        if outcome == CallbackOutcome::Duplicate {
            draft.answer(outcome, Some(message.to_owned()));
            return Ok(());
        }
        return draft.keep(id.as_str(), call, facts.id.clone(), &facts.digest, outcome, message.to_owned());
    }
    if state.is_on_host() || revivable(draft, id)? {
        return accept(draft, id, facts, said);
    }
    draft.keep(id.as_str(), call, facts.id.clone(), &facts.digest, CallbackOutcome::Late, late_message(state).to_owned())?;
    if state == AttemptState::Stopping && said.tree_gone {
        super::host::stopped(draft, id, "its own result says that nothing of it is left")?;
    }
    Ok(())
}

/// Whether the attempt was given up, but no newer one is on its way.
fn revivable(draft: &Draft, id: &AttemptId) -> Result<bool, Refusal> {
    let attempt = draft.attempt(id)?;
    let given_up = matches!(attempt.state, AttemptState::Lost | AttemptState::Interrupted);
    if !given_up || !draft.answers(id)? || !draft.run()?.goes_on() {
        return Ok(false);
    }
    let newest = draft.job(attempt.call)?.attempt.as_ref();
    Ok(newest == Some(id)
        || newest.and_then(|newest| draft.view.attempts.get(newest)).is_some_and(|row| row.state == AttemptState::Scheduled))
}

fn accept(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts, said: &ResultSaid) -> Result<(), Refusal> {
    let call = draft.attempt(id)?.call;
    let newest = draft.job(call)?.attempt.clone();
    let (digest, via) = (facts.digest.clone(), facts.via.to_owned());
    // One that waits for people and has asked nobody would wait for ever.
    let asked = newest.as_ref() == Some(id) && draft.job(call)?.asked > 0;
    let parked = said.parked && said.failure.is_none() && asked;
    let unasked = || Failure::new(FailureKind::AgentError, "it says that it waits for an answer, and has asked nothing");
    let failure = said.failure.clone().or_else(|| (said.parked && !parked).then(unasked));
    let (result, why) = (said.result.clone(), failure.clone());
    draft.emit(EventBody::AttemptResult { attempt: id.clone(), digest, via, result, failure: why, parked })?;
    draft.remember(id.as_str(), facts.id.clone(), &facts.digest, CallbackOutcome::Accepted, false);
    draft.answer(CallbackOutcome::Accepted, None);
    draft.quiet(id);
    draft.drop_work(Work::Timer(Timer::Retry(call)));
    if let Some(newer) = newest.filter(|newest| newest != id) {
        let reason = crate::state::StopReason::Superseded;
        draft.emit(EventBody::AttemptStopping { attempt: newer.clone(), reason })?;
        draft.emit(EventBody::AttemptStopped { attempt: newer.clone(), evidence: "it was never launched".to_owned() })?;
        draft.drop_work(Work::Launch(newer));
    }
    if parked {
        return super::ask::parked(draft, call);
    }
    draft.withdraw(id)?;
    match &failure {
        None => draft.complete_job(id, Some(&said.result), None, None),
        Some(failure) => {
            let leftovers = if said.tree_gone { None } else { Some(false) };
            draft.after_failure(id, Some(&said.result), failure, leftovers)
        }
    }
}

/// What was collected over SSH has had no answer yet.
fn acknowledge(draft: &mut Draft, id: &AttemptId, facts: &CallbackFacts) {
    if facts.via == "collect" {
        draft.put(Work::Ack(id.clone()), draft.at);
    }
}

const fn late_message(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Stopping | AttemptState::Stopped => "the attempt was being ended when its result came",
        _ => "the run moved on before the result came",
    }
}

/// A verified answer to an external wait.
pub(super) fn wait(draft: &mut Draft, id: &WaitId, digest: &str, answer: &Result<Value, String>) -> Result<(), Refusal> {
    let found = draft.view.steps.values().find(|step| matches!(&step.kind, StepKind::Wait { wait } if wait == id));
    let step = found.ok_or(Refusal::NotFound)?;
    let (call, open, same) = (step.call, step.is_open(), step.answer_digest.as_deref() == Some(digest));
    let answered = step.answer_digest.is_some();
    if let Some(prior) = draft.view.prior.clone() {
        // What was late for an earlier life of the step may answer this one.
        let late = prior.outcome == CallbackOutcome::Late.as_str();
        if !(late && (open || same)) {
            return repeated(draft, prior);
        }
    }
    if !open {
        if same {
            draft.answer(CallbackOutcome::Duplicate, Some("the answer was accepted before".to_owned()));
            return Ok(());
        }
        let (outcome, message) = if answered {
            (CallbackOutcome::Conflict, "another answer was accepted before; it stands")
        } else {
            (CallbackOutcome::Late, "the wait was closed before the answer came")
        };
        return draft.keep(id.as_str(), call, digest.to_owned(), digest, outcome, message.to_owned());
    }
    match answer {
        Err(message) => draft.keep(id.as_str(), call, digest.to_owned(), digest, CallbackOutcome::Invalid, message.clone()),
        Ok(value) => {
            draft.remember(id.as_str(), digest.to_owned(), digest, CallbackOutcome::Accepted, false);
            draft.answer(CallbackOutcome::Accepted, None);
            draft.complete(call, value::answered(value, None), Some(digest.to_owned()))
        }
    }
}

/// A person answers a wait as themselves. The same again changes nothing.
pub(super) fn answer_wait(draft: &mut Draft, call: u32, digest: &str, answer: &Result<Value, String>, actor: &str) -> Result<(), Refusal> {
    let step = draft.step(call)?;
    let StepKind::Wait { wait } = &step.kind else { return Err(Refusal::NotFound) };
    let (wait, open) = (wait.clone(), step.is_open());
    let refused = |code, message: String| Reply::Refused { code, message };
    match answer {
        _ if step.answer_digest.as_deref() == Some(digest) => draft.reply = Reply::Nothing,
        _ if !open => draft.reply = refused("closed", "the wait is not open any more".to_owned()),
        Err(message) => draft.reply = refused("invalid", message.clone()),
        Ok(value) => {
            draft.remember(wait.as_str(), digest.to_owned(), digest, CallbackOutcome::Accepted, false);
            draft.complete(call, value::answered(value, Some(actor)), Some(digest.to_owned()))?;
        }
    }
    Ok(())
}
