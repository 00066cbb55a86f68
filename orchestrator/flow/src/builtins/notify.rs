//! `notify(...)`: who is told of what.

use crate::values::plain::{Connection, Notify};
use sortie_core::plan::{NoticeKind, NotifyRule};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::list::UnpackList;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Tell somebody what becomes of runs: `flow(notify = notify(on = ["failed", "dead"], to = connection("ops-chat")))`.
    ///
    /// `on` lists `"failed"`, `"parked"`, `"overdue"` (open for longer than it should), `"dead"` (gave up after its retries) and
    /// `"approval"` (people are asked to decide).
    fn notify(#[starlark(require = named)] on: UnpackList<String>, #[starlark(require = named)] to: &Connection) -> anyhow::Result<Notify> {
        let known = || NoticeKind::ALL.map(NoticeKind::as_str).join(", ");
        anyhow::ensure!(!on.items.is_empty(), "on: the list is empty, so nobody would ever be told; there are {}", known());
        let mut kinds = on
            .items
            .iter()
            .map(|name| {
                NoticeKind::parse(name).ok_or_else(|| anyhow::anyhow!("on: {name:?} is nothing to be told of; there are {}", known()))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Notify(NotifyRule { on: kinds, to: to.0.clone() }))
    }
}
