//! `ChildResult`: what came of another run.

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
    /// How another run ended.
    ChildResult, "ChildResult", "value"
);

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether it succeeded.
    #[starlark(attribute)]
    fn ok(this: &ChildResult) -> anyhow::Result<bool> {
        Ok(this.flag("ok"))
    }

    /// Id of the run, or None where it could not be started.
    #[starlark(attribute)]
    fn run(this: &ChildResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "run")))
    }

    /// `succeeded`, `failed`, `cancelled`, `timed_out` or `dead`; None where it could not be started.
    #[starlark(attribute)]
    fn outcome(this: &ChildResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "outcome")))
    }

    /// What it returned.
    #[starlark(attribute)]
    fn value<'v>(this: &ChildResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.part)
    }

    /// Why it failed, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &ChildResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(StepError::read(&this.answer)))
    }

    /// Whether the time limit passed first.
    #[starlark(attribute)]
    fn timed_out(this: &ChildResult) -> anyhow::Result<bool> {
        Ok(this.flag("timed_out"))
    }
}
