//! Judging documents by JSON Schema (draft 2020-12). Compiled schemas are remembered by their digest, bounded.

use crate::limits::SCHEMAS;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use sortie_core::canonical;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Compiled or found not to compile: a function of the schema's text alone, so one memory serves the whole process.
type Compiled = Arc<Result<Validator, String>>;
static COMPILED: LazyLock<Mutex<HashMap<String, Compiled>>> = LazyLock::new(Mutex::default);

/// Whether the document fits the schema; else the place, as a JSON pointer below `at`, and what is wrong there.
/// Away from the threads that serve connections: both sides may be hundreds of kilobytes.
///
/// # Errors
/// For people. Values of the document are not repeated.
pub async fn check(schema: Value, document: Value, at: &'static str) -> Result<(), String> {
    let checked = tokio::task::spawn_blocking(move || judge(&schema, &document, at)).await;
    checked.unwrap_or_else(|_| Err(format!("{at}: the schema could not be applied")))
}

/// Whether a schema can be used at all.
///
/// # Errors
/// For people: what is wrong with it.
pub async fn usable(schema: Value) -> Result<(), String> {
    let compiled = tokio::task::spawn_blocking(move || (*compiled(&schema)).as_ref().map(|_| ()).map_err(Clone::clone)).await;
    compiled.unwrap_or_else(|_| Err("the schema could not be compiled".to_owned()))
}

fn judge(schema: &Value, document: &Value, at: &str) -> Result<(), String> {
    match &*compiled(schema) {
        Err(message) => Err(format!("{at}: the step's schema is not usable: {message}")),
        Ok(validator) => validator.validate(document).map_err(|error| format!("{at}{}: {}", error.instance_path(), error.masked())),
    }
}

fn compiled(schema: &Value) -> Compiled {
    let digest = canonical::digest(schema.to_string().as_bytes());
    let known = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known().get(&digest) {
        return Arc::clone(found);
    }
    // Patterns run in linear time, and nothing is fetched: a reference to outside does not compile.
    let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
    let compiled: Compiled = Arc::new(options.build(schema).map_err(|error| error.to_string()));
    let mut memory = known();
    if memory.len() >= SCHEMAS {
        memory.clear();
    }
    memory.insert(digest, Arc::clone(&compiled));
    compiled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}});
        assert_eq!(judge(&schema, &json!({"a": [1]}), ""), Ok(()));
        let error = judge(&schema, &json!({"a": [1, "canary"]}), "/data/result").unwrap_err();
        assert!(error.starts_with("/data/result/a/1: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn a_schema_that_points_outside_or_does_not_compile_is_said_so() {
        for schema in [json!({"$ref": "http://127.0.0.1:1/x.json"}), json!({"type": 7}), json!({"$ref": "file:///etc/passwd"})] {
            assert!(judge(&schema, &json!(1), "").unwrap_err().contains("not usable"), "{schema}");
        }
    }

    #[test]
    fn huge_numbers_and_slow_patterns_do_no_harm() {
        let number: Value = serde_json::from_str("1e400").unwrap();
        let _ = judge(&json!({"type": "integer", "maximum": 5}), &number, "");
        assert!(judge(&json!({"pattern": "^(a+)+$"}), &json!(format!("{}!", "a".repeat(50_000))), "").is_err());
    }

    #[test]
    fn the_memory_is_bounded() {
        for n in 0..=SCHEMAS + 8 {
            let _ = judge(&json!({"maximum": n}), &json!(0), "");
        }
        assert!(COMPILED.lock().unwrap().len() <= SCHEMAS);
    }
}
