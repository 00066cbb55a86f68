//! `sleep(...)`: a durable pause.

use crate::duration;
use crate::values::answer::{AnswerKind, Made};
use crate::values::context::Context;
use crate::values::handle::SleepHandle;
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::AllocValue;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;

/// Nothing, or a handle where `wait = False`.
#[derive(StarlarkTypeRepr, AllocValue)]
pub enum SleepAnswer {
    Done(NoneType),
    Handle(SleepHandle),
}

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
        let call = replay.schedule(step, CallSpec::Sleep { duration_ms })?;
        if !wait {
            return Ok(SleepAnswer::Handle(SleepHandle::new(call, step, false)));
        }
        Made { call, step, kind: AnswerKind::Sleep, check: false }.answer(replay, eval.heap())?;
        Ok(SleepAnswer::Done(NoneType))
    }
}
