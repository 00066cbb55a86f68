//! `StepError`: why a step failed.

use allocative::Allocative;
use serde_json::Value as Json;
use sortie_core::failure::Failure;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::fmt;

/// Kind and message of a failure.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub struct StepError {
    kind: String,
    message: String,
}
starlark_simple_value!(StepError);

impl StepError {
    /// A failure as flows see it.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        Self { kind: failure.kind.as_str().to_owned(), message: failure.message.clone() }
    }

    /// The `error` of a recorded answer, where there is one.
    #[must_use]
    pub fn read(answer: &Json) -> Option<Self> {
        let error = answer.get("error").filter(|error| !error.is_null())?;
        let text = |field: &str| error.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(Self { kind: text("kind"), message: text("message") })
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "StepError")]
impl<'v> StarlarkValue<'v> for StepError {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Kind of the failure, such as `exit`, `timed_out` or `unreachable`.
    #[starlark(attribute)]
    fn kind(this: &StepError) -> anyhow::Result<String> {
        Ok(this.kind.clone())
    }

    /// What a person should know.
    #[starlark(attribute)]
    fn message(this: &StepError) -> anyhow::Result<String> {
        Ok(this.message.clone())
    }
}
