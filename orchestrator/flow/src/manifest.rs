//! What a flow says about itself, and the check of a run's input against it.

use crate::input_type::InputType;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sortie_core::limits::{INPUT_BYTES, JSON_DEPTH};
use std::collections::BTreeMap;

/// The call of `flow(...)` in `flow.star`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the flow: lower-case letters, digits and `-`, at most 64.
    pub name: String,
    /// For people.
    pub description: String,
    /// Fields of the input.
    pub input: BTreeMap<String, InputField>,
    /// Time limit of a run in milliseconds; [`sortie_core::limits::RUN_DEADLINE_MS`] where the flow sets none.
    pub deadline_ms: u64,
}

/// One field of the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputField {
    /// What it may hold.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// What it is when it does not come; without one, only a field that allows `None` may stay away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub default: Option<Value>,
}

/// A default of `null` is a default.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Manifest {
    /// The input as the flow will see it: checked, with defaults filled in.
    ///
    /// # Errors
    /// A sentence for each wrong field: its name, what was expected, what came. One sentence a line.
    pub fn check_input(&self, input: &Value) -> Result<Value, String> {
        let empty = Map::new();
        let given = match input {
            Value::Object(map) => map,
            Value::Null => &empty,
            _ => return Err("the input must be a JSON object".to_owned()),
        };
        if depth(input) > JSON_DEPTH {
            return Err(format!("the input is nested more than {JSON_DEPTH} deep"));
        }
        let bytes = input.to_string().len();
        if bytes > INPUT_BYTES {
            return Err(format!("the input has {bytes} bytes of JSON; it may have {INPUT_BYTES}"));
        }
        let (mut checked, mut wrong) = (Map::new(), Vec::new());
        for (name, field) in &self.input {
            match field.take(name, given.get(name)) {
                Ok(value) => drop(checked.insert(name.clone(), value)),
                Err(sentence) => wrong.push(sentence),
            }
        }
        wrong.extend(given.keys().filter(|name| !self.input.contains_key(*name)).map(|name| self.unknown(name)));
        if wrong.is_empty() { Ok(Value::Object(checked)) } else { Err(wrong.join("\n")) }
    }

    fn unknown(&self, name: &str) -> String {
        let name: String = name.chars().take(64).collect();
        match self.input.keys().map(String::as_str).collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => format!("{name}: the flow `{}` takes no input", self.name),
            names => format!("{name}: the flow `{}` has no such input; it takes {names}", self.name),
        }
    }
}

impl InputField {
    fn take(&self, name: &str, given: Option<&Value>) -> Result<Value, String> {
        match (given, &self.default) {
            (Some(value), _) => self.kind.check(name, value).map(|()| value.clone()),
            (None, Some(default)) => Ok(default.clone()),
            (None, None) if self.kind.allows_none() => Ok(Value::Null),
            (None, None) => Err(format!("{name}: expected {}, got nothing", self.kind)),
        }
    }
}

/// Levels of lists and objects, without recursion.
fn depth(value: &Value) -> usize {
    let (mut level, mut layer) = (0, vec![value]);
    while !layer.is_empty() {
        level += 1;
        layer = layer
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let field = |text: &str, default| InputField { kind: InputType::parse(text).unwrap(), default };
        Manifest {
            name: "build".into(),
            description: String::new(),
            input: [("repo", field("str", None)), ("shards", field("int", Some(json!(4)))), ("note", field("str | None", None))]
                .map(|(name, field)| (name.to_owned(), field))
                .into(),
            deadline_ms: 1,
        }
    }

    #[test]
    fn fills_in_defaults() {
        assert_eq!(manifest().check_input(&json!({"repo": "r"})).unwrap(), json!({"repo": "r", "shards": 4, "note": null}));
    }

    #[test]
    fn names_every_wrong_field() {
        let error = manifest().check_input(&json!({"shards": "4", "extra": 1})).unwrap_err();
        for part in
            ["repo: expected str, got nothing", "shards: expected int, got the text \"4\"", "extra: the flow `build` has no such input"]
        {
            assert!(error.contains(part), "{error}");
        }
        assert!(manifest().check_input(&json!([])).is_err());
    }

    #[test]
    fn reads_back_from_json() {
        let text = serde_json::to_string(&manifest()).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest());
    }
}
