//! `JobHandle`, `WaitHandle` and their like: calls that were started with `wait = False`.

use crate::json::from_json;
use crate::values::answer::{Answer, AnswerKind, Made};
use crate::values::approval_result::ApprovalResult;
use crate::values::artifact_result::ArtifactResult;
use crate::values::child_result::ChildResult;
use crate::values::context::Context;
use crate::values::event_result::EventResult;
use crate::values::http_result::HttpResult;
use crate::values::job_result::JobResult;
use crate::values::reference::{WaitReference, Which};
use crate::values::wait_result::WaitResult;
use allocative::Allocative;
use sortie_core::call::{CallSpec, ReadWhat};
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::eval::Evaluator;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, UnpackValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::fmt;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $text:literal, $kind:ident, $result:ty, $statics:ident, $common:ident, $methods:ident, $extra:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
        pub struct $name {
            call: u32,
            step: String,
            check: bool,
        }
        starlark_simple_value!($name);

        impl $name {
            /// A handle of a call that has been made.
            #[must_use]
            pub fn new(call: u32, step: &str, check: bool) -> Self {
                Self { call, step: step.to_owned(), check }
            }

            /// The call.
            #[must_use]
            pub fn made(&self) -> Made<'_> {
                Made { call: self.call, step: &self.step, kind: AnswerKind::$kind, check: self.check }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", $text, self.step)
            }
        }

        starlark::methods_static!($statics = $methods);

        #[starlark_value(type = $text)]
        impl<'v> StarlarkValue<'v> for $name {
            fn get_methods() -> Option<&'static Methods> {
                Some($statics.methods())
            }
        }

        fn $methods(builder: &mut MethodsBuilder) {
            $common(builder);
            $extra(builder);
        }

        #[starlark_module]
        fn $common(builder: &mut MethodsBuilder) {
            /// Name of the step.
            #[starlark(attribute)]
            fn step(this: &$name) -> anyhow::Result<String> {
                Ok(this.step.clone())
            }

            /// Wait for the answer and return it, as the call itself does without `wait = False`.
            fn wait<'v>(this: &$name, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<$result> {
                match this.made().answer(Context::replay(eval, "wait")?, eval.heap())? {
                    Answer::$kind(result) => Ok(result),
                    _ => Err(anyhow::anyhow!("{} is answered with a value of another kind", $text)),
                }
            }
        }
    };
}

handle!(
    /// A job that has been started.
    JobHandle, "JobHandle", Job, JobResult<'v>, JOB_METHODS, job_common, job_methods, job_reports
);
handle!(
    /// A wait that has been opened.
    WaitHandle, "WaitHandle", Wait, WaitResult<'v>, WAIT_METHODS, wait_common, wait_methods, wait_references
);
handle!(
    /// A sleep that has been started.
    SleepHandle, "SleepHandle", Sleep, NoneType, SLEEP_METHODS, sleep_common, sleep_methods, nothing_more
);
handle!(
    /// A request that is being made.
    HttpHandle, "HttpHandle", Http, HttpResult<'v>, HTTP_METHODS, http_common, http_methods, nothing_more
);
handle!(
    /// A wait for an outside event.
    EventHandle, "EventHandle", Event, EventResult<'v>, EVENT_METHODS, event_common, event_methods, nothing_more
);
handle!(
    /// A question to people.
    ApprovalHandle, "ApprovalHandle", Approval, ApprovalResult<'v>, APPROVAL_METHODS, approval_common, approval_methods, nothing_more
);
handle!(
    /// Another run.
    ChildHandle, "ChildHandle", Child, ChildResult<'v>, CHILD_METHODS, child_common, child_methods, nothing_more
);
handle!(
    /// A text that is being kept.
    ArtifactHandle, "ArtifactHandle", Artifact, ArtifactResult<'v>, ARTIFACT_METHODS, artifact_common, artifact_methods, nothing_more
);

/// A handle with nothing but its step and its answer.
fn nothing_more(_: &mut MethodsBuilder) {}

#[starlark_module]
fn job_reports(builder: &mut MethodsBuilder) {
    /// Its newest progress report, or None. A durable call: what was read once is read again in every replay.
    ///
    /// The first argument is the name of the step, unique in the run.
    fn progress<'v>(
        this: &JobHandle,
        #[starlark(require = pos)] step: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<Value<'v>> {
        report(this.call, step, ReadWhat::Progress, eval)
    }

    /// Its newest checkpoint, or None. A durable call: what was read once is read again in every replay.
    ///
    /// The first argument is the name of the step, unique in the run.
    fn checkpoint<'v>(
        this: &JobHandle,
        #[starlark(require = pos)] step: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<Value<'v>> {
        report(this.call, step, ReadWhat::Checkpoint, eval)
    }
}

#[starlark_module]
fn wait_references(builder: &mut MethodsBuilder) {
    /// The signed URL that takes the answer. A reference: only usable as a whole value in the `env` of a job or a header.
    #[starlark(attribute)]
    fn url(this: &WaitHandle) -> anyhow::Result<WaitReference> {
        Ok(WaitReference::new(Which::Url, this.call, &this.step))
    }

    /// The token that goes with the URL. A reference: only usable as a whole value in the `env` of a job or a header.
    #[starlark(attribute)]
    fn token(this: &WaitHandle) -> anyhow::Result<WaitReference> {
        Ok(WaitReference::new(Which::Token, this.call, &this.step))
    }
}

fn report<'v>(of: u32, step: &str, what: ReadWhat, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<Value<'v>> {
    let replay = Context::replay(eval, what.as_str())?;
    let value = replay.record(step, CallSpec::Read { of, what }, |_| Ok((replay.report(of, what), Vec::new())))?;
    Ok(from_json(&value, eval.heap()).map_err(|error| replay.damaged(replay.made(), &error.to_string()))?)
}

/// A handle of any kind.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum AnyHandle<'v> {
    /// Of a job.
    Job(&'v JobHandle),
    /// Of a wait.
    Wait(&'v WaitHandle),
    /// Of a sleep.
    Sleep(&'v SleepHandle),
    /// Of a request.
    Http(&'v HttpHandle),
    /// Of a wait for an event.
    Event(&'v EventHandle),
    /// Of an approval.
    Approval(&'v ApprovalHandle),
    /// Of another run.
    Child(&'v ChildHandle),
    /// Of a text that is kept.
    Artifact(&'v ArtifactHandle),
}

impl<'v> AnyHandle<'v> {
    /// The call.
    #[must_use]
    pub fn made(&self) -> Made<'v> {
        match self {
            Self::Job(handle) => handle.made(),
            Self::Wait(handle) => handle.made(),
            Self::Sleep(handle) => handle.made(),
            Self::Http(handle) => handle.made(),
            Self::Event(handle) => handle.made(),
            Self::Approval(handle) => handle.made(),
            Self::Child(handle) => handle.made(),
            Self::Artifact(handle) => handle.made(),
        }
    }
}
