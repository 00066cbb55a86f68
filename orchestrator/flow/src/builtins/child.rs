//! `child(...)`: a run of another flow.

use crate::builtins::answers::{Ask, ChildAnswer};
use crate::builtins::args::{DurationArg, absent, duration_or, one_of};
use crate::builtins::flow::is_name;
use crate::json::to_json;
use crate::values::context::Context;
use serde_json::{Map, Value as Json};
use sortie_core::call::{CallSpec, ChildSpec, OnCancel};
use sortie_core::limits::WAIT_DEADLINE_MS;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::none::NoneOr;

/// What `on_cancel` may be.
const ON_CANCEL: [(&str, OnCancel); 2] = [("cancel", OnCancel::Cancel), ("abandon", OnCancel::Abandon)];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Run another flow and wait for its end: `child("deploy", flow = "deploy", input = {"env": "prod"})`.
    ///
    /// The first argument is the name of the step, unique in the run. `release` pins a release; without it the live one at that
    /// time is run. `timeout` is a duration (24 h without one). `on_cancel` says what becomes of it when nobody waits for it any
    /// more, because of its timeout, a lost `wait_any` or the end of this run: `"cancel"` cancels it and waits for its end,
    /// `"abandon"` lets it go on. `check = True` fails the run unless it succeeds. `wait = False` returns a handle.
    fn child<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = named)] flow: &str,
        #[starlark(require = named, default = NoneOr::None)] release: NoneOr<i32>,
        #[starlark(require = named, default = UnpackDictEntries::default())] input: UnpackDictEntries<String, Value<'v>>,
        #[starlark(require = named, default = absent())] timeout: DurationArg<'v>,
        #[starlark(require = named, default = "cancel")] on_cancel: &str,
        #[starlark(require = named, default = false)] check: bool,
        #[starlark(require = named, default = true)] wait: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<ChildAnswer<'v>> {
        let replay = Context::replay(eval, "child")?;
        anyhow::ensure!(is_name(flow), "flow: {flow:?} is no name of a flow");
        let release = match release {
            NoneOr::None => None,
            NoneOr::Other(n) => {
                Some(u32::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("release: expected at least 1, got {n}"))?)
            }
        };
        let input = input
            .entries
            .into_iter()
            .map(|(name, value)| Ok((name.clone(), to_json(value).map_err(|error| anyhow::anyhow!("input: {name}: {error}"))?)))
            .collect::<anyhow::Result<Map<String, Json>>>()?;
        let spec = ChildSpec {
            flow: flow.to_owned(),
            release,
            input: Json::Object(input),
            timeout_ms: duration_or("timeout", timeout, WAIT_DEADLINE_MS)?,
            on_cancel: one_of("on_cancel", on_cancel, &ON_CANCEL)?,
        };
        ChildAnswer::make(replay, eval.heap(), Ask { step, check, wait }, CallSpec::Child(spec))
    }
}
