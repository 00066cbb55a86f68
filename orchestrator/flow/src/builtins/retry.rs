//! `retry(...)`: when a job or a request is tried again.

use crate::builtins::args::{DurationArg, absent, duration_or, some_duration};
use crate::values::retry::Retry;
use sortie_core::call::RetryPolicy;
use sortie_core::failure::FailureKind;
use sortie_core::limits::RETRY_ATTEMPTS;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::list::UnpackList;
use starlark::values::none::NoneOr;

/// What is tried again where `on` stays away: failures of machine and network, never of the work.
const DEFAULT_ON: [FailureKind; 5] =
    [FailureKind::Unreachable, FailureKind::Interrupted, FailureKind::Lost, FailureKind::Stalled, FailureKind::NotStarted];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// When a job or a request is tried again: `job(..., retry = retry(attempts = 3, backoff = "30s"))`.
    ///
    /// `attempts` counts the first one too. The pause before the second attempt is `backoff`; it doubles from one attempt to
    /// the next up to `max_backoff`, with jitter. `on` lists the failure kinds that are worth another attempt; without it they
    /// are those of machine and network: unreachable, interrupted, lost, stalled, not_started. No attempt starts later than
    /// `total` after the first one. A `Retry-After` that a server answers is honoured up to `max_backoff`.
    fn retry<'v>(
        #[starlark(require = named, default = 3)] attempts: i32,
        #[starlark(require = named, default = absent())] backoff: DurationArg<'v>,
        #[starlark(require = named, default = absent())] max_backoff: DurationArg<'v>,
        #[starlark(require = named, default = absent())] total: DurationArg<'v>,
        #[starlark(require = named, default = NoneOr::None)] on: NoneOr<UnpackList<String>>,
    ) -> anyhow::Result<Retry> {
        let limit = i32::try_from(RETRY_ATTEMPTS).unwrap_or(i32::MAX);
        anyhow::ensure!((1..=limit).contains(&attempts), "attempts: expected 1 to {limit}, got {attempts}");
        let (backoff_ms, max_backoff_ms) = (duration_or("backoff", backoff, 1_000)?, duration_or("max_backoff", max_backoff, 600_000)?);
        anyhow::ensure!(backoff_ms <= max_backoff_ms, "backoff: {backoff_ms} ms is longer than max_backoff, {max_backoff_ms} ms");
        let on = match on {
            NoneOr::None => DEFAULT_ON.to_vec(),
            NoneOr::Other(names) => kinds(&names.items)?,
        };
        Ok(Retry(RetryPolicy {
            attempts: attempts.unsigned_abs(),
            backoff_ms,
            max_backoff_ms,
            total_ms: some_duration("total", total)?,
            on,
        }))
    }
}

/// The failure kinds of these names, each once, in the order of the documentation.
fn kinds(names: &[String]) -> anyhow::Result<Vec<FailureKind>> {
    let valid = || FailureKind::ALL.iter().filter(|kind| kind.is_retryable());
    if let Some(wrong) = names.iter().find(|name| !valid().any(|kind| kind.as_str() == name.as_str())) {
        let list = valid().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        anyhow::bail!("on: {wrong:?} is no failure that a step can be tried again for; there are {list}");
    }
    anyhow::ensure!(!names.is_empty(), "on: the list is empty, so nothing would be tried again; leave retry away instead");
    Ok(valid().copied().filter(|kind| names.iter().any(|name| name == kind.as_str())).collect())
}
