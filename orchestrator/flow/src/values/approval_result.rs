//! `ApprovalResult`: what people decided.

use crate::json::from_json;
use crate::values::result::{result_type, text};
use crate::values::step_error::StepError;
use allocative::Allocative;
use serde_json::Value as Json;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::ValueOfUnchecked;
use starlark::values::list::ListType;
use starlark::values::none::NoneOr;
use starlark::values::{AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, starlark_value};
use std::fmt;

result_type!(
    /// What people decided. Nobody deciding is an outcome of its own: neither approved nor rejected.
    ApprovalResult, "ApprovalResult", "votes"
);

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Whether it is approved.
    #[starlark(attribute)]
    fn ok(this: &ApprovalResult) -> anyhow::Result<bool> {
        Ok(this.flag("ok"))
    }

    /// Whether it is approved.
    #[starlark(attribute)]
    fn approved(this: &ApprovalResult) -> anyhow::Result<bool> {
        Ok(this.flag("approved"))
    }

    /// `approved`, `rejected`, `timed_out` or `cancelled`.
    #[starlark(attribute)]
    fn outcome(this: &ApprovalResult) -> anyhow::Result<String> {
        Ok(text(&this.answer, "outcome").unwrap_or_default())
    }

    /// Names of those who decided it.
    #[starlark(attribute)]
    fn by<'v>(this: &ApprovalResult, heap: Heap<'v>) -> anyhow::Result<ValueOfUnchecked<'v, ListType<String>>> {
        let by = this.answer.get("by").cloned().unwrap_or_else(|| Json::Array(Vec::new()));
        Ok(ValueOfUnchecked::new(from_json(&by, heap)?))
    }

    /// What the last of them said, or None.
    #[starlark(attribute)]
    fn comment(this: &ApprovalResult) -> anyhow::Result<NoneOr<String>> {
        Ok(NoneOr::from_option(text(&this.answer, "comment")))
    }

    /// All decisions, oldest first.
    #[starlark(attribute)]
    fn votes<'v>(this: &ApprovalResult<'v>) -> anyhow::Result<Value<'v>> {
        Ok(this.part)
    }

    /// Whether nobody decided in time.
    #[starlark(attribute)]
    fn timed_out(this: &ApprovalResult) -> anyhow::Result<bool> {
        Ok(text(&this.answer, "outcome").as_deref() == Some("timed_out"))
    }
}
