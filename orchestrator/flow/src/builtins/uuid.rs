//! `uuid(...)`: a random UUID, recorded.

use crate::values::context::Context;
use serde_json::Value as Json;
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// A random UUID (version 4) as text, the same in every replay. Good as an idempotency key, not as a secret.
    ///
    /// The first argument is the name of the step, unique in the run.
    fn uuid(#[starlark(require = pos)] step: &str, eval: &mut Evaluator) -> anyhow::Result<String> {
        let replay = Context::replay(eval, "uuid")?;
        let value = replay.record(step, CallSpec::Uuid {}, |call| Ok((Json::from(text(replay.random(call))), Vec::new())))?;
        value.as_str().map(str::to_owned).ok_or_else(|| replay.damaged(replay.made(), "it is no text").into())
    }
}

/// Random bytes as a UUID of version 4 (RFC 9562, 5.4).
fn text(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_version_and_variant() {
        assert_eq!(text([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(text([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
