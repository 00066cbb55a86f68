//! What starts runs: children, outside events, webhooks, schedules, releases that replace others; and the server dying in between.

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::{flows, http, limits, wait};

fn installation() -> Installation {
    let mut it = Installation::new(|port| port);
    it.start();
    it
}

const PARENT: &str = r#"
flow(name = "parent", description = "Starts a run", input = {"flow": str, "input": dict}, deadline = "10m")

def run(ctx, input):
    c = child("child", flow = input["flow"], input = input["input"], timeout = "5m")
    return {"ok": c.ok, "outcome": c.outcome, "value": c.value}
"#;

const ADDS: &str = r#"
flow(name = "adds", description = "Adds one", input = {"n": int}, deadline = "10m")

def run(ctx, input):
    return input["n"] + 1
"#;

const WAITS: &str = r#"
flow(name = "waits", description = "Waits for an event", input = {"key": str}, deadline = "10m")

def run(ctx, input):
    e = wait_event("deploy", name = "deployed", key = input["key"], timeout = "5m")
    return {"id": e.id, "payload": e.payload}
"#;

#[test]
fn a_child_answers_its_parent_and_a_wrong_input_is_an_answer_too() {
    let it = installation();
    flows::publish(&it, "adds", ADDS);
    flows::publish(&it, "parent", PARENT);
    let shown = Run::start(&it, "parent", &json!({ "flow": "adds", "input": { "n": 1 } })).ended(&it);
    assert_eq!(shown["value"], json!({ "ok": true, "outcome": "succeeded", "value": 2 }), "{shown:#}");
    for input in [json!({ "flow": "adds", "input": { "n": "x" } }), json!({ "flow": "none", "input": {} })] {
        let shown = Run::start(&it, "parent", &input).ended(&it);
        assert_eq!(shown["value"]["ok"], false, "{shown:#}");
    }
}

#[test]
fn f001_killed_between_a_child_and_the_note_of_it_the_child_is_made_once_and_answers() {
    let mut it = installation();
    flows::publish(&it, "adds", ADDS);
    flows::publish(&it, "parent", PARENT);
    let _ = it.stop();
    it.start_to_die_at("child_made");
    it.ready();
    let run = Run::start(&it, "parent", &json!({ "flow": "adds", "input": { "n": 1 } }));
    wait::holds("the server dies", limits::SOON, || !it.runs());
    let _ = it.ended();
    it.start();
    assert_eq!(run.ended(&it)["value"]["value"], 2);
    run.assert_ended_once(&it);
    let runs = it.look("/v1/runs?flow=adds").unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs:#}");
}

#[test]
fn cancelling_a_run_reaches_its_grandchildren() {
    let it = installation();
    flows::publish(&it, "waits", WAITS);
    flows::publish(&it, "parent", PARENT);
    let inner = json!({ "flow": "waits", "input": { "key": "never" } });
    let run = Run::start(&it, "parent", &json!({ "flow": "parent", "input": inner }));
    let one = |flow: &str| it.look(&format!("/v1/runs?flow={flow}")).and_then(|page| page["runs"].get(0).cloned());
    let grandchild = wait::until("the grandchild is made", limits::SOON, || one("waits"));
    let _ = it.cli(&["runs", "cancel", &run.id]).data();
    assert_eq!(run.ended(&it)["state"], "cancelled");
    let grandchild = Run { id: grandchild["id"].as_str().unwrap().to_owned() };
    assert_eq!(grandchild.ended(&it)["state"], "cancelled");
}

fn publish(it: &Installation, key: &str, id: &str, payload: &str) -> Value {
    it.cli(&["event", "publish", "deployed", "--key", key, "--id", id, "--payload", payload]).data().clone()
}

#[test]
fn events_come_early_late_and_twice() {
    let it = installation();
    flows::publish(&it, "waits", WAITS);
    let _ = publish(&it, "early", "e1", "{\"v\": 1}");
    let early = Run::start(&it, "waits", &json!({ "key": "early" })).ended(&it);
    assert_eq!(early["value"], json!({ "id": "e1", "payload": { "v": 1 } }), "an event that came before is kept");
    let late = Run::start(&it, "waits", &json!({ "key": "late" }));
    let _ = late.event(&it, "step_scheduled");
    assert_eq!(publish(&it, "late", "e2", "2")["duplicate"], false);
    assert_eq!(publish(&it, "late", "e2", "3")["duplicate"], true, "the first of an id stands");
    assert_eq!(late.ended(&it)["value"], json!({ "id": "e2", "payload": 2 }));
    late.assert_ended_once(&it);
    assert_eq!(late.events(&it, "event_received").len(), 1);
}

const MINUTE: &str = r#"
flow(name = "tick", description = "Every day", input = {}, deadline = "10m",
     triggers = [schedule("0 3 * * *", tz = "Europe/Oslo", overlap = "skip", catch_up = "1h")])

def run(ctx, input):
    return 1
"#;

