//! `limit(...)`: how many runs may go on at once.

use crate::builtins::args::one_of;
use crate::manifest::Concurrency;
use crate::values::plain::Limit;
use sortie_core::plan::WhenFull;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;

/// What `full` may be.
const FULL: [(&str, WhenFull); 3] = [("queue", WhenFull::Queue), ("skip", WhenFull::Skip), ("cancel_running", WhenFull::CancelRunning)];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// How many runs of the flow may go on at once: `flow(concurrency = limit(1, key = "input.repo"))`.
    ///
    /// With `key` only runs with the same value at that path of their input are counted together. `full` says what happens to
    /// one more: it waits (`"queue"`), it is not made (`"skip"`), or the others are cancelled for it (`"cancel_running"`).
    fn limit<'v>(
        #[starlark(require = pos)] n: i32,
        #[starlark(require = named, default = NoneOr::None)] key: NoneOr<&'v str>,
        #[starlark(require = named, default = "queue")] full: &str,
    ) -> anyhow::Result<Limit> {
        let at_most = u32::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("limit: expected at least 1, got {n}"))?;
        let key = match key {
            NoneOr::None => Vec::new(),
            NoneOr::Other(path) => path
                .strip_prefix("input.")
                .map(|path| path.split('.').map(str::to_owned).collect::<Vec<_>>())
                .filter(|parts| parts.iter().all(|part| !part.is_empty()))
                .ok_or_else(|| anyhow::anyhow!("key: expected a path such as \"input.repo\", got {path:?}"))?,
        };
        Ok(Limit(Concurrency { at_most, key, full: one_of("full", full, &FULL)? }))
    }
}
