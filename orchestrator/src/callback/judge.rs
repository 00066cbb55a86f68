//! What a job's result means: success, failure of a kind, or not a result at all.

use super::files::{self, Fault, From};
use super::limits::LAST_LINE_CHARS;
use crate::driver::Driver;
use crate::resources::Resources;
use crate::schema;
use serde_json::Value;
use sortie_core::call::{CallSpec, JobSpec};
use sortie_core::event::EventBody;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{AttemptId, RunId};
use sortie_core::input::{ResultSaid, Said};
use sortie_core::view::Step;
use sortie_protocol::callback::{JobOutcome, JobResult};
use sortie_protocol::lease::LEASE_REASON;
use sortie_store::StoreError;

/// Judge a result as its step asks for it, see [`judged`].
///
/// # Errors
/// As [`judged`], and where the step's arguments cannot be read.
pub(super) async fn said(driver: &Driver, run: &RunId, step: &Step, attempt: &AttemptId, result: JobResult) -> Result<Said, StoreError> {
    let job = job(driver, run, step).await?;
    let from = From { run, call: step.call, attempt: attempt.as_str() };
    judged(&driver.parts().resources, &job, &from, result).await
}

/// Judge a result. Its document is checked only where the job succeeded: else the failure is what counts. The schema is held
/// against the whole document, also where it was uploaded; what is over the inline limit is kept, and referred to.
///
/// # Errors
/// Where something cannot be kept now: the sender comes again.
async fn judged(resources: &Resources, job: &JobSpec, from: &From<'_>, mut result: JobResult) -> Result<Said, StoreError> {
    // Only a job that drives an agent has one.
    if job.agent.is_none() {
        result.agent = None;
    }
    let parked = super::agent::is_parked(&result);
    let failure = match failure(&result, job) {
        Ok(failure) => failure,
        Err(message) => return Ok(Said::Invalid(message)),
    };
    // What it has left behind when it ended to wait is no result yet.
    if parked {
        (result.result, result.result_kept, result.result_error) = (None, None, None);
    }
    if failure.is_none()
        && let Some(error) = &result.result_error
    {
        return Ok(Said::Invalid(format!("/data/result: {error}")));
    }
    let uploaded = result.result_kept.is_some();
    let document = match files::document(resources, from, &mut result).await {
        Ok(document) => document,
        // The failure counts, not the document.
        Err(Fault::Invalid(why)) if failure.is_some() => {
            result.result_error.get_or_insert(why);
            None
        }
        Err(Fault::Invalid(why)) => return Ok(Said::Invalid(why)),
        Err(Fault::Store(error)) => return Err(error),
    };
    if failure.is_none()
        && !parked
        && let Some(schema) = &job.result_schema
        && let Err(message) = schema::check(schema.clone(), document.clone().unwrap_or(Value::Null), "/data/result").await
    {
        let none = if document.is_none() { " (the job left no result document)" } else { "" };
        return Ok(Said::Invalid(format!("{message}{none}")));
    }
    result.result = match files::inline(resources, from, document, uploaded).await {
        Ok(document) => document,
        Err(Fault::Invalid(why)) => return Ok(Said::Invalid(why)),
        Err(Fault::Store(error)) => return Err(error),
    };
    let artifacts = files::artifacts(resources, from, &job.artifacts, &result.artifacts).await?;
    // Reports are rows of their own, and the references say what was kept.
    (result.result_kept, result.progress, result.checkpoint) = (None, None, None);
    let tree_gone = result.tree_gone;
    match serde_json::to_value(result) {
        Ok(mut result) => {
            if artifacts.as_object().is_some_and(|artifacts| !artifacts.is_empty()) {
                result["artifacts"] = artifacts;
            }
            Ok(Said::Result(ResultSaid { result, failure, tree_gone, parked }))
        }
        Err(error) => Ok(Said::Invalid(format!("/data: {error}"))),
    }
}

/// What the step asks for. The event never changes, so it is read beside the decision.
///
/// # Errors
/// Where the step's arguments cannot be read.
pub(super) async fn job(driver: &Driver, run: &RunId, step: &Step) -> Result<JobSpec, StoreError> {
    let event = driver.parts().store.event(run, step.spec_seq).await?;
    match event.map(|event| event.body) {
        Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) => Ok(job),
        _ => Err(StoreError::Unusable(format!("event {} of {run} does not schedule the job it should", step.spec_seq))),
    }
}

