//! `Optional`: an input field that may stay away.

use crate::manifest::InputField;
use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkPagablePanic, StarlarkValue, starlark_value};
use std::fmt;

/// What `optional(int, default = 4)` returns, for `flow(input = ...)`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct Optional(#[allocative(skip)] pub InputField);
starlark_simple_value!(Optional);

impl fmt::Display for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "optional({})", self.0.kind)
    }
}

#[starlark_value(type = "Optional")]
impl<'v> StarlarkValue<'v> for Optional {}
