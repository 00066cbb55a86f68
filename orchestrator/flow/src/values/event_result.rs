//! `EventResult`: what came of a wait for an outside event.

use crate::json::from_json;
use crate::values::result::{result_type, text};
use crate::values::step_error::StepError;
use allocative::Allocative;
use serde_json::Value as Json;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

result_type!(
    /// An outside event, or the lack of one.
    EventResult, "EventResult", "payload"
);

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether the event came in time.
    #[starlark(attribute)]
    fn ok(this: &EventResult) -> anyhow::Result<bool> {
        Ok(this.flag("ok"))
    }

    /// Id of the event, or None.
    #[starlark(attribute)]
    fn id(this: &EventResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "id")))
    }

    /// What it says: any JSON value. None where none came.
    #[starlark(attribute)]
    fn payload<'v>(this: &EventResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.part)
    }

    /// Whether the time limit passed first.
    #[starlark(attribute)]
    fn timed_out(this: &EventResult) -> anyhow::Result<bool> {
        Ok(this.flag("timed_out"))
    }

    /// Why there is none, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &EventResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(StepError::read(&this.answer)))
    }
}
