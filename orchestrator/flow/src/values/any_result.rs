//! `AnyResult`: what `wait_any` returns.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{Methods, MethodsBuilder};
use starlark::starlark_module;
use starlark::values::{
    AllocValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Trace, Value, ValueOfUnchecked, starlark_value,
};
use std::fmt;

use crate::values::answer::Answer;

/// The handle that was answered first, and its answer.
#[derive(Debug, Clone, Trace, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct AnyResult<'v> {
    winner: u32,
    step: String,
    value: Value<'v>,
}

impl<'v> AnyResult<'v> {
    /// The winner's place in the list, its step and its answer.
    #[must_use]
    pub fn new(winner: u32, step: &str, value: Value<'v>) -> Self {
        Self { winner, step: step.to_owned(), value }
    }
}

impl fmt::Display for AnyResult<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyResult(winner={}, step={:?})", self.winner, self.step)
    }
}

impl<'v> AllocValue<'v> for AnyResult<'v> {
    fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
        heap.alloc_complex_no_freeze(self)
    }
}

starlark::methods_static!(METHODS = methods);

#[starlark_value(type = "AnyResult", StarlarkTypeRepr, UnpackValue)]
impl<'v> StarlarkValue<'v> for AnyResult<'v> {
    fn get_methods() -> Option<&'static Methods> {
        Some(METHODS.methods())
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// Place of the winner in the list of handles, from 0.
    #[starlark(attribute)]
    fn winner(this: &AnyResult) -> anyhow::Result<u32> {
        Ok(this.winner)
    }

    /// Name of the winner's step.
    #[starlark(attribute)]
    fn step(this: &AnyResult) -> anyhow::Result<String> {
        Ok(this.step.clone())
    }

    /// What the winner's `wait()` returns.
    #[starlark(attribute)]
    fn value<'v>(this: &AnyResult<'v>) -> anyhow::Result<ValueOfUnchecked<'v, Answer<'v>>> {
        Ok(ValueOfUnchecked::new(this.value))
    }
}
