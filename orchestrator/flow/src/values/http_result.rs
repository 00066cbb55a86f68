//! `HttpResult`: what came of a request.

use crate::json::from_json;
use crate::values::result::{number, result_type};
use crate::values::step_error::StepError;
use allocative::Allocative;
use serde_json::Map;
use serde_json::Value as Json;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::ValueOfUnchecked;
use starlark::values::dict::DictType;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

result_type!(
    /// The answer to a request. Failure is a value: `ok`, `timed_out` and `error` say what happened.
    HttpResult, "HttpResult", "json"
);

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether an answer with an expected status came.
    #[starlark(attribute)]
    fn ok(this: &HttpResult) -> anyhow::Result<bool> {
        Ok(this.flag("ok"))
    }

    /// Status of the answer, or None where none came.
    #[starlark(attribute)]
    fn status(this: &HttpResult) -> anyhow::Result<NoneOr<i64>> {
        Ok(NoneOr::from_option(number(&this.answer, "status")))
    }

    /// Headers of the answer by lower-case name.
    #[starlark(attribute)]
    fn headers<'v>(this: &HttpResult, heap: Heap<'v>) -> anyhow::Result<ValueOfUnchecked<'v, DictType<String, String>>> {
        let headers = this.answer.get("headers").cloned().unwrap_or_else(|| Json::Object(Map::new()));
        Ok(ValueOfUnchecked::new(from_json(&headers, heap)?))
    }

    /// Body of the answer as text; of a large one a `res://` reference.
    #[starlark(attribute)]
    fn body(this: &HttpResult) -> anyhow::Result<String> {
        let body = this.answer.get("body");
        let kept = body.and_then(|body| body.get("resource")).or(body);
        Ok(kept.and_then(Json::as_str).unwrap_or_default().to_owned())
    }

    /// Body of the answer as a value, where it is JSON; else None.
    #[starlark(attribute)]
    fn json<'v>(this: &HttpResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.part)
    }

    /// How many tries were made.
    #[starlark(attribute)]
    fn attempts(this: &HttpResult) -> anyhow::Result<i64> {
        Ok(number(&this.answer, "attempts").unwrap_or(0))
    }

    /// Why it failed, or None where `ok`.
    #[starlark(attribute)]
    fn error(this: &HttpResult) -> anyhow::Result<NoneOr<StepError>> {
        Ok(NoneOr::from_option(StepError::read(&this.answer)))
    }

    /// Whether the time limit passed first.
    #[starlark(attribute)]
    fn timed_out(this: &HttpResult) -> anyhow::Result<bool> {
        Ok(this.flag("timed_out"))
    }
}