#[test]
fn a_schedule_is_listed_held_and_fired_by_hand_once_for_a_key() {
    let it = installation();
    flows::publish(&it, "tick", MINUTE);
    let listed = it.cli(&["schedule", "list"]).data().clone();
    assert_eq!((&listed["schedules"][0]["tz"], &listed["schedules"][0]["paused"]), (&json!("Europe/Oslo"), &json!(false)), "{listed:#}");
    assert!(listed["schedules"][0]["next"].is_string(), "{listed:#}");
    assert_eq!(it.cli(&["schedule", "pause", "tick"]).data()["next"], Value::Null);
    assert_eq!(it.cli(&["schedule", "resume", "tick"]).data()["changed"], true);
    let first = it.cli(&["schedule", "trigger", "tick", "--idempotency-key", "k"]).data().clone();
    let again = it.cli(&["schedule", "trigger", "tick", "--idempotency-key", "k"]).data().clone();
    assert_eq!(first["run"], again["run"]);
    let run = Run { id: first["run"].as_str().unwrap().to_owned() };
    assert_eq!(run.ended(&it)["value"], 1);
    let runs = it.look("/v1/runs?flow=tick").unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs:#}");
    let wrong = it.cli(&["schedule", "backfill", "tick", "--from", "2100-01-01T00:00:00Z", "--to", "2100-01-02T00:00:00Z"]);
    assert_eq!(wrong.code, 2, "{}", wrong.json);
}

#[test]
fn f001_killed_between_a_time_and_its_run_the_run_is_made_once() {
    let mut it = installation();
    flows::publish(&it, "tick", MINUTE);
    let _ = it.stop();
    it.start_to_die_at("fire_started");
    it.ready();
    let fired = it.cli(&["schedule", "trigger", "tick"]).data().clone();
    wait::holds("the server dies", limits::SOON, || !it.runs());
    let _ = it.ended();
    it.start();
    let run = Run { id: fired["run"].as_str().unwrap().to_owned() };
    assert_eq!(run.ended(&it)["value"], 1);
    let started = || it.look("/v1/schedules/tick/schedule").is_some_and(|shown| shown["times"][0]["state"] == "started");
    wait::holds("the time is done", limits::SOON, started);
    assert_eq!(it.look("/v1/runs?flow=tick").unwrap()["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_release_that_supersedes_cancels_the_others_and_one_that_drains_waits_for_them() {
    let it = installation();
    flows::publish(&it, "waits", WAITS);
    let old = Run::start(&it, "waits", &json!({ "key": "old" }));
    let _ = old.event(&it, "step_scheduled");
    let folder = it.folder().join("flows").join("waits");
    std::fs::write(folder.join("flow.star"), WAITS.replace("Waits for an event", "Waits")).unwrap();
    let _ = it.cli(&["flow", "push", folder.to_str().unwrap()]).data();
    let differs = it.cli(&["flow", "diff", "waits"]).data().clone();
    assert!(differs["files"][0]["diff"].as_str().unwrap().contains("+flow(name = \"waits\", description = \"Waits\""), "{differs:#}");
    let _ = it.cli(&["flow", "release", "waits", "--handoff", "drain"]).data();
    let waiting = Run::start(&it, "waits", &json!({ "key": "new" }));
    let shown = waiting.shown(&it);
    assert_eq!(shown["state"], "queued", "it waits for the run of the release before");
    assert_eq!(shown["queue"]["older_release_open"], true, "{shown:#}");
    let actions = it.cli(&["audit", "--limit", "5"]).data()["actions"].clone();
    assert!(actions.as_array().unwrap().iter().any(|row| row["outcome"] == "done" && row["actor"] == "operator"), "{actions:#}");
    let _ = publish(&it, "old", "o", "1");
    assert_eq!(old.ended(&it)["state"], "succeeded");
    let _ = waiting.event(&it, "step_scheduled");
    let _ = it.cli(&["flow", "promote", "waits", "1", "--handoff", "supersede"]).data();
    assert_eq!(waiting.ended(&it)["state"], "cancelled", "superseded");
}

const HOOKED: &str = r#"
flow(name = "hooked", description = "Started from outside", input = {"n": int}, deadline = "10m",
     triggers = [webhook("gh", verify = "github", secret = secret("hook"), input = {"n": "body.issue.number"})])

def run(ctx, input):
    return input["n"]
"#;

fn deliver(it: &Installation, path: &str) -> http::Response {
    let signature = format!("sha256={}", "0".repeat(64));
    let headers = [("X-Hub-Signature-256", signature.as_str()), ("X-GitHub-Delivery", "d"), ("Content-Type", "application/json")];
    http::send(it.callbacks, "POST", path, &headers, b"{}").unwrap()
}

#[test]
fn a_forged_delivery_and_an_unknown_webhook_get_the_same_answer() {
    let it = installation();
    flows::publish(&it, "hooked", HOOKED);
    let forged = deliver(&it, "/v1/hooks/hooked/gh");
    let unknown = deliver(&it, "/v1/hooks/none/gh");
    assert_eq!((forged.status, unknown.status), (401, 401));
    assert_eq!(forged.json(), unknown.json());
    assert!(it.look("/v1/runs?flow=hooked").unwrap()["runs"].as_array().unwrap().is_empty());
}
