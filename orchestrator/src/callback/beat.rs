//! Signs of life: one row per attempt and kind. Only where one changes what is known of the attempt does the engine decide.
//!
//! Here a job is also stopped that is silent for too long or has used up its budget, by what its own shim and itself say.

use super::{Post, answer, deliver};
use crate::driver::Driver;
use crate::vault::mask::Masker;
use serde_json::Value;
use sortie_core::call::{Budget, CallSpec, JobSpec};
use sortie_core::decide::Reply;
use sortie_core::event::EventBody;
use sortie_core::input::{InputBody, Said, Scope};
use sortie_core::state::{AttemptState, StopReason};
use sortie_core::view::{Spent, StepKind};
use sortie_protocol::artifact::Report;
use sortie_protocol::callback::{CallbackKind, JobResult};
use sortie_store::StoreError;
use sortie_store::model::{Beat, BeatKind};

/// Keep it, and act on what it says.
pub(super) async fn take(driver: &Driver, post: Post, data: Value) -> Result<answer::Taken, StoreError> {
    let at = driver.parts().clock.now();
    let skew_ms = at.saturating_sub(post.timestamp.saturating_mul(1_000));
    let early_end = early_end(driver, &post, &data).await?;
    let kind = kept_as(post.event.kind);
    let boot_id = data.get("boot_id").and_then(Value::as_str).map(str::to_owned);
    let instance = data.get("instance").and_then(Value::as_str).unwrap_or_default().to_owned();
    let beat = Beat { attempt: post.attempt.clone(), seq: post.event.seq, at, skew_ms, data, kind };
    let reply = driver.beat(beat).await?;
    if let (Some(believed), Some(other_boot_id)) = (&reply.believed_boot, boot_id) {
        let (attempt, boot_id) = (post.attempt.clone(), believed.clone());
        let scope = Scope::Attempt { attempt: attempt.clone(), callback: None };
        driver.deliver(scope, InputBody::Cloned { attempt, boot_id, other_boot_id, other_instance: instance }).await?;
        // It is no sign of life of the attempt, and not ended either: what it would say then would be taken for the attempt's result.
        return reply.state.map(|state| answer::Taken::alive(state, None)).ok_or_else(|| StoreError::NotFound("the attempt".to_owned()));
    }
    crate::failpoint::hit("heartbeat_kept");
    let attempt = post.attempt.clone();
    let taken = match reply.state {
        None => Err(StoreError::NotFound("the attempt".to_owned())),
        Some(AttemptState::Launching | AttemptState::LaunchUnknown | AttemptState::Launched | AttemptState::Suspect) => {
            deliver(driver, post, Said::Alive, &Masker::default()).await
        }
        Some(state) => Ok(answer::Taken::alive(state, reply.stop)),
    }?;
    match early_end {
        // The stop goes out by SSH at once, and with the answer to the next heartbeat.
        Some(reason) if reply.stop.is_none() && reply.state.is_some_and(|state| !state.is_over()) => {
            let scope = Scope::Attempt { attempt: attempt.clone(), callback: None };
            match driver.deliver(scope, InputBody::StopAttempt { attempt, reason }).await {
                Ok(delivered) if delivered.reply == Reply::Done => Ok(taken.with_stop(reason)),
                Ok(_) => Ok(taken),
                // Somebody else has ended it meanwhile.
                Err(StoreError::Refused(_)) => Ok(taken),
                Err(error) => Err(error),
            }
        }
        _ => Ok(taken),
    }
}

/// The last reports, which come with a result: kept before it, since nothing is kept of an attempt that is over.
pub(super) async fn last(driver: &Driver, post: &Post, result: &JobResult) -> Result<(), StoreError> {
    let at = driver.parts().clock.now();
    let reports = [(CallbackKind::Progress, &result.progress), (CallbackKind::Checkpoint, &result.checkpoint)];
    for (kind, report) in reports {
        if let Some(Report { seq, data }) = report
            && data.to_string().len() <= super::limits::BEAT_BYTES
        {
            let kind = kept_as(kind);
            driver.beat(Beat { attempt: post.attempt.clone(), seq: *seq, at, skew_ms: 0, data: data.clone(), kind }).await?;
        }
    }
    Ok(())
}

const fn kept_as(kind: CallbackKind) -> BeatKind {
    match kind {
        CallbackKind::Progress => BeatKind::Progress,
        CallbackKind::Checkpoint => BeatKind::Checkpoint,
        CallbackKind::Started | CallbackKind::Heartbeat | CallbackKind::Ask | CallbackKind::Result => BeatKind::Heartbeat,
    }
}

