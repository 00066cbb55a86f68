//! `fail(...)`: end the run as failed.

use crate::values::context::Context;
use sortie_core::failure::FailureKind;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::none::NoneType;
use starlark::values::tuple::UnpackTuple;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// End the run as failed, with this message and the failure kind `fail`. Steps that are open are stopped, `on_exit` is called.
    fn fail<'v>(#[starlark(args)] message: UnpackTuple<Value<'v>>, eval: &mut Evaluator<'v, '_, '_>) -> anyhow::Result<NoneType> {
        let text = message.items.iter().map(|part| part.to_str()).collect::<Vec<_>>().join(" ");
        match Context::replay(eval, "fail") {
            Ok(replay) => Err(replay.fail(FailureKind::Fail, text).into()),
            Err(_) => anyhow::bail!("{text}"),
        }
    }
}
