//! `log(...)`: a line in the run's log.

use crate::values::context::Context;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::NoneType;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Write a line to the run's log, once: a replay does not write it again. `print` does the same.
    fn log<'v>(#[starlark(require = pos)] text: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<NoneType> {
        if let Some((replay, log)) = Context::log(eval) {
            log.line(replay.made(), &text.to_str());
        }
        Ok(NoneType)
    }
}
