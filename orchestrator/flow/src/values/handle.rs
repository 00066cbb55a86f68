//! `JobHandle`, `WaitHandle`, `SleepHandle`: calls that were started with `wait = False`.

use crate::values::answer::Answer;
use crate::values::answer::{AnswerKind, Made};
use crate::values::context::Context;
use crate::values::job_result::JobResult;
use crate::values::reference::{WaitReference, Which};
use crate::values::wait_result::WaitResult;
use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::eval::Evaluator;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, UnpackValue, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::fmt;

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $text:literal, $kind:ident, $statics:ident, $methods:ident) => {
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
    };
}

handle!(
    /// A job that has been started.
    JobHandle, "JobHandle", Job, JOB_METHODS, job_methods
);
handle!(
    /// A wait that has been opened.
    WaitHandle, "WaitHandle", Wait, WAIT_METHODS, wait_methods
);
handle!(
    /// A sleep that has been started.
    SleepHandle, "SleepHandle", Sleep, SLEEP_METHODS, sleep_methods
);

/// A handle of any kind.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum AnyHandle<'v> {
    /// Of a job.
    Job(&'v JobHandle),
    /// Of a wait.
    Wait(&'v WaitHandle),
    /// Of a sleep.
    Sleep(&'v SleepHandle),
}

impl<'v> AnyHandle<'v> {
    /// The call.
    #[must_use]
    pub fn made(&self) -> Made<'v> {
        match self {
            Self::Job(handle) => handle.made(),
            Self::Wait(handle) => handle.made(),
            Self::Sleep(handle) => handle.made(),
        }
    }
}

#[starlark_module]
fn job_methods(builder: &mut MethodsBuilder) {
    /// Name of the step.
    #[starlark(attribute)]
    fn step(this: &JobHandle) -> anyhow::Result<String> {
        Ok(this.step.clone())
    }

    /// Wait for the job and return its result.
    fn wait<'v>(this: &JobHandle, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<JobResult<'v>> {
        match this.made().answer(Context::replay(eval, "wait")?, eval.heap())? {
            Answer::Job(result) => Ok(result),
            _ => Err(anyhow::anyhow!("a job answers with a JobResult")),
        }
    }
}

#[starlark_module]
fn wait_methods(builder: &mut MethodsBuilder) {
    /// Name of the step.
    #[starlark(attribute)]
    fn step(this: &WaitHandle) -> anyhow::Result<String> {
        Ok(this.step.clone())
    }

    /// The signed URL that takes the answer. A reference: only usable as a value in the `env` of a job.
    #[starlark(attribute)]
    fn url(this: &WaitHandle) -> anyhow::Result<WaitReference> {
        Ok(WaitReference::new(Which::Url, this.call, &this.step))
    }

    /// The token that goes with the URL. A reference: only usable as a value in the `env` of a job.
    #[starlark(attribute)]
    fn token(this: &WaitHandle) -> anyhow::Result<WaitReference> {
        Ok(WaitReference::new(Which::Token, this.call, &this.step))
    }

    /// Wait for the answer and return it.
    fn wait<'v>(this: &WaitHandle, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<WaitResult<'v>> {
        match this.made().answer(Context::replay(eval, "wait")?, eval.heap())? {
            Answer::Wait(result) => Ok(result),
            _ => Err(anyhow::anyhow!("a wait answers with a WaitResult")),
        }
    }
}

#[starlark_module]
fn sleep_methods(builder: &mut MethodsBuilder) {
    /// Name of the step.
    #[starlark(attribute)]
    fn step(this: &SleepHandle) -> anyhow::Result<String> {
        Ok(this.step.clone())
    }

    /// Wait until the time is over.
    fn wait<'v>(this: &SleepHandle, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<NoneType> {
        this.made().answer(Context::replay(eval, "wait")?, eval.heap()).map(|_| NoneType)
    }
}
