//! `wait_any(...)`: the first of several handles.

use crate::limits::HANDLES;
use crate::replay::{Halt, Replay};
use crate::values::any_result::AnyResult;
use crate::values::context::Context;
use crate::values::handle::AnyHandle;
use serde_json::{Value as Json, json};
use sortie_core::call::CallSpec;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::UnpackList;
use std::collections::BTreeSet;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Wait for the first of several handles to be answered, and stop the others.
    ///
    /// The first argument is the name of the step, unique in the run, the second the list of handles. The result has `winner`
    /// (its place in the list, from 0), `step` (its name) and `value` (what its `wait()` returns). Which one won is recorded;
    /// jobs that lost are stopped, waits that lost are closed.
    fn wait_any<'v>(
        #[starlark(require = pos)] step: &str,
        #[starlark(require = pos)] handles: UnpackList<AnyHandle<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<AnyResult<'v>> {
        let replay = Context::replay(eval, "wait_any")?;
        let handles = handles.items;
        anyhow::ensure!(!handles.is_empty(), "wait_any: the list is empty, so nothing could ever be answered");
        anyhow::ensure!(handles.len() <= HANDLES, "wait_any: {} handles; there may be {HANDLES}", handles.len());
        let of: Vec<u32> = handles.iter().map(|handle| handle.made().call).collect();
        anyhow::ensure!(of.iter().collect::<BTreeSet<_>>().len() == of.len(), "wait_any: a handle stands in the list twice");
        let recorded = replay.record(step, CallSpec::WaitAny { of: of.clone() }, |_| decide(replay, &of))?;
        let place = recorded.get("winner").and_then(Json::as_u64).and_then(|winner| of.iter().position(|call| u64::from(*call) == winner));
        let Some(place) = place else {
            return Err(replay.damaged(replay.made(), "its winner is none of the handles").into());
        };
        let made = handles[place].made();
        let value = eval.heap().alloc(made.answer(replay, eval.heap())?);
        Ok(AnyResult::new(u32::try_from(place).unwrap_or(u32::MAX), made.step, value))
    }
}

/// The call with the lowest event number wins; those without an answer lose. Suspends on all while none is answered.
fn decide(replay: &Replay<'_>, of: &[u32]) -> Result<(Json, Vec<u32>), Halt> {
    let first = of.iter().filter_map(|call| replay.completed_seq(*call).map(|seq| (seq, *call))).min();
    let Some((_, winner)) = first else {
        return Err(replay.suspend(of.to_vec()));
    };
    let losers = of.iter().copied().filter(|call| replay.answer(*call).is_none()).collect();
    Ok((json!({"winner": winner}), losers))
}
