//! The published schema of histories fits what is printed: every kind of event, and no other.

use super::event;
use crate::cli::HISTORY_SCHEMA;
use serde_json::{Value, json};
use sortie_core::event::{Event, EventBody};

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// One event of every kind, with everything in it that can be.
fn samples() -> Vec<EventBody> {
    let id = |prefix: &str| format!("{prefix}_{}", "0123456789abcdefghijklmnopqrstuv0123");
    let (run, attempt, wait) = (id("run"), id("att"), id("wait"));
    let failure = json!({ "kind": "exit", "message": "exit code 3", "call": 1 });
    let job = json!({ "job": { "on": { "name": "vm" }, "command": ["true"] } });
    let handed = json!({ "host": "vm", "spec_digest": DIGEST, "kid": "key_a", "root": 1, "audience": "https://a.example", "issued_s": 1, "expires_s": 2, "launching_at": 3 });
    [
        json!({ "run_created": { "run": run, "flow": "f", "release": 0, "bundle": DIGEST, "engine": 1, "input": { "deadline_at": 5 }, "deadline_at": 5, "actor": "operator" } }),
        json!({ "run_started": {} }),
        json!({ "step_scheduled": { "call": 1, "step": "s", "spec": job, "deadline_at": 5 } }),
        json!({ "step_scheduled": { "call": 2, "step": "w", "spec": { "wait": {} }, "deadline_at": 5, "wait": wait } }),
        json!({ "step_recorded": { "call": 3, "step": "n", "spec": { "now": {} }, "value": 7 } }),
        json!({ "step_reused": { "call": 3, "step": "n", "spec": { "read": { "of": 1, "what": "progress" } }, "value": 7, "from": run } }),
        json!({ "step_completed": { "call": 2, "value": { "due_at": 1 }, "digest": DIGEST } }),
        json!({ "attempt_scheduled": { "attempt": attempt, "call": 1, "number": 1, "fence": 1 } }),
        json!({ "attempt_launching": { "attempt": attempt, "handed": handed } }),
        json!({ "launch_deferred": { "attempt": attempt, "failure": failure } }),
        json!({ "launch_unknown": { "attempt": attempt, "message": "cut" } }),
        json!({ "attempt_launched": { "attempt": attempt, "created": true, "pid": 7, "boot_id": "b", "containment": "cgroup" } }),
        json!({ "attempt_started": { "attempt": attempt } }),
        json!({ "attempt_suspect": { "attempt": attempt, "last_seen": 9 } }),
        json!({ "attempt_revived": { "attempt": attempt } }),
        json!({ "attempt_result": { "attempt": attempt, "digest": DIGEST, "via": "callback", "result": {}, "failure": failure } }),
        json!({ "attempt_failed": { "attempt": attempt, "failure": failure } }),
        json!({ "attempt_stopping": { "attempt": attempt, "reason": "timed_out" } }),
        json!({ "attempt_stopped": { "attempt": attempt, "evidence": "gone" } }),
        json!({ "stop_unverified": { "attempt": attempt } }),
        json!({ "retry_scheduled": { "call": 1, "after": attempt, "due_at": 11 } }),
        json!({ "try_started": { "call": 4, "number": 1 } }),
        json!({ "try_failed": { "call": 4, "number": 1, "failure": failure, "due_at": 7 } }),
        json!({ "child_started": { "call": 5, "run": run } }),
        json!({ "event_received": { "call": 6, "id": "e-1" } }),
        json!({ "approval_voted": { "call": 7, "actor": "ann", "decision": "approve", "comment": "fine", "revision": 9, "via": "link" } }),
        json!({ "approval_reminded": { "call": 7, "number": 1 } }),
        json!({ "approval_escalated": { "call": 7, "to": ["leads"] } }),
        json!({ "ask_opened": { "call": 1_000_000, "step": "fix: go on?", "of": 1, "attempt": attempt, "ask_seq": 2,
            "ask": { "title": "Go on?", "timeout_ms": 60_000 }, "deadline_at": 5, "id": wait } }),
        json!({ "ask_closed": { "call": 1_000_000, "of": 1, "attempt": attempt, "answer": { "answered": "approved", "by": ["ann"] } } }),
        json!({ "attempt_cloned": { "attempt": attempt, "boot_id": "a", "other_boot_id": "b", "other_instance": "c" } }),
        json!({ "result_adopted": { "attempt": attempt, "digest": DIGEST, "result": {}, "failure": failure, "actor": "ann" } }),
        json!({ "flow_logged": { "lines": [{ "after_call": 1, "text": "hello" }] } }),
        json!({ "run_paused": { "actor": "ann", "reason": "lunch" } }),
        json!({ "run_resumed": { "actor": "ann", "reason": null, "deadline_at": 5 } }),
        json!({ "run_reset": { "keep": 1, "reopen": [1], "actor": "ann", "reason": null, "deadline_at": 5 } }),
        json!({ "terminate_requested": { "actor": "ann", "reason": null } }),
        json!({ "exit_started": { "deadline_at": 5 } }),
        json!({ "exit_ended": {} }),
        json!({ "exit_failed": { "failure": failure } }),
        json!({ "run_overdue": {} }),
        json!({ "notice_sent": { "what": "dead", "about": 7, "to": "chat" } }),
        json!({ "notice_failed": { "what": "dead", "about": 7, "to": "chat", "message": "no route" } }),
        json!({ "callback_kept": { "subject": attempt, "call": 1, "outcome": "late", "digest": DIGEST, "message": "m" } }),
        json!({ "cancel_requested": { "actor": "operator", "reason": null } }),
        json!({ "run_ending": { "outcome": "failed", "value": null, "failure": failure } }),
        json!({ "run_ended": { "outcome": "failed" } }),
        json!({ "run_parked": { "failure": failure } }),
    ]
    .into_iter()
    .map(|body| serde_json::from_value(body).unwrap())
    .collect()
}

