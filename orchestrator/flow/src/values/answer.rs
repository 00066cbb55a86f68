//! From a recorded answer to the value that a flow sees: the one place where builtins and handles wait.

use crate::replay::Replay;
use crate::values::job_result::JobResult;
use crate::values::wait_result::WaitResult;
use serde_json::Value as Json;
use sortie_core::failure::FailureKind;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{AllocValue, Heap};

/// What a call answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A `JobResult`.
    Job,
    /// A `WaitResult`.
    Wait,
    /// `None`.
    Sleep,
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
        self.check(replay, answer)?;
        let value = match self.kind {
            AnswerKind::Job => JobResult::read(answer, heap).map(Answer::Job),
            AnswerKind::Wait => WaitResult::read(answer, heap).map(Answer::Wait),
            AnswerKind::Sleep => Ok(Answer::Sleep(NoneType)),
        };
        Ok(value.map_err(|why| replay.damaged(self.call, &why))?)
    }

    /// Fail the run where the step failed and `check = True`.
    fn check(self, replay: &Replay<'_>, answer: &Json) -> anyhow::Result<()> {
        if !self.check || answer.get("ok").and_then(Json::as_bool) != Some(false) {
            return Ok(());
        }
        let text = |field: &str| answer.pointer(&format!("/error/{field}")).and_then(Json::as_str);
        let why = match (text("kind"), text("message")) {
            (Some(kind), Some(message)) if !message.is_empty() => format!("{kind}: {message}"),
            (Some(kind), _) => kind.to_owned(),
            _ => "no reason is recorded".to_owned(),
        };
        Err(replay.fail(FailureKind::Check, format!("step `{}` failed: {why}", self.step)).into())
    }
}