/// Why the job is to be ended by what was just said, if it is. The spec is read only where there is something to hold against it.
async fn early_end(driver: &Driver, post: &Post, data: &Value) -> Result<Option<StopReason>, StoreError> {
    let StepKind::Job(state) = &post.step.kind else { return Ok(None) };
    let said = match post.event.kind {
        // A job that waits for people is silent.
        CallbackKind::Heartbeat if !state.asking.is_empty() => return Ok(None),
        CallbackKind::Heartbeat => Used::Silence(data.get("silent_ms").and_then(Value::as_u64).unwrap_or(0)),
        CallbackKind::Progress => match usage(data) {
            Some(usage) => Used::Budget(usage),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    // Most heartbeats tell of a job that has just written something.
    if matches!(said, Used::Silence(ms) if ms < super::limits::SILENCE_LEAST_MS) {
        return Ok(None);
    }
    let event = driver.parts().store.event(&post.run, post.step.spec_seq).await?;
    let Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) = event.map(|event| event.body) else { return Ok(None) };
    Ok(over(&job, &said, state.spent))
}

enum Used {
    Silence(u64),
    Budget(Budget),
}

/// `spent` is what earlier attempts have used; the budget is that of all of them together.
fn over(job: &JobSpec, used: &Used, spent: Spent) -> Option<StopReason> {
    match used {
        Used::Silence(ms) => job.silence_ms.filter(|limit| ms > limit).map(|_| StopReason::Silent),
        Used::Budget(used) => {
            let limit = job.budget.as_ref()?;
            let above = |used: Option<u64>, before: u64, limit: Option<u64>| {
                used.zip(limit).is_some_and(|(used, limit)| used.saturating_add(before) > limit)
            };
            let money = above(used.usd_micros, spent.usd_micros, limit.usd_micros);
            (money || above(used.tokens, spent.tokens(), limit.tokens)).then_some(StopReason::Budget)
        }
    }
}

/// `{"usage": {"usd": "1.23", "tokens": 4}}` of a progress; what is malformed is not counted.
fn usage(data: &Value) -> Option<Budget> {
    let usage = data.get("usage")?;
    let usd_micros = usage.get("usd").and_then(|usd| match usd {
        Value::String(text) => micros(text),
        Value::Number(number) => micros(&number.to_string()),
        _ => None,
    });
    Some(Budget { usd_micros, tokens: usage.get("tokens").and_then(Value::as_u64) })
}

/// Millionths of a decimal number, rounded up: what is used counts.
fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || text.len() > 32 {
        return None;
    }
    let (kept, rest) = part.split_at(part.len().min(6));
    let fraction: u64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let fraction = fraction * 10_u64.pow(6 - u32::try_from(kept.len()).ok()?) + u64::from(rest.bytes().any(|b| b != b'0'));
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn money_is_counted_in_millionths_and_never_down() {
        for (text, wanted) in [
            ("1.23", Some(1_230_000)),
            ("0.0000001", Some(1)),
            ("5", Some(5_000_000)),
            ("5.", Some(5_000_000)),
            ("0.100000000", Some(100_000)),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(micros(text), wanted, "{text}");
        }
    }

    #[test]
    fn usage_above_the_budget_ends_a_job_and_other_progress_does_not() {
        let job: JobSpec = serde_json::from_value(json!({
            "on": {"name": "a"}, "command": ["x"], "budget": {"usd_micros": 1_000_000, "tokens": 10}, "silence_ms": 60_000
        }))
        .unwrap();
        let ends = |data: Value| usage(&data).and_then(|used| over(&job, &Used::Budget(used), Spent::default()));
        assert_eq!(ends(json!({"usage": {"usd": "1.000001"}})), Some(StopReason::Budget));
        assert_eq!(ends(json!({"usage": {"usd": 2}})), Some(StopReason::Budget));
        assert_eq!(ends(json!({"usage": {"tokens": 11}})), Some(StopReason::Budget));
        for within in [json!({"usage": {"usd": "1.0", "tokens": 10}}), json!({"usage": {"usd": "much"}}), json!({"step": 3}), json!(null)] {
            assert_eq!(ends(within.clone()), None, "{within}");
        }
        assert_eq!(over(&job, &Used::Silence(60_001), Spent::default()), Some(StopReason::Silent));
        assert_eq!(over(&job, &Used::Silence(60_000), Spent::default()), None);
        let before = Spent { usd_micros: 600_000, input_tokens: 4, output_tokens: 2 };
        let with = |data: Value| usage(&data).and_then(|used| over(&job, &Used::Budget(used), before));
        assert_eq!(with(json!({"usage": {"usd": "0.4", "tokens": 4}})), None, "as much as is left");
        assert_eq!(with(json!({"usage": {"usd": "0.400001"}})), Some(StopReason::Budget), "both attempts together");
        assert_eq!(with(json!({"usage": {"tokens": 5}})), Some(StopReason::Budget));
    }
}
