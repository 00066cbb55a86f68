//! Steps that the server itself performs, in tries: `http` and `artifact`.
//!
//! Each try is on disk before it is made. A server that dies in between leaves one behind whose end nobody knows; the next one
//! carries the same idempotency key, so that the other side can tell that it is the same again.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::{Timer, Work};
use crate::event::EventBody;
use crate::failure::{Failure, FailureKind};
use crate::ids::{Ms, RunId};
use crate::input::TryOutcome;
use crate::retry;
use crate::value;
use crate::view::{StepKind, Tries};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A try is about to be made: its number and its key.
pub(super) fn starting(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let Some(tries) = open(draft, call)? else { return nothing(draft) };
    if tries.under_way {
        let message = "the server ended, or lost its claim, while this try was under way: what came of it is not known";
        let failure = Failure::new(FailureKind::Interrupted, message);
        let due_at = draft.now;
        draft.emit(EventBody::TryFailed { call, number: tries.number, failure, due_at })?;
    }
    // What is held waits for whoever lets the run go on.
    if !draft.run()?.begins() {
        return nothing(draft);
    }
    if let Some(due_at) = tries.retry_at.filter(|due_at| draft.now < *due_at) {
        draft.put(Work::Timer(Timer::Retry(call)), due_at);
        return nothing(draft);
    }
    let number = tries.number + 1;
    draft.emit(EventBody::TryStarted { call, number })?;
    draft.drop_work(Work::Timer(Timer::Retry(call)));
    draft.reply = Reply::Try { number, idempotency_key: key(&draft.run()?.id, call, tries.base) };
    Ok(())
}

/// What came of a try. One that was given up, by the step's deadline or by a later try, no longer matters.
pub(super) fn ended(draft: &mut Draft, call: u32, number: u32, outcome: &TryOutcome) -> Result<(), Refusal> {
    let Some(tries) = open(draft, call)?.filter(|tries| tries.number == number && tries.under_way) else { return nothing(draft) };
    match outcome {
        TryOutcome::Done(value) => draft.complete(call, value::tried(value, number, None), None),
        TryOutcome::Failed { failure, value, retry_after_ms } => match again_at(draft, call, &tries, failure, *retry_after_ms)? {
            Some(due_at) => {
                draft.emit(EventBody::TryFailed { call, number, failure: failure.clone(), due_at })?;
                draft.put(Work::Timer(Timer::Retry(call)), due_at);
                Ok(())
            }
            None => draft.complete(call, value::tried(value, number, Some(failure)), None),
        },
    }
}

/// When the next try is due, if there is to be one.
fn again_at(draft: &Draft, call: u32, tries: &Tries, failure: &Failure, retry_after_ms: Option<u64>) -> Result<Option<Ms>, Refusal> {
    let asked = retry_after_ms.unwrap_or(0).min(tries.retry.max_backoff_ms);
    let due_at = draft.after(retry::backoff_ms(&tries.retry, tries.used, &draft.entropy).max(asked));
    let budget = retry::Spent { used: tries.used, since: tries.since };
    let wanted = retry::is_worth(&tries.retry, failure.kind, budget, due_at) && due_at < draft.step(call)?.deadline_at;
    Ok((wanted && draft.run()?.goes_on()).then_some(due_at))
}

/// The same for every try of one life of a step, and for no other step: 32 hex digits.
fn key(run: &RunId, call: u32, base: u64) -> String {
    let digest = Sha256::new()
        .chain_update("sortie try\0")
        .chain_update(run.as_str())
        .chain_update(call.to_le_bytes())
        .chain_update(base.to_le_bytes())
        .finalize();
    data_encoding::HEXLOWER.encode(&digest[..16])
}

fn open(draft: &Draft, call: u32) -> Result<Option<Tries>, Refusal> {
    let step = draft.step(call)?;
    Ok(match &step.kind {
        StepKind::Http(tries) | StepKind::Artifact(tries) if step.is_open() => Some(tries.clone()),
        _ => None,
    })
}

fn nothing(draft: &mut Draft) -> Result<(), Refusal> {
    draft.reply = Reply::Nothing;
    Ok(())
}

/// The next try of a step is due.
pub(super) fn retry_due(draft: &mut Draft, call: u32) -> Result<(), Refusal> {
    let due_at = open(draft, call)?.and_then(|tries| tries.retry_at);
    match due_at {
        Some(due_at) if draft.now < due_at => {
            draft.put(Work::Timer(Timer::Retry(call)), due_at);
            nothing(draft)
        }
        Some(_) if draft.run()?.begins() => {
            draft.put(Work::Try(call), draft.now);
            Ok(())
        }
        _ => nothing(draft),
    }
}

/// The value of a step whose tries were ended early.
pub(super) fn stopped(tries: &Tries, failure: &Failure) -> Value {
    value::tried(&Value::Null, tries.number, Some(failure))
}
