//! `flow(...)`: the manifest.

use crate::builtins::args::{DurationArg, absent, duration_or};
use crate::input_type::InputType;
use crate::limits::{DESCRIPTION_CHARS, ENTRY, INPUT_FIELDS, NAME_CHARS};
use crate::manifest::{InputField, Manifest};
use crate::values::context::Context;
use crate::values::optional::Optional;
use sortie_core::limits::RUN_DEADLINE_MS;
use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::none::NoneType;
use starlark::values::typing::TypeCompiled;
use starlark::values::{Heap, Value};

/// Arguments of the manifest that later versions know.
const LATER: [&str; 4] = ["triggers", "concurrency", "notify", "on_exit"];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Declare the flow. Called exactly once, at the top level of `flow.star`.
    ///
    /// `name` is how the flow is run: lower-case letters, digits, `-` and `_`. `input` names the fields of a run's input and
    /// their types (`str`, `int`, `float`, `bool`, `list[...]`, `dict[str, ...]`, `typing.Any`); a field of type `T | None`
    /// may stay away and is then `None`, one of `optional(T, default = ...)` is then its default. `deadline` limits a whole
    /// run; without one it is 24 hours.
    fn flow<'v>(
        #[starlark(require = named)] name: &str,
        #[starlark(require = named, default = "")] description: &str,
        #[starlark(require = named, default = UnpackDictEntries::default())] input: UnpackDictEntries<String, Value<'v>>,
        #[starlark(require = named, default = absent())] deadline: DurationArg<'v>,
        #[starlark(kwargs)] other: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> anyhow::Result<NoneType> {
        let heap = eval.heap();
        let Some(loading) = Context::loading(eval) else {
            anyhow::bail!("flow(...) belongs at the top level of {ENTRY}, not into a function that runs");
        };
        anyhow::ensure!(loading.file == ENTRY, "flow(...) belongs into {ENTRY}, not into {}", loading.file);
        if let Some(name) = other.keys().next() {
            anyhow::ensure!(
                !LATER.contains(&name.as_str()),
                "flow(...) does not take `{name}` yet: this version knows name, description, input and deadline"
            );
            anyhow::bail!("flow(...) has no argument `{name}`; it takes name, description, input and deadline");
        }
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
        };
        anyhow::ensure!(loading.manifest.borrow().is_none(), "flow(...) is called twice; a bundle is one flow");
        *loading.manifest.borrow_mut() = Some(manifest);
        Ok(NoneType)
    }
}

fn is_name(name: &str) -> bool {
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
