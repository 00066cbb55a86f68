//! `optional(...)`: an input field with a default.

use crate::builtins::flow::input_type;
use crate::json::to_json;
use crate::manifest::InputField;
use crate::values::optional::Optional;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneType;
use starlark::values::{Heap, Value};

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// An input field that may stay away: `flow(input = {"shards": optional(int, default = 4)})`.
    fn optional<'v>(
        #[starlark(require = pos)] kind: Value<'v>,
        #[starlark(require = named, default = NoneType)] default: Value<'v>,
        heap: Heap<'v>,
    ) -> anyhow::Result<Optional> {
        let kind = input_type("optional", kind, heap)?;
        let default = to_json(default).map_err(|error| anyhow::anyhow!("optional: the default is {error}"))?;
        if !default.is_null() {
            kind.check("default", &default).map_err(anyhow::Error::msg)?;
        }
        Ok(Optional(InputField { kind, default: Some(default) }))
    }
}
