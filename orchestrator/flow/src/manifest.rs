//! What a flow says about itself, and the check of a run's input against it.

use crate::input_type::InputType;
use crate::limits::LIMIT_KEY_BYTES;
use crate::trigger::Trigger;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sortie_core::canonical;
use sortie_core::limits::{INPUT_BYTES, JSON_DEPTH};
use sortie_core::plan::{NotifyRule, RunLimit, RunPlan, WhenFull};
use std::collections::BTreeMap;

/// The call of `flow(...)` in `flow.star`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the flow: lower-case letters, digits and `-`, at most 64.
    pub name: String,
    /// For people.
    pub description: String,
    /// Fields of the input.
    pub input: BTreeMap<String, InputField>,
    /// Time limit of a run in milliseconds; [`sortie_core::limits::RUN_DEADLINE_MS`] where the flow sets none.
    pub deadline_ms: u64,
    /// What starts runs. None is `manual()`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// How many runs may go on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Who is told of what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyRule>,
    /// A run that is open for longer is overdue, in milliseconds; part of the deadline where the flow sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_ms: Option<u64>,
    /// Higher goes first, from -100 to 100.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i8,
    /// How long runs that are over are kept, in milliseconds; the installation's own time where the flow sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_ms: Option<u64>,
    /// Whether `flow.star` defines `on_exit(ctx, end)`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_exit: bool,
}

const fn is_zero(priority: &i8) -> bool {
    *priority == 0
}

/// What `limit(...)` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// How many runs, from 1.
    pub at_most: u32,
    /// Runs with the same value at this path of their input are counted together; all runs of the flow where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// What happens to one more.
    #[serde(default)]
    pub full: WhenFull,
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

    /// What is settled about a run with this (checked) input. The caller adds what it knows: `trigger`, `parent` and `depth`,
    /// `forked_from`, `after_older`, a priority of its own.
    #[must_use]
    pub fn plan(&self, input: &Value) -> RunPlan {
        RunPlan {
            deadline_ms: self.deadline_ms,
            on_exit: self.on_exit,
            priority: self.priority,
            limit: self.concurrency.as_ref().map(|limit| RunLimit {
                key: self.limit_key(limit, input),
                at_most: limit.at_most,
                full: limit.full,
            }),
            notify: self.notify.clone(),
            overdue_ms: self.overdue_ms,
            ..RunPlan::default()
        }
    }

    /// The flow's name and the value that its limit counts by, as canonical JSON; the digest of one that is long.
    fn limit_key(&self, limit: &Concurrency, input: &Value) -> String {
        if limit.key.is_empty() {
            return self.name.clone();
        }
        let value = limit.key.iter().try_fold(input, |at, part| at.get(part)).unwrap_or(&Value::Null);
        let text = canonical::json(value);
        let short = if text.len() <= LIMIT_KEY_BYTES { text } else { canonical::digest(text.as_bytes()) };
        format!("{}:{short}", self.name)
    }

    /// The triggers, with `manual` where the flow names none.
    #[must_use]
    pub fn triggers(&self) -> Vec<Trigger> {
        if self.triggers.is_empty() { vec![Trigger::Manual {}] } else { self.triggers.clone() }
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
            ..Manifest::default()
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
    fn a_limit_counts_by_the_value_at_its_path() {
        let limited = |key: &[&str]| Manifest {
            concurrency: Some(Concurrency { at_most: 2, key: key.iter().map(|part| (*part).to_owned()).collect(), full: WhenFull::Skip }),
            ..manifest()
        };
        let key = |path: &[&str], input: Value| limited(path).plan(&input).limit.unwrap().key;
        assert_eq!(key(&[], json!({"repo": "r"})), "build");
        assert_eq!(key(&["repo"], json!({"repo": "r"})), "build:\"r\"");
        assert_eq!(key(&["repo"], json!({})), "build:null");
        assert_eq!(key(&["a", "b"], json!({"a": {"b": {"y": 1, "x": 2}}})), "build:{\"x\":2,\"y\":1}");
        assert_eq!(key(&["repo"], json!({"repo": "r".repeat(1_000)})).len(), "build:".len() + 64);
        assert_eq!(manifest().plan(&json!({})).limit, None);
    }

    #[test]
    fn a_manifest_of_the_first_releases_still_reads() {
        let old = r#"{"name":"a","description":"","input":{},"deadline_ms":1000}"#;
        let read: Manifest = serde_json::from_str(old).unwrap();
        assert_eq!(read, Manifest { name: "a".into(), deadline_ms: 1_000, ..Manifest::default() });
        assert_eq!(serde_json::to_string(&read).unwrap(), old, "and a plain one is written as it was");
        assert_eq!(read.triggers(), [Trigger::Manual {}]);
    }

    #[test]
    fn reads_back_from_json() {
        let text = serde_json::to_string(&manifest()).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest());
    }
}
