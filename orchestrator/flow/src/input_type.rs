//! Types of a flow's input fields, as the manifest carries them: checked by the server, without Starlark.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_core::limits::JSON_DEPTH;

/// What a field may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// Anything.
    Any,
    /// `None`: only useful in a union, which makes the field optional.
    None,
    /// True or false.
    Bool,
    /// A whole number of any size.
    Int,
    /// A number; whole ones are taken too.
    Float,
    /// Text.
    Str,
    /// A list whose items are of this type.
    List(Box<InputType>),
    /// A dict with text keys and values of this type.
    Dict(Box<InputType>),
    /// One of these.
    OneOf(Vec<InputType>),
}

impl InputType {
    /// Read a type as Starlark writes it: `str`, `list[int]`, `dict[str, float]`, `int | None`.
    ///
    /// # Errors
    /// A sentence that lists what there is.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_within(text.trim(), JSON_DEPTH)
            .ok_or_else(|| format!("`{text}` is no type of an input field; there are str, int, float, bool, list, dict, list[...], dict[str, ...], typing.Any and unions with `|`"))
    }

    fn parse_within(text: &str, depth: usize) -> Option<Self> {
        let deeper = depth.checked_sub(1)?;
        let parts = split(text, '|');
        if parts.len() > 1 {
            return Some(Self::OneOf(parts.into_iter().map(|part| Self::parse_within(part, deeper)).collect::<Option<_>>()?));
        }
        Some(match text {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "None" => Self::None,
            "list" => Self::List(Box::new(Self::Any)),
            "dict" => Self::Dict(Box::new(Self::Any)),
            "typing.Any" | "any" => Self::Any,
            _ => {
                let (outer, inner) = text.strip_suffix(']')?.split_once('[')?;
                match (outer, split(inner, ',').as_slice()) {
                    ("list", [item]) => Self::List(Box::new(Self::parse_within(item, deeper)?)),
                    ("dict", ["str" | "typing.Any", value]) => Self::Dict(Box::new(Self::parse_within(value, deeper)?)),
                    _ => return None,
                }
            }
        })
    }

    /// Whether `None` is among the values, which makes a field optional.
    #[must_use]
    pub fn allows_none(&self) -> bool {
        match self {
            Self::Any | Self::None => true,
            Self::OneOf(of) => of.iter().any(Self::allows_none),
            _ => false,
        }
    }

    /// Whether a value is of this type; says where in it one is not.
    ///
    /// # Errors
    /// Path within the value, and a sentence.
    pub fn check(&self, path: &str, value: &Value) -> Result<(), String> {
        let expected = || Err(format!("{path}: expected {self}, got {}", describe(value)));
        match (self, value) {
            (Self::Any, _)
            | (Self::None, Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Str, Value::String(_))
            | (Self::Float, Value::Number(_)) => Ok(()),
            (Self::Int, Value::Number(number)) if is_whole(&number.to_string()) => Ok(()),
            (Self::List(of), Value::Array(items)) => {
                items.iter().enumerate().try_for_each(|(at, item)| of.check(&format!("{path}[{at}]"), item))
            }
            (Self::Dict(of), Value::Object(map)) => map.iter().try_for_each(|(key, item)| of.check(&format!("{path}[{key:?}]"), item)),
            (Self::OneOf(of), value) if of.iter().any(|one| one.check(path, value).is_ok()) => Ok(()),
            _ => expected(),
        }
    }
}

/// Whether the text of a JSON number is that of an integer (numbers keep their text).
fn is_whole(number: &str) -> bool {
    number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a bool".to_owned(),
        Value::Number(number) => format!("the number {number}").chars().take(60).collect(),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Split at a separator that stands outside of brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

impl std::fmt::Display for InputType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::None => f.write_str("None"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Str => f.write_str("str"),
            Self::List(of) => write!(f, "list[{of}]"),
            Self::Dict(of) => write!(f, "dict[str, {of}]"),
            Self::OneOf(of) => f.write_str(&of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_types_and_checks_values() {
        for (text, good, bad) in [
            ("str", json!("x"), json!(1)),
            ("int", json!(-3), json!(3.5)),
            ("float", json!(3), json!("3")),
            ("bool", json!(true), json!(0)),
            ("list[int]", json!([1, 2]), json!([1, "2"])),
            ("dict[str, list[str]]", json!({"a": ["b"]}), json!({"a": "b"})),
            ("int | None", json!(null), json!("x")),
            ("typing.Any", json!([{}]), json!(null)),
        ] {
            let kind = InputType::parse(text).unwrap();
            assert_eq!(kind.check("x", &good), Ok(()), "{text}");
            assert!(kind == InputType::Any || kind.check("x", &bad).is_err(), "{text}");
        }
        for text in ["", "list[", "list[int", "dict[int, str]", "set[int]", "int |", &"list[".repeat(200)] {
            assert!(InputType::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_the_place() {
        let error = InputType::parse("dict[str, list[int]]").unwrap().check("shards", &json!({"eu": [1, "two"]})).unwrap_err();
        assert_eq!(error, "shards[\"eu\"][1]: expected int, got the text \"two\"");
    }
}
