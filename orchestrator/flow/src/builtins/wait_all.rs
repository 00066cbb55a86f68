//! `wait_all(...)`: all of several handles.

use crate::limits::HANDLES;
use crate::values::answer::Answer;
use crate::values::context::Context;
use crate::values::handle::AnyHandle;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::UnpackList;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Wait for all handles and return their results in the order of the list.
    fn wait_all<'v>(
        #[starlark(require = pos)] handles: UnpackList<AnyHandle<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<Vec<Answer<'v>>> {
        let replay = Context::replay(eval, "wait_all")?;
        anyhow::ensure!(handles.items.len() <= HANDLES, "wait_all: {} handles; there may be {HANDLES}", handles.items.len());
        let mut open: Vec<u32> =
            handles.items.iter().map(|handle| handle.made().call).filter(|call| replay.answer(*call).is_none()).collect();
        if !open.is_empty() {
            open.sort_unstable();
            open.dedup();
            return Err(replay.suspend(open).into());
        }
        handles.items.iter().map(|handle| handle.made().answer(replay, eval.heap())).collect()
    }
}