/// Why it counts as failed, if it does; `Err` where it contradicts itself.
fn failure(result: &JobResult, job: &JobSpec) -> Result<Option<Failure>, String> {
    if let Some(judged) = super::agent::failure(result, job) {
        return Ok(judged);
    }
    let kind = match result.outcome {
        JobOutcome::Exited => match result.exit_code {
            Some(0) => return Ok(None),
            Some(code) => return Ok(Some(Failure::new(FailureKind::Exit, with_last_line(format!("exit code {code}"), result)))),
            None => return Err("/data/exit_code: missing, although the job exited".to_owned()),
        },
        JobOutcome::Signalled => {
            let text = result.signal.map_or_else(|| "ended by a signal".to_owned(), |signal| format!("ended by signal {signal}"));
            return Ok(Some(Failure::new(FailureKind::Signal, with_last_line(text, result))));
        }
        JobOutcome::Oom => (FailureKind::Oom, "killed for want of memory"),
        JobOutcome::TimedOut => (FailureKind::TimedOut, "ended by the shim at its time limit"),
        JobOutcome::Stopped if result.stop_reason.as_deref().is_some_and(is_limit) => (FailureKind::Limits, "ended by the shim"),
        JobOutcome::Stopped if result.stop_reason.as_deref() == Some(LEASE_REASON) => {
            (FailureKind::Lost, "its worker lost the server for longer than its lease, and ended it")
        }
        JobOutcome::Stopped => (FailureKind::Cancelled, "ended by the shim because it was asked to"),
        JobOutcome::SpawnFailed => (FailureKind::Spawn, "could not be started"),
        JobOutcome::Lost => (FailureKind::Lost, "the supervisor died, and how the job ended is not known"),
        JobOutcome::Interrupted => (FailureKind::Interrupted, "the machine was started anew"),
    };
    let (kind, text) = kind;
    let message = match (&result.message, &result.stop_reason) {
        (Some(message), _) => format!("{text}: {message}"),
        (None, Some(reason)) => format!("{text} ({reason})"),
        (None, None) => text.to_owned(),
    };
    Ok(Some(Failure::new(kind, message)))
}

/// Whether a shim that ended a job for this reason did so for want of what its machine or its limits could not give it.
fn is_limit(reason: &str) -> bool {
    matches!(reason, "disk" | "disk_floor" | "processes" | "limits")
}

pub(super) fn with_last_line(text: String, result: &JobResult) -> String {
    match result.error_output.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("{text}: {}", line.chars().take(LAST_LINE_CHARS).collect::<String>()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(outcome: JobOutcome, exit_code: Option<i32>) -> JobResult {
        JobResult {
            outcome,
            exit_code,
            signal: Some(9),
            stop_reason: None,
            tree_gone: true,
            started_at_ms: 0,
            duration_ms: 1,
            result: None,
            result_error: None,
            result_kept: None,
            artifacts: Vec::new(),
            progress: None,
            checkpoint: None,
            output: String::new(),
            error_output: "first\nlast words\n \n".to_owned(),
            stdout_bytes: 0,
            stderr_bytes: 0,
            message: Some("no such file".to_owned()),
            agent: None,
            used: None,
            held: None,
            suspended_ms: None,
            asked_ms: None,
            leftovers: None,
        }
    }

    fn plain() -> JobSpec {
        JobSpec::new(sortie_core::call::HostSelector::Name("a".to_owned()), vec!["x".to_owned()])
    }

    #[test]
    fn a_disk_that_runs_full_is_a_limit_and_no_cancel() {
        let stopped = |reason: &str| JobResult { stop_reason: Some(reason.to_owned()), ..result(JobOutcome::Stopped, None) };
        let kind = |reason| failure(&stopped(reason), &plain()).unwrap().unwrap().kind;
        assert_eq!(
            (kind("disk"), kind("disk_floor"), kind("cancelled")),
            (FailureKind::Limits, FailureKind::Limits, FailureKind::Cancelled)
        );
    }

    #[test]
    fn every_outcome_has_its_kind() {
        let kind = |outcome| failure(&result(outcome, None), &plain()).unwrap().unwrap().kind;
        assert_eq!(failure(&result(JobOutcome::Exited, Some(0)), &plain()).unwrap(), None);
        assert_eq!(kind(JobOutcome::Signalled), FailureKind::Signal);
        assert_eq!(kind(JobOutcome::Oom), FailureKind::Oom);
        assert_eq!(kind(JobOutcome::TimedOut), FailureKind::TimedOut);
        assert_eq!(kind(JobOutcome::Stopped), FailureKind::Cancelled);
        assert_eq!(kind(JobOutcome::SpawnFailed), FailureKind::Spawn);
        assert_eq!(kind(JobOutcome::Lost), FailureKind::Lost);
        assert_eq!(kind(JobOutcome::Interrupted), FailureKind::Interrupted);
        assert!(failure(&result(JobOutcome::Exited, None), &plain()).is_err(), "an exit without a code is no result");
    }

    #[test]
    fn a_failed_exit_quotes_the_last_line_that_says_something() {
        let failed = failure(&result(JobOutcome::Exited, Some(3)), &plain()).unwrap().unwrap();
        assert_eq!((failed.kind, failed.message.as_str()), (FailureKind::Exit, "exit code 3: last words"));
    }
}
