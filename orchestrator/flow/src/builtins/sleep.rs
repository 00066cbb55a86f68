//! `sleep(...)`: a durable pause.

use crate::builtins::answers::{Ask, SleepAnswer};
use crate::duration;
use crate::values::context::Context;
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Pause for a time, durably: the run goes on after it even if the server was down meanwhile.
    ///
    /// The first argument is the name of the step, unique in the run, the second a duration such as `"5m"`. `wait = False`
    /// returns a handle at once, for `wait_any`.
    fn sleep<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = pos)] duration: &str,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<SleepAnswer> {
        let replay = Context::replay(eval, "sleep")?;
        let duration_ms = duration::parse(duration).map_err(|why| anyhow::anyhow!("duration: {why}"))?;
        SleepAnswer::make(replay, eval.heap(), Ask { step, check: false, wait }, CallSpec::Sleep { duration_ms })
    }
}
