//! `flow(...)`: the manifest.

use crate::builtins::args::{DurationArg, absent, duration_or, some_duration};
use crate::input_type::InputType;
use crate::limits::{DESCRIPTION_CHARS, ENTRY, INPUT_FIELDS, NAME_CHARS, TRIGGERS};
use crate::manifest::{InputField, Manifest};
use crate::trigger::Trigger as TriggerData;
use crate::values::context::Context;
use crate::values::optional::Optional;
use crate::values::plain::{Limit, Notify, Trigger};
use either::Either;
use sortie_core::limits::RUN_DEADLINE_MS;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::typing::TypeCompiled;
use starlark::values::{Heap, Value};

/// One rule, or several.
type NotifyArg<'v> = Either<&'v Notify, UnpackList<&'v Notify>>;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Declare the flow. Called exactly once, at the top level of `flow.star`.
    ///
    /// `name` is how the flow is run: lower-case letters, digits, `-` and `_`. `input` names the fields of a run's input and
    /// their types (`str`, `int`, `float`, `bool`, `list[...]`, `dict[str, ...]`, `typing.Any`); a field of type `T | None`
    /// may stay away and is then `None`, one of `optional(T, default = ...)` is then its default. `deadline` limits a whole
    /// run; without one it is 24 hours. A run that is open for longer than `overdue` is told of; without it after 80 % of the
    /// deadline.
    ///
    /// `triggers` lists what starts runs: `manual()`, `schedule(...)`, `webhook(...)`. `concurrency = limit(...)` bounds how many
    /// go on at once, `priority` (-100 to 100) says which go first. `notify = notify(...)`, or a list of them, says who is told of
    /// what. `retention` is how long runs that are over are kept.
    ///
    /// A flow may define `def on_exit(ctx, end):` beside `run`. It is called when a run ends, however it ends, after what was open
    /// has been stopped, and has 10 minutes. See `End`.
    fn flow<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named, default = "")] description: &str,
        #[starlark(require = named, default = UnpackDictEntries::default())] input: UnpackDictEntries<String, Value<'v>>,
        #[starlark(require = named, default = absent())] deadline: DurationArg<'v>,
        #[starlark(require = named, default = UnpackList::default())] triggers: UnpackList<&'v Trigger>,
        #[starlark(require = named, default = NoneOr::None)] concurrency: NoneOr<&'v Limit>,
        #[starlark(require = named, default = NoneOr::None)] notify: NoneOr<NotifyArg<'v>>,
        #[starlark(require = named, default = absent())] overdue: DurationArg<'v>,
        #[starlark(require = named, default = 0)] priority: i32,
        #[starlark(require = named, default = absent())] retention: DurationArg<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let heap = eval.heap();
        let Some(loading) = Context::loading(eval) else {
            anyhow::bail!("flow(...) belongs at the top level of {ENTRY}, not into a function that runs");
        };
        anyhow::ensure!(loading.file == ENTRY, "flow(...) belongs into {ENTRY}, not into {}", loading.file);
        anyhow::ensure!(
            is_name(name),
            "name: {name:?} is no flow name; use lower-case letters, digits, `-` and `_`, at most {NAME_CHARS}, starting with a letter"
        );
        anyhow::ensure!(description.chars().count() <= DESCRIPTION_CHARS, "description: may have {DESCRIPTION_CHARS} characters");
        anyhow::ensure!(input.entries.len() <= INPUT_FIELDS, "input: may have {INPUT_FIELDS} fields");
        let manifest = Manifest {
            name: name.to_owned(),
            description: description.to_owned(),
            input: input
                .entries
                .into_iter()
                .map(|(name, kind)| Ok((name.clone(), field(&name, kind, heap)?)))
                .collect::<anyhow::Result<_>>()?,
            deadline_ms: duration_or("deadline", deadline, RUN_DEADLINE_MS)?,
            triggers: triggers.items.iter().map(|trigger| trigger.0.clone()).collect(),
            concurrency: concurrency.into_option().map(|limit| limit.0.clone()),
            notify: match notify.into_option() {
                None => Vec::new(),
                Some(Either::Left(one)) => vec![one.0.clone()],
                Some(Either::Right(several)) => several.items.iter().map(|rule| rule.0.clone()).collect(),
            },
            overdue_ms: some_duration("overdue", overdue)?,
            priority: i8::try_from(priority)
                .ok()
                .filter(|n| (-100..=100).contains(n))
                .ok_or_else(|| anyhow::anyhow!("priority: expected -100 to 100, got {priority}"))?,
            retention_ms: some_duration("retention", retention)?,
            on_exit: false,
        };
        fitting(&manifest)?;
        anyhow::ensure!(loading.manifest.borrow().is_none(), "flow(...) is called twice; a bundle is one flow");
        *loading.manifest.borrow_mut() = Some(manifest);
        Ok(NoneType)
    }
}

/// Triggers and limit have to fit the input that the flow takes.
fn fitting(manifest: &Manifest) -> anyhow::Result<()> {
    let triggers = &manifest.triggers;
    anyhow::ensure!(triggers.len() <= TRIGGERS, "triggers: there may be {TRIGGERS}");
    if let Some(field) = manifest.concurrency.as_ref().and_then(|limit| limit.key.first()) {
        anyhow::ensure!(manifest.input.contains_key(field), "concurrency: the key names `{field}`, which is no field of the input");
    }
    for (at, trigger) in triggers.iter().enumerate() {
        match trigger {
            TriggerData::Manual {} => {}
            TriggerData::Schedule(schedule) => {
                let input = serde_json::Value::Object(schedule.input.clone());
                manifest
                    .check_input(&input)
                    .map_err(|why| anyhow::anyhow!("triggers: the input of schedule({:?}): {why}", schedule.cron))?;
            }
            TriggerData::Webhook(webhook) => {
                let same = |other: &TriggerData| matches!(other, TriggerData::Webhook(other) if other.name == webhook.name);
                anyhow::ensure!(!triggers[..at].iter().any(same), "triggers: there are two webhooks {:?}", webhook.name);
                if let Some(field) = webhook.input.keys().find(|field| !manifest.input.contains_key(*field)) {
                    anyhow::bail!("triggers: webhook({:?}) fills `{field}`, which is no field of the input", webhook.name);
                }
            }
        }
    }
    Ok(())
}

/// Whether a text is the name of a flow or a webhook.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

fn field<'v>(name: &str, kind: Value<'v>, heap: Heap<'v>) -> anyhow::Result<InputField> {
    anyhow::ensure!(!name.is_empty() && name.len() <= NAME_CHARS, "input: {name:?} is no name of a field");
    match Optional::from_value(kind) {
        Some(optional) => Ok(optional.0.clone()),
        None => Ok(InputField { kind: input_type(&format!("input: {name}"), kind, heap)?, default: None }),
    }
}

/// The type that a value of Starlark stands for.
///
/// # Errors
/// It is no type, or none that inputs have; the sentence starts with the place.
pub fn input_type<'v>(place: &str, kind: Value<'v>, heap: Heap<'v>) -> anyhow::Result<InputType> {
    let compiled = TypeCompiled::new(kind, heap)
        .map_err(|_| anyhow::anyhow!("{place}: expected a type such as str or int, got a value of type {}", kind.get_type()))?;
    InputType::parse(&compiled.as_ty().to_string()).map_err(|why| anyhow::anyhow!("{place}: {why}"))
}