fn history(events: &[Value]) -> Value {
    json!({
        "schema": 1,
        "ok": true,
        "data": {
            "run": "run_0123456789abcdefghijklmnopqrstuv0123", "state": "failed", "over": true,
            "last_seq": events.len().max(1), "after": events.len(), "more": false, "events": events,
        },
        "meta": { "next": [] },
    })
}

fn shown() -> Vec<Value> {
    samples().into_iter().enumerate().map(|(at, body)| event(&Event { seq: at as u64 + 1, at: 1_700_000_000_000, body })).collect()
}

#[test]
fn every_kind_of_event_fits_the_published_schema() {
    let schema: Value = serde_json::from_str(HISTORY_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let events = shown();
    for one in &events {
        let errors: Vec<String> = validator
            .iter_errors(&history(std::slice::from_ref(one)))
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{one}: {errors:?}");
    }
    let mut strange = events[1].clone();
    strange["data"]["more"] = 1.into();
    assert!(!validator.is_valid(&history(&[strange])), "a field that nobody documented");
    let mut kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    kinds.dedup();
    assert_eq!(
        json!(kinds),
        schema["$defs"]["event"]["properties"]["kind"]["enum"],
        "the schema names each kind, in the order of the events' type"
    );
}

#[test]
fn times_are_rfc_3339_and_what_a_flow_said_stays_as_it_is() {
    let events = shown();
    assert_eq!(events[0]["at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(events[0]["data"]["deadline_at"], "1970-01-01T00:00:00.005Z");
    assert_eq!(events[0]["data"]["input"], json!({ "deadline_at": 5 }));
    assert_eq!(events[6]["data"]["value"], json!({ "due_at": 1 }));
    assert_eq!(events[8]["data"]["handed"]["expires_at"], "1970-01-01T00:00:02.000Z");
}

#[test]
fn every_kind_of_event_has_words_of_its_own() {
    for event in shown() {
        let (kind, text) = (event["kind"].as_str().unwrap(), event["text"].as_str().unwrap());
        assert!(text != kind && text.contains(' '), "{kind}: {text}");
    }
}
