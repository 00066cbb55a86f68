//! What a builtin returns that can be waited for: a result, or a handle where `wait = False`.

use crate::replay::Replay;
use crate::values::answer::{Answer, AnswerKind, Made};
use crate::values::approval_result::ApprovalResult;
use crate::values::artifact_result::ArtifactResult;
use crate::values::child_result::ChildResult;
use crate::values::event_result::EventResult;
use crate::values::handle::{ApprovalHandle, ArtifactHandle, ChildHandle, EventHandle, HttpHandle, JobHandle, SleepHandle, WaitHandle};
use crate::values::http_result::HttpResult;
use crate::values::job_result::JobResult;
use crate::values::wait_result::WaitResult;
use sortie_core::call::CallSpec;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{AllocValue, Heap};

/// How a call is made.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Name of the step.
    pub step: &'a str,
    /// Whether a failure fails the run.
    pub check: bool,
    /// Whether its answer is waited for.
    pub wait: bool,
}

/// Of `sleep` and `sleep_until`.
#[derive(StarlarkTypeRepr, AllocValue)]
pub enum SleepAnswer {
    Done(NoneType),
    Handle(SleepHandle),
}

impl SleepAnswer {
    /// Make the call, and wait for its end unless a handle is wanted.
    pub fn make(replay: &Replay<'_>, heap: Heap<'_>, ask: Ask<'_>, spec: CallSpec) -> anyhow::Result<Self> {
        let Ask { step, check, wait } = ask;
        let call = replay.schedule(step, spec)?;
        if !wait {
            return Ok(Self::Handle(SleepHandle::new(call, step, check)));
        }
        Made { call, step, kind: AnswerKind::Sleep, check }.answer(replay, heap)?;
        Ok(Self::Done(NoneType))
    }
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident = $result:ty | $handle:ident, $kind:ident;)+) => {$(
        $(#[$doc])*
        #[derive(StarlarkTypeRepr, AllocValue)]
        pub enum $name<'v> {
            Result($result),
            Handle($handle),
        }

        impl<'v> $name<'v> {
            /// Make the call, and wait for its answer unless a handle is wanted.
            pub fn make(replay: &Replay<'_>, heap: Heap<'v>, ask: Ask<'_>, spec: CallSpec) -> anyhow::Result<Self> {
                let Ask { step, check, wait } = ask;
                let call = replay.schedule(step, spec)?;
                if !wait {
                    return Ok(Self::Handle($handle::new(call, step, check)));
                }
                match (Made { call, step, kind: AnswerKind::$kind, check }).answer(replay, heap)? {
                    Answer::$kind(result) => Ok(Self::Result(result)),
                    _ => Err(anyhow::anyhow!("the call is answered with a value of another kind")),
                }
            }
        }
    )+};
}

answers! {
    /// Of `job`.
    JobAnswer = JobResult<'v> | JobHandle, Job;
    /// Of `wait`.
    WaitAnswer = WaitResult<'v> | WaitHandle, Wait;
    /// Of `http`.
    HttpAnswer = HttpResult<'v> | HttpHandle, Http;
    /// Of `wait_event`.
    EventAnswer = EventResult<'v> | EventHandle, Event;
    /// Of `approval`.
    ApprovalAnswer = ApprovalResult<'v> | ApprovalHandle, Approval;
    /// Of `child`.
    ChildAnswer = ChildResult<'v> | ChildHandle, Child;
    /// Of `artifact`.
    ArtifactAnswer = ArtifactResult<'v> | ArtifactHandle, Artifact;
}
