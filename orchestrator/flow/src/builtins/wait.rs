//! `wait(...)`: an answer from outside.

use crate::builtins::answers::{Ask, WaitAnswer};
use crate::builtins::args::{DurationArg, absent, duration_or, one_of, schema as schema_of};
use crate::json::to_json;
use crate::values::context::Context;
use sortie_core::call::{CallSpec, WaitAuth, WaitSpec};
use sortie_core::limits::WAIT_DEADLINE_MS;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneType;

/// What `auth` may be.
const AUTH: [(&str, WaitAuth); 3] = [("token", WaitAuth::Token), ("url", WaitAuth::Url), ("operator", WaitAuth::Operator)];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Wait for an answer from outside: a POST of JSON to a signed URL.
    ///
    /// The first argument is the name of the step, unique in the run. `timeout` is a duration such as `"1h"` (24 h without
    /// one); when it has passed, `r.timed_out` is true, and `r.value` is `on_timeout`. `schema` is a JSON Schema that the answer
    /// must fit; one that does not is refused and the wait stays open. `check = True` fails the run where no answer came.
    /// `wait = False` returns a handle at once; its `url` and `token` are what a job needs to answer: `job(..., env = {"URL":
    /// w.url, "TOKEN": w.token})`.
    ///
    /// `auth` is what a sender has to show: `"token"` (URL and token), `"url"` (the URL alone, for senders that can set no
    /// header), or `"operator"` (neither: only people answer, through CLI and API). `roles` names who may answer as themselves.
    fn wait<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = NoneType)] schema: Value<'v>,
        #[starlark(require = named, default = "token")] auth: &str,
        #[starlark(require = named, default = UnpackList::default())] roles: UnpackList<String>,
        #[starlark(require = named)] on_timeout: Option<Value<'v>>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<WaitAnswer<'v>> {
        let replay = Context::replay(eval, "wait")?;
        let spec = WaitSpec {
            timeout_ms: duration_or("timeout", timeout, WAIT_DEADLINE_MS)?,
            schema: schema_of("schema", schema)?,
            auth: one_of("auth", auth, &AUTH)?,
            roles: roles.items,
            on_timeout: on_timeout.map(|value| to_json(value).map_err(|error| anyhow::anyhow!("on_timeout: {error}"))).transpose()?,
        };
        WaitAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Wait(spec))
    }
}
