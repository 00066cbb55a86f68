//! Arguments that several builtins take: durations, schemas, references, paths.

use crate::duration;
use crate::json::to_json;
use crate::limits::REFERENCE_CHARS;
use crate::values::plain::Secret;
use crate::values::reference::WaitReference;
use serde_json::Value as Json;
use sortie_core::call::Reference;
use starlark::values::none::NoneOr;
use starlark::values::type_repr::StarlarkTypeRepr;
use starlark::values::{UnpackValue, Value, ValueOfUnchecked};

/// A duration that may stay away. The type checker sees `None | str`; the sentence about anything else is ours.
pub type DurationArg<'v> = ValueOfUnchecked<'v, NoneOr<String>>;

/// No duration.
pub fn absent<'v>() -> DurationArg<'v> {
    ValueOfUnchecked::new(Value::new_none())
}

/// Milliseconds of a duration, or what holds where there is none.
///
/// # Errors
/// Not a duration; the sentence names the argument.
pub fn duration_or(argument: &str, value: DurationArg<'_>, default: u64) -> anyhow::Result<u64> {
    let value = value.get();
    if value.is_none() {
        return Ok(default);
    }
    let text = value.unpack_str().ok_or_else(|| {
        anyhow::anyhow!("{argument}: expected a duration as text, such as \"90s\" or \"5m\", got {} {}", value.get_type(), shown(value))
    })?;
    duration::parse(text).map_err(|why| anyhow::anyhow!("{argument}: {why}"))
}

/// Milliseconds of a duration that may stay away.
///
/// # Errors
/// Not a duration; the sentence names the argument.
pub fn some_duration(argument: &str, value: DurationArg<'_>) -> anyhow::Result<Option<u64>> {
    let there = !value.get().is_none();
    Ok(Some(duration_or(argument, value, 0)?).filter(|_| there))
}

/// A JSON Schema that may stay away: a dict, or True or False.
///
/// # Errors
/// Not a schema; the sentence names the argument.
pub fn schema(argument: &str, value: Value<'_>) -> anyhow::Result<Option<Json>> {
    if value.is_none() {
        return Ok(None);
    }
    match to_json(value).map_err(|error| anyhow::anyhow!("{argument}: {error}"))? {
        schema @ (Json::Object(_) | Json::Bool(_)) => Ok(Some(schema)),
        _ => anyhow::bail!("{argument}: expected a JSON Schema as a dict, got {}", value.get_type()),
    }
}

/// One of a few names.
///
/// # Errors
/// Another one; the sentence names the argument and what there is.
pub fn one_of<T: Copy>(argument: &str, text: &str, names: &[(&str, T)]) -> anyhow::Result<T> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let there = names.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        anyhow::anyhow!("{argument}: expected one of {there}, got {text:?}")
    })
}

/// The name of a secret or a connection.
///
/// # Errors
/// Not a name.
pub fn reference_name(what: &str, name: &str) -> anyhow::Result<String> {
    let valid = !name.is_empty()
        && name.len() <= REFERENCE_CHARS
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'));
    anyhow::ensure!(valid, "{what}: {name:?} is no name; use letters, digits, `-`, `_`, `.` and `/`, at most {REFERENCE_CHARS}");
    Ok(name.to_owned())
}

/// A text, or something that only the edge resolves.
#[derive(StarlarkTypeRepr, UnpackValue)]
pub enum TextArg<'v> {
    Text(&'v str),
    Reference(&'v WaitReference),
    Secret(&'v Secret),
}

impl TextArg<'_> {
    /// As the engine carries it.
    ///
    /// # Errors
    /// A text into which a reference was put.
    pub fn reference(&self, argument: &str) -> anyhow::Result<Reference> {
        match self {
            Self::Text(text) => {
                WaitReference::refuse_in(argument, text).map_err(anyhow::Error::msg)?;
                Ok(Reference::Text((*text).to_owned()))
            }
            Self::Reference(reference) => Ok(reference.reference()),
            Self::Secret(secret) => Ok(Reference::Secret(secret.0.clone())),
        }
    }
}

/// Text that the operating system takes as an argument: no NUL, and no reference that was put into it.
///
/// # Errors
/// The sentence names the argument.
pub fn plain(argument: &str, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!text.contains('\0'), "{argument}: has a NUL character");
    WaitReference::refuse_in(argument, text).map_err(anyhow::Error::msg)
}

/// A path below a job's working directory.
///
/// # Errors
/// Empty, absolute, or one that leads out of it.
pub fn relative_path(argument: &str, path: &str) -> anyhow::Result<()> {
    plain(argument, path)?;
    let fine = !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    anyhow::ensure!(fine, "{argument}: {path:?} is no path below the working directory");
    Ok(())
}

/// A value in a sentence, never long.
pub fn shown(value: Value<'_>) -> String {
    let short = |text: String| text.chars().take(60).collect();
    if value.unpack_i32().is_some() || value.unpack_str().is_some() { short(value.to_repr()) } else { String::new() }
}
