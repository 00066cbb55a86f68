//! `ArtifactResult`: a text that was kept.

use crate::json::from_json;
use crate::values::result::{number, result_type, text};
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
    /// A text that was kept as a resource.
    ArtifactResult, "ArtifactResult", "name"
);

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether it is kept.
    #[starlark(attribute)]
    fn ok(this: &ArtifactResult) -> anyhow::Result<bool> {
        Ok(this.flag("ok"))
    }

    /// Its name within the run.
    #[starlark(attribute)]
    fn name(this: &ArtifactResult) -> anyhow::Result<String> {
        Ok(text(&this.answer, "name").unwrap_or_default())
    }

    /// Its `res://` reference, or None.
    #[starlark(attribute)]
    fn resource(this: &ArtifactResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "resource")))
    }

    /// Its size in bytes, or None.
    #[starlark(attribute)]
    fn size(this: &ArtifactResult) -> anyhow::Result<NoneOr<i64>> {
        Ok(NoneOr::from_option(number(&this.answer, "size")))
    }

    /// SHA-256 of its bytes in hex, or None.
    #[starlark(attribute)]
    fn sha256(this: &ArtifactResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "sha256")))
    }

    /// Why it failed, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &ArtifactResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(StepError::read(&this.answer)))
    }
}
