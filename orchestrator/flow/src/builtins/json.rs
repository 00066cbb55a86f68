//! `json.encode` and `json.decode`, bounded in depth.

use crate::json::{from_json, to_json};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::{Heap, Value};

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// The JSON of a value, as text: None, bool, int, float, str, list, tuple, dict with text keys, struct; at most 64 deep.
    fn encode(#[starlark(require = pos)] value: Value) -> anyhow::Result<String> {
        to_json(value).map(|json| json.to_string()).map_err(|error| anyhow::anyhow!("json.encode: the value is {error}"))
    }

    /// The value of a JSON text, at most 64 deep.
    fn decode<'v>(#[starlark(require = pos)] text: &str, heap: Heap<'v>) -> anyhow::Result<Value<'v>> {
        let json = serde_json::from_str(text).map_err(|error| anyhow::anyhow!("json.decode: {error}"))?;
        from_json(&json, heap).map_err(|error| anyhow::anyhow!("json.decode: the text is {error}"))
    }
}
