//! `WaitResult`: what came of a wait.

use crate::json::from_json;
use crate::values::step_error::StepError;
use allocative::Allocative;
use serde_json::Value as Json;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

/// The answer from outside, or the lack of one.
#[derive(Debug, Clone, Trace, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct WaitResult<'v> {
    ok: bool,
    value: Value<'v>,
    timed_out: bool,
    by: Option<String>,
    #[trace(unsafe_ignore)]
    error: Option<StepError>,
}

impl<'v> WaitResult<'v> {
    /// Read a recorded answer.
    ///
    /// # Errors
    /// It has not the form of a wait's answer.
    pub fn read(answer: &Json, heap: Heap<'v>) -> Result<Self, String> {
        let flag = |field: &str| answer.get(field).and_then(Json::as_bool);
        Ok(Self {
            ok: flag("ok").ok_or("it has no `ok`")?,
            value: from_json(answer.get("value").unwrap_or(&Json::Null), heap).map_err(|error| format!("`value` is {error}"))?,
            timed_out: flag("timed_out").unwrap_or(false),
            by: answer.get("by").and_then(Json::as_str).map(str::to_owned),
            error: StepError::read(answer),
        })
    }
}

impl fmt::Display for WaitResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |flag: bool| if flag { "True" } else { "False" };
        write!(f, "WaitResult(ok={}, timed_out={})", word(self.ok), word(self.timed_out))
    }
}

impl<'v> AllocValue<'v> for WaitResult<'v> {
    fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
        heap.alloc_complex_no_freeze(self)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "WaitResult", StarlarkTypeRepr, UnpackValue)]
impl<'v> StarlarkValue<'v> for WaitResult<'v> {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether an answer came in time.
    #[starlark(attribute)]
    fn ok(this: &WaitResult) -> anyhow::Result<bool> {
        Ok(this.ok)
    }

    /// The answer: any JSON value. Where nobody answered in time, `on_timeout` of the call, or None.
    #[starlark(attribute)]
    fn value<'v>(this: &WaitResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.value)
    }

    /// Whether the time limit passed without an answer.
    #[starlark(attribute)]
    fn timed_out(this: &WaitResult) -> anyhow::Result<bool> {
        Ok(this.timed_out)
    }

    /// Who answered as themselves, or None.
    #[starlark(attribute)]
    fn by(this: &WaitResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(this.by.clone()))
    }

    /// Why there is no answer, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &WaitResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(this.error.clone()))
    }
}
