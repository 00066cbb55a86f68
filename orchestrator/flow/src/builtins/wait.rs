//! `wait(...)`: an answer from outside.

use crate::builtins::args::{DurationArg, absent, duration_or, schema as schema_of};
use crate::values::answer::{Answer, AnswerKind, Made};
use crate::values::context::Context;
use crate::values::handle::WaitHandle;
use crate::values::wait_result::WaitResult;
use sortie_core::call::{CallSpec, WaitAuth, WaitSpec};
use sortie_core::limits::WAIT_DEADLINE_MS;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::NoneType;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{AllocValue, Value};

/// A result, or a handle where `wait = False`.
#[derive(StarlarkTypeRepr, AllocValue)]
pub enum WaitAnswer<'v> {
    Result(WaitResult<'v>),
    Handle(WaitHandle),
}

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Wait for an answer from outside: a POST of JSON to a signed URL.
    ///
    /// The first argument is the name of the step, unique in the run. `timeout` is a duration such as `"1h"` (24 h without
    /// one); when it has passed, `r.timed_out` is true. `schema` is a JSON Schema that the answer must fit; one that does not
    /// is refused and the wait stays open. `check = True` fails the run where no answer came. `wait = False` returns a handle
    /// at once; its `url` and `token` are what a job needs to answer: `job(..., env = {"URL": w.url, "TOKEN": w.token})`.
    fn wait<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = NoneType)] schema: Value<'v>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<WaitAnswer<'v>> {
        let replay = Context::replay(eval, "wait")?;
        let spec = WaitSpec {
            timeout_ms: duration_or("timeout", timeout, WAIT_DEADLINE_MS)?,
            schema: schema_of("schema", schema)?,
            auth: WaitAuth::Token,
            roles: Vec::new(),
            on_timeout: None,
        };
        let call = replay.schedule(step, CallSpec::Wait(spec))?;
        if !wait {
            return Ok(WaitAnswer::Handle(WaitHandle::new(call, step, check)));
        }
        match (Made { call, step, kind: AnswerKind::Wait, check }).answer(replay, eval.heap())? {
            Answer::Wait(result) => Ok(WaitAnswer::Result(result)),
            _ => Err(anyhow::anyhow!("a wait answers with a WaitResult")),
        }
    }
}
