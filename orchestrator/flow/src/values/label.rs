//! `Label`: any host that has a label.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkPagable, StarlarkValue, starlark_value};
use std::fmt;

/// What `label("builder")` returns, for `job(on = ...)`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagable, Allocative)]
pub struct Label(pub String);
starlark_simple_value!(Label);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label({:?})", self.0)
    }
}

#[starlark_value(type = "Label")]
impl<'v> StarlarkValue<'v> for Label {}
