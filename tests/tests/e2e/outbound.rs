//! `http` steps against a service that fails, asks to wait, sends elsewhere, and a server that dies around a try.

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::service::{Service, status};
use sortie_tests::{flows, limits, wait};
use std::time::Duration;

const CALLS: &str = r#"
flow(name = "calls", description = "One request", input = {"expect": int}, deadline = "10m")

SERVICE = connection("service")

def run(ctx, input):
    n = now("when")
    r = http("ask", method = "POST", url = "/ask", connection = SERVICE, json = {"n": 1}, expect = [input["expect"]], timeout = "2m",
             retry = retry(attempts = 2, backoff = "10ms", max_backoff = "10s", on = ["http", "unreachable"]), check = True)
    return {"status": r.status, "json": r.json, "attempts": r.attempts}
"#;

const DIRECT: &str = r#"
flow(name = "direct", description = "One request without permission", input = {"url": str}, deadline = "10m")

def run(ctx, input):
    r = http("ask", url = input["url"], timeout = "1m", retry = retry(attempts = 3, backoff = "10ms"))
    return {"ok": r.ok, "kind": r.error.kind if r.error else None, "attempts": r.attempts}
"#;

/// A server with the flow, and the service that its connection leads to.
fn calls() -> (Installation, Service) {
    let mut it = Installation::new(|port| port);
    it.start();
    let service = Service::start();
    let _ = it.cli(&["connection", "add", "service", "--kind", "http", "--endpoint", &service.url("/base"), "--allow-private"]).data();
    flows::publish(&it, "calls", CALLS);
    (it, service)
}

fn ask(it: &Installation) -> Run {
    Run::start(it, "calls", &json!({ "expect": 200 }))
}

/// That all requests were the same one, and how many.
fn assert_one_key(service: &Service, requests: usize) {
    let seen = service.seen();
    assert_eq!(seen.len(), requests, "{seen:#?}");
    for one in &seen {
        assert_eq!((one.method.as_str(), one.target.as_str(), one.json()), ("POST", "/base/ask", json!({ "n": 1 })));
        assert_eq!(one.key(), seen[0].key(), "the same key on every try");
    }
}

#[test]
fn a_service_that_asks_to_wait_is_asked_again_then_with_the_same_key() {
    let (it, service) = calls();
    service.then((503, vec![("Retry-After", "2".to_owned())], "{}"));
    service.then((200, Vec::new(), r#"{"done": true}"#));
    let run = ask(&it);
    let shown = run.ended(&it);
    assert_eq!(shown["value"], json!({ "status": 200, "json": { "done": true }, "attempts": 2 }), "{shown:#}");
    assert_one_key(&service, 2);
    let seen = service.seen();
    let pause = seen[1].at.duration_since(seen[0].at);
    assert!(pause >= Duration::from_secs(2), "the service asked for 2 s; it was asked again after {pause:?}");
    let other = ask(&it);
    assert_eq!(other.ended(&it)["state"], "succeeded");
    assert_ne!(service.seen()[2].key(), seen[0].key(), "another run is another request");
    run.assert_ended_once(&it);
}

#[test]
fn a_dead_letter_of_a_request_is_redriven_when_the_service_is_well_and_keeps_what_was_done() {
    let (it, service) = calls();
    service.always(status(500));
    let run = ask(&it);
    let shown = run.ended(&it);
    assert_eq!(shown["state"], "dead", "{shown:#}");
    assert_one_key(&service, 2);
    let listed = it.cli(&["dead", "list", "--flow", "calls"]);
    assert_eq!(listed.data()["runs"][0]["id"], run.id.as_str(), "{}", listed.json);
    run.assert_ended_once(&it);
    let recorded = run.events(&it, "step_recorded");
    service.always(status(200));
    assert_eq!(it.cli(&["dead", "redrive", &run.id]).data()["changed"], true);
    wait::holds("the run succeeds", limits::RETRIED, || run.shown(&it)["state"] == "succeeded");
    assert_eq!(run.events(&it, "step_recorded"), recorded, "what was done before is kept");
    assert_eq!(service.seen().len(), 3);
    assert!(it.cli(&["dead", "list"]).data()["runs"].as_array().unwrap().is_empty());
}

#[test]
fn f073_a_redirect_is_an_answer_and_is_not_followed() {
    let (it, service) = calls();
    let elsewhere = Service::start();
    service.then((307, vec![("Location", elsewhere.url("/metadata"))], "{}"));
    let run = Run::start(&it, "calls", &json!({ "expect": 307 }));
    assert_eq!(run.ended(&it)["value"]["status"], 307);
    assert_eq!((service.seen().len(), elsewhere.seen().len()), (1, 0));
}

#[test]
fn f073_a_loopback_address_without_permission_is_refused_by_policy_and_nothing_is_sent() {
    let (it, service) = calls();
    flows::publish(&it, "direct", DIRECT);
    let [mapped, named] = ["[::ffff:127.0.0.1]", "localhost"].map(|host| format!("http://{host}:{}/x", service.port));
    for url in [service.url("/x"), mapped, named] {
        let shown = Run::start(&it, "direct", &json!({ "url": url })).ended(&it);
        assert_eq!(shown["value"], json!({ "ok": false, "kind": "policy", "attempts": 1 }), "{url}: {shown:#}");
    }
    let args = ["connection", "add", "service", "--replace", "--kind", "http", "--endpoint", &service.url("/base")];
    let _ = it.cli(&args).data();
    let shown = ask(&it).ended(&it);
    let why = shown["failure"]["message"].as_str().unwrap();
    assert!(shown["state"] == "failed" && why.contains("step `ask` failed: policy"), "{shown:#}");
    assert!(service.seen().is_empty(), "nothing was sent");
}

fn killed_at(point: &str, requests: usize) {
    let (mut it, service) = calls();
    let _ = it.stop();
    it.start_to_die_at(point);
    it.ready();
    let run = ask(&it);
    wait::holds(&format!("the server dies at {point}"), limits::SOON, || !it.runs());
    let _ = it.ended();
    it.start();
    let shown = run.ended(&it);
    assert_eq!((&shown["state"], &shown["value"]["status"]), (&json!("succeeded"), &json!(200)), "{point}: {shown:#}");
    assert_one_key(&service, requests);
    assert_eq!(run.events(&it, "try_started").len(), 2, "{point}: {:#}", Value::Array(run.history(&it)));
    run.assert_ended_once(&it);
}

#[test]
fn f001_killed_before_the_request_it_is_sent_once() {
    killed_at("try_started", 1);
}

#[test]
fn f001_killed_after_the_request_it_is_sent_again_with_the_same_key() {
    killed_at("try_answered", 2);
}
