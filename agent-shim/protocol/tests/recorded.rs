//! F114: messages of every version that is read, as they were recorded. These files are added to, never changed: a shim that was
//! started years ago may still write them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sortie_protocol::callback::{CallbackBody, CallbackKind, Heartbeat, JobResult, Started};
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Answer, Request, Verb};
use sortie_protocol::version::{self, OLDEST, VERSION};
use std::path::PathBuf;

/// The recorded lines of a kind, with their version.
fn recorded(kind: &str) -> Vec<(u32, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let of = |v: u32| std::fs::read_to_string(folder.join(format!("v{v}/{kind}.jsonl"))).unwrap();
    let lines: Vec<_> = (OLDEST..=VERSION).flat_map(|v| of(v).lines().map(move |line| (v, line.to_owned())).collect::<Vec<_>>()).collect();
    assert!(!lines.is_empty());
    lines
}

/// What was written is still there after it was read and written again.
fn kept(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.iter().all(|(key, value)| value.is_null() || after.get(key).is_some_and(|after| kept(value, after)))
        }
        (Value::Array(before), Value::Array(after)) => before.len() == after.len() && before.iter().zip(after).all(|(b, a)| kept(b, a)),
        (before, after) => before == after,
    }
}

fn read<T: Serialize + DeserializeOwned>(v: u32, line: &str) -> T {
    assert_eq!(version::check(line.as_bytes()), Ok(()), "{line}");
    let before: Value = serde_json::from_str(line).unwrap();
    assert_eq!(before["v"], v);
    let message: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(kept(&before, &serde_json::to_value(&message).unwrap()), "{line}");
    // A newer writer adds fields that may be ignored, at the head and below it.
    let mut newer = before;
    newer["added_later"] = true.into();
    serde_json::from_value::<T>(newer).unwrap_or_else(|error| panic!("with a field more: {line}: {error}"))
}

#[test]
fn f114_recorded_questions_and_answers_are_read() {
    for (v, line) in recorded("requests") {
        let request: Request = read(v, &line);
        if let Verb::Launch { spec, .. } = request.verb {
            let _spec: Spec = read(v, &spec);
        }
    }
    for (v, line) in recorded("answers") {
        let _answer: Answer = read(v, &line);
    }
}

#[test]
fn f114_recorded_specs_and_posts_are_read() {
    for (v, line) in recorded("specs") {
        let _spec: Spec = read(v, &line);
    }
    for (v, line) in recorded("callbacks") {
        let body: CallbackBody = read(v, &line);
        match body.kind {
            CallbackKind::Started => drop(serde_json::from_value::<Started>(body.data).unwrap()),
            CallbackKind::Heartbeat => drop(serde_json::from_value::<Heartbeat>(body.data).unwrap()),
            CallbackKind::Result => drop(serde_json::from_value::<JobResult>(body.data).unwrap()),
            other => panic!("{other:?} is not recorded"),
        }
    }
}
