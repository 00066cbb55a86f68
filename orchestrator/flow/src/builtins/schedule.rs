//! `schedule(...)`: runs are started by the clock.

use crate::builtins::args::{DurationArg, absent, duration_or, one_of};
use crate::json::to_json;
use crate::trigger::{Overlap, ScheduleTrigger, Trigger as TriggerData, looks_like_cron};
use crate::values::plain::Trigger;
use serde_json::{Map, Value as Json};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::UnpackDictEntries;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Start runs by the clock: `flow(triggers = [schedule("0 2 * * *", tz = "Europe/Oslo")])`.
    ///
    /// `cron` has five fields: minute, hour, day of month, month, day of week. It counts in the time zone `tz`. `overlap` says
    /// what happens when a run of the schedule is still open: `"skip"`, `"queue"`, `"allow"` or `"cancel_running"`. A time that
    /// was missed is made up for once, if it is at most `catch_up` old; without it never. `input` is the input of the runs.
    fn schedule<'v>(
        #[starlark(require = pos)] cron: &str,
        #[starlark(require = named, default = "UTC")] tz: &str,
        #[starlark(require = named, default = "skip")] overlap: &str,
        #[starlark(require = named, default = absent())] catch_up: DurationArg<'v>,
        #[starlark(require = named, default = UnpackDictEntries::default())] input: UnpackDictEntries<String, Value<'v>>,
    ) -> anyhow::Result<Trigger> {
        anyhow::ensure!(
            looks_like_cron(cron),
            "schedule: {cron:?} is no cron expression; it has five fields: minute, hour, day of month, month, day of week"
        );
        let zone = !tz.is_empty() && tz.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
        anyhow::ensure!(zone, "tz: {tz:?} is no name of a time zone, such as \"Europe/Oslo\"");
        let input = input
            .entries
            .into_iter()
            .map(|(name, value)| Ok((name.clone(), to_json(value).map_err(|error| anyhow::anyhow!("input: {name}: {error}"))?)))
            .collect::<anyhow::Result<Map<String, Json>>>()?;
        Ok(Trigger(TriggerData::Schedule(ScheduleTrigger {
            cron: cron.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
            tz: tz.to_owned(),
            overlap: one_of("overlap", overlap, &Overlap::ALL)?,
            catch_up_ms: duration_or("catch_up", catch_up, 0)?,
            input,
        })))
    }
}
