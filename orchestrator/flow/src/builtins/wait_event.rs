//! `wait_event(...)`: an outside event by its business key.

use crate::builtins::answers::{Ask, EventAnswer};
use crate::builtins::args::{DurationArg, absent, duration_or, plain};
use crate::limits::EVENT_BYTES;
use crate::values::context::Context;
use sortie_core::call::{CallSpec, EventSpec};
use sortie_core::limits::WAIT_DEADLINE_MS;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Wait for an outside event by its business key: `wait_event("merged", name = "pr_merged", key = "42", timeout = "7d")`.
    ///
    /// The first argument is the name of the step, unique in the run. `name` is the kind of event and `key` says which one; both
    /// are what the sender publishes. An event that came up to 24 h before is found. `timeout` is a duration (24 h without one);
    /// when it has passed, `r.timed_out` is true. `check = True` fails the run where none came. `wait = False` returns a handle.
    fn wait_event<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] name: &str,
        #[starlark(require = named)] key: &str,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<EventAnswer<'v>> {
        let replay = Context::replay(eval, "wait_event")?;
        for (argument, text) in [("name", name), ("key", key)] {
            anyhow::ensure!(!text.is_empty() && text.len() <= EVENT_BYTES, "{argument}: expected a text of at most {EVENT_BYTES} bytes");
            plain(argument, text)?;
        }
        let timeout_ms = duration_or("timeout", timeout, WAIT_DEADLINE_MS)?;
        let spec = EventSpec { name: name.to_owned(), key: key.to_owned(), timeout_ms };
        EventAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::WaitEvent(spec))
    }
}
