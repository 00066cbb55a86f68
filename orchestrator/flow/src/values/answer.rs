//! From a recorded answer to the value that a flow sees: the one place where builtins and handles wait.

use crate::json::from_json;
use crate::replay::Replay;
use crate::values::approval_result::ApprovalResult;
use crate::values::artifact_result::ArtifactResult;
use crate::values::child_result::ChildResult;
use crate::values::event_result::EventResult;
use crate::values::http_result::HttpResult;
use crate::values::job_result::JobResult;
use crate::values::wait_result::WaitResult;
use serde_json::Value as Json;
use sortie_core::call::CallSpec;
use sortie_core::failure::FailureKind;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{AllocValue, Heap, Value};
use std::borrow::Cow;

/// What a call answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A `JobResult`.
    Job,
    /// A `WaitResult`.
    Wait,
    /// `None`.
    Sleep,
    /// A `HttpResult`.
    Http,
    /// An `EventResult`.
    Event,
    /// An `ApprovalResult`.
    Approval,
    /// A `ChildResult`.
    Child,
    /// An `ArtifactResult`.
    Artifact,
    /// What was recorded, as it stands.
    Recorded,
}

impl AnswerKind {
    /// What a call with these arguments answers with.
    #[must_use]
    pub const fn of(spec: &CallSpec) -> Self {
        match spec {
            CallSpec::Job(_) => Self::Job,
            CallSpec::Wait(_) => Self::Wait,
            CallSpec::Sleep { .. } | CallSpec::SleepUntil { .. } => Self::Sleep,
            CallSpec::Http(_) => Self::Http,
            CallSpec::WaitEvent(_) => Self::Event,
            CallSpec::Approval(_) => Self::Approval,
            CallSpec::Child(_) => Self::Child,
            CallSpec::Artifact(_) => Self::Artifact,
            CallSpec::Read { .. } | CallSpec::Now {} | CallSpec::Uuid {} | CallSpec::WaitAny { .. } => Self::Recorded,
        }
    }
}

/// The answer of a call, of a type that depends on its kind.
#[derive(StarlarkTypeRepr, AllocValue)]
pub enum Answer<'v> {
    /// Of a job.
    Job(JobResult<'v>),
    /// Of a wait.
    Wait(WaitResult<'v>),
    /// Of a sleep.
    Sleep(NoneType),
    /// Of a request.
    Http(HttpResult<'v>),
    /// Of a wait for an event.
    Event(EventResult<'v>),
    /// Of an approval.
    Approval(ApprovalResult<'v>),
    /// Of another run.
    Child(ChildResult<'v>),
    /// Of a text that was kept.
    Artifact(ArtifactResult<'v>),
    /// Of a call that was answered at once.
    Recorded(Value<'v>),
}

/// A call that has been made.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// Its number.
    pub call: u32,
    /// Name of the step.
    pub step: &'a str,
    /// What it answers with.
    pub kind: AnswerKind,
    /// Whether a failure of it fails the run.
    pub check: bool,
}

impl Made<'_> {
    /// The answer as a value; suspends where there is none yet.
    ///
    /// # Errors
    /// Suspension, a failed check, or a damaged record.
    pub fn answer<'v>(self, replay: &Replay<'_>, heap: Heap<'v>) -> anyhow::Result<Answer<'v>> {
        if replay.stopped().is_some() {
            return Err(replay.suspend(Vec::new()).into());
        }
        let Some(answer) = replay.answer(self.call) else {
            return Err(replay.suspend(vec![self.call]).into());
        };
        self.check(replay, &answer)?;
        let value = match self.kind {
            AnswerKind::Job => JobResult::read(&answer, heap).map(Answer::Job),
            AnswerKind::Wait => WaitResult::read(&with_default(answer.into_owned(), replay.spec(self.call)), heap).map(Answer::Wait),
            AnswerKind::Sleep => Ok(Answer::Sleep(NoneType)),
            AnswerKind::Http => HttpResult::read(&answer, heap).map(Answer::Http),
            AnswerKind::Event => EventResult::read(&answer, heap).map(Answer::Event),
            AnswerKind::Approval => ApprovalResult::read(&answer, heap).map(Answer::Approval),
            AnswerKind::Child => ChildResult::read(&answer, heap).map(Answer::Child),
            AnswerKind::Artifact => ArtifactResult::read(&answer, heap).map(Answer::Artifact),
            AnswerKind::Recorded => from_json(&answer, heap).map(Answer::Recorded).map_err(|error| error.to_string()),
        };
        Ok(value.map_err(|why| replay.damaged(self.call, &why))?)
    }

    /// Fail the run where the step failed and `check = True`.
    fn check(self, replay: &Replay<'_>, answer: &Json) -> anyhow::Result<()> {
        if !self.check || answer.get("ok").and_then(Json::as_bool) != Some(false) {
            return Ok(());
        }
        let text = |field: &str| answer.pointer(field).and_then(Json::as_str);
        let why = match (text("/error/kind"), text("/error/message")) {
            (Some(kind), Some(message)) if !message.is_empty() => format!("{kind}: {message}"),
            (Some(kind), _) => kind.to_owned(),
            (None, _) => match (text("/outcome"), text("/comment")) {
                (Some(outcome), Some(comment)) => format!("{outcome}: {comment}"),
                (Some(outcome), None) => outcome.to_owned(),
                (None, _) => "no reason is recorded".to_owned(),
            },
        };
        let gave_up = replay.spec(self.call).is_some_and(|spec| gave_up(&spec, answer));
        Err(replay.stop_failed(FailureKind::Check, format!("step `{}` failed: {why}", self.step), gave_up, self.call).into())
    }
}

/// The answer of a wait, with the value that the flow gave for the case that nobody answers.
fn with_default(mut answer: Json, spec: Option<Cow<'_, CallSpec>>) -> Json {
    let default = match spec.as_deref() {
        Some(CallSpec::Wait(wait)) => wait.on_timeout.clone(),
        _ => None,
    };
    let timed_out = answer.get("timed_out").and_then(Json::as_bool) == Some(true);
    if let (Some(default), true, Some(fields)) = (default, timed_out, answer.as_object_mut()) {
        fields.insert("value".to_owned(), default);
    }
    answer
}

/// Whether a failed step has used up its retries: it had some, and its last failure was one to try again for, or came at the last attempt.
fn gave_up(spec: &CallSpec, answer: &Json) -> bool {
    let policy = match spec {
        CallSpec::Job(job) => &job.retry,
        CallSpec::Http(http) => &http.retry,
        _ => return false,
    };
    let kind = answer.pointer("/error/kind").and_then(Json::as_str).and_then(FailureKind::parse);
    let used_up = answer.get("attempts").and_then(Json::as_u64).is_some_and(|made| made >= u64::from(policy.attempts));
    policy.attempts > 1 && (used_up || kind.is_some_and(|kind| policy.on.contains(&kind)))
}
