//! `now(...)`: the time, recorded.

use crate::values::context::Context;
use serde_json::Value as Json;
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// The time at which the run first came here, in Unix milliseconds. The same in every replay.
    ///
    /// The first argument is the name of the step, unique in the run.
    fn now(#[starlark(require = pos)] step: &str, eval: &mut Evaluator) -> anyhow::Result<i64> {
        let replay = Context::replay(eval, "now")?;
        let value = replay.record(step, CallSpec::Now {}, |_| Ok((Json::from(replay.at_ms()), Vec::new())))?;
        value.as_i64().ok_or_else(|| replay.damaged(replay.made(), "it is no time").into())
    }
}
