//! `sleep_until(...)`: a durable pause up to a point in time.

use crate::builtins::answers::{Ask, SleepAnswer};
use crate::instant;
use crate::values::context::Context;
use either::Either;
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Pause until a point in time, durably. One that has passed is over at once.
    ///
    /// The first argument is the name of the step, unique in the run, the second a time: text such as
    /// `"2026-01-31T09:30:00+01:00"`, or Unix milliseconds, as `now` returns them. `wait = False` returns a handle at once.
    fn sleep_until<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = pos)] at: Either<i64, &'v str>,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<SleepAnswer> {
        let replay = Context::replay(eval, "sleep_until")?;
        let at = match at {
            Either::Left(ms) => ms,
            Either::Right(text) => instant::parse(text).map_err(|why| anyhow::anyhow!("at: {why}"))?,
        };
        SleepAnswer::make(replay, eval.heap(), Ask { step, check: false, wait }, CallSpec::SleepUntil { at })
    }
}
