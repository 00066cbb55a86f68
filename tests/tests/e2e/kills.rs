//! The server is killed right after it has committed what somebody asked for: it holds, once, and asking again does no harm (F001).

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::service::{Service, status};
use sortie_tests::{flows, limits, wait};
use std::time::UNIX_EPOCH;

const ASKS: &str = r#"
flow(name = "asks", description = "People decide, then answer", deadline = "10m")

def run(ctx, input):
    ok = approval("go", title = "Go?", timeout = "5m")
    answer = wait("answer", auth = "operator", timeout = "5m")
    return {"approved": ok.approved, "answer": answer.value}
"#;

const CALLS: &str = r#"
flow(name = "calls", description = "One request", deadline = "10m")

SERVICE = connection("service")

def run(ctx, input):
    r = http("ask", url = "/", connection = SERVICE, retry = retry(attempts = 2, backoff = "10ms", on = ["http"]), check = True)
    return r.status
"#;

const WAITS: &str = r#"
flow(name = "waits", description = "Waits for an event", deadline = "10m")

def run(ctx, input):
    return wait_event("deploy", name = "deployed", key = "k", timeout = "5m").payload
"#;

const PARENT: &str = r#"
flow(name = "parent", description = "Starts a run", deadline = "10m")

def run(ctx, input):
    return child("child", flow = "waits", input = {}, timeout = "5m").outcome
"#;

const ONE: &str = r#"
flow(name = "one", description = "One", deadline = "10m")

def run(ctx, input):
    return 1
"#;

fn server() -> Installation {
    let mut it = Installation::new(|port| port);
    it.start();
    it
}

/// Start the server anew so that it dies at this place, ask it for what leads there, and start it again without.
fn killed_at(it: &mut Installation, point: &str, ask: impl FnOnce(&Installation)) {
    let _ = it.stop();
    it.start_to_die_at(point);
    it.ready();
    ask(it);
    dead_and_back(it, point);
}

fn dead_and_back(it: &mut Installation, point: &str) {
    wait::holds(&format!("the server dies at {point}"), limits::SOON, || !it.runs());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&it.ended()), Some(9), "{point}: killed, not ended");
    it.start();
}

/// The first row of a list of the operator API.
fn row(it: &Installation, path: &str, list: &str) -> Value {
    wait::until(&format!("there is something at {path}"), limits::SOON, || it.look(path)?[list].as_array()?.first().cloned())
}

fn runs(it: &Installation, flow: &str) -> Vec<Run> {
    let page = it.look(&format!("/v1/runs?flow={flow}")).unwrap();
    page["runs"].as_array().unwrap().iter().map(|row| Run { id: row["id"].as_str().unwrap().to_owned() }).collect()
}

#[test]
fn f001_killed_after_a_vote_and_after_an_answer_each_counts_once() {
    let mut it = server();
    flows::publish(&it, "asks", ASKS);
    let run = Run::start(&it, "asks", &json!({}));
    let asked = row(&it, "/v1/approvals", "approvals");
    let (id, revision) = (asked["id"].as_str().unwrap(), asked["revision"].to_string());
    let vote = ["approval", "approve", id, "--revision", &revision, "--idempotency-key", "vote"];
    killed_at(&mut it, "vote_committed", |it| assert_ne!(it.cli(&vote).code, 0, "nobody answers"));
    let again = it.cli(&vote);
    assert!(again.code == 5 || again.json["data"]["changed"] == false, "{}", again.json);
    let waits = row(&it, "/v1/waits", "waits");
    let answer = ["waits", "answer", waits["wait"].as_str().unwrap(), "--value", "7", "--idempotency-key", "answer"];
    killed_at(&mut it, "answer_committed", |it| assert_ne!(it.cli(&answer).code, 0, "nobody answers"));
    let again = it.cli(&answer);
    assert!(again.code == 5 || again.json["data"]["changed"] == false, "{}", again.json);
    assert_eq!(run.ended(&it)["value"], json!({ "approved": true, "answer": 7 }));
    assert_eq!(run.events(&it, "approval_voted").len(), 1);
    run.assert_ended_once(&it);
}

#[test]
fn f001_killed_after_a_redrive_the_step_is_done_once_more_and_no_more() {
    let mut it = server();
    let service = Service::start();
    let _ = it.cli(&["connection", "add", "service", "--kind", "http", "--endpoint", &service.url("/"), "--allow-private"]).data();
    flows::publish(&it, "calls", CALLS);
    service.always(status(500));
    let run = Run::start(&it, "calls", &json!({}));
    assert_eq!(run.ended(&it)["state"], "dead");
    let failing = service.seen().len();
    service.always(status(200));
    let redrive = ["dead", "redrive", &run.id, "--idempotency-key", "again"];
    killed_at(&mut it, "reset_committed", |it| assert_ne!(it.cli(&redrive).code, 0, "nobody answers"));
    wait::holds("the run succeeds", limits::RETRIED, || run.shown(&it)["state"] == "succeeded");
    let again = it.cli(&redrive);
    assert!(again.code == 5 || again.json["data"]["changed"] == false, "{}", again.json);
    let mut keys: Vec<String> = service.seen()[failing..].iter().map(|seen| seen.key().to_owned()).collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "one request, though it may have been sent twice");
    assert_eq!(run.events(&it, "run_reset").len(), 1, "{:#}", Value::Array(run.history(&it)));
}

#[test]
fn f001_killed_after_a_child_was_cancelled_both_end_once() {
    let mut it = server();
    flows::publish(&it, "waits", WAITS);
    flows::publish(&it, "parent", PARENT);
    let parent = Run::start(&it, "parent", &json!({}));
    let child = wait::until("the child is made", limits::SOON, || runs(&it, "waits").pop());
    let _ = child.event(&it, "step_scheduled");
    killed_at(&mut it, "child_cancelled", |it| {
        // The server may die before it answers.
        let _ = it.cli(&["runs", "cancel", &parent.id]);
    });
    for run in [&parent, &child] {
        assert_eq!(run.ended(&it)["state"], "cancelled");
        run.assert_ended_once(&it);
    }
    assert_eq!(runs(&it, "waits").len(), 1);
}

#[test]
fn f001_killed_after_a_release_it_is_live_and_there_is_one() {
    let mut it = server();
    let folder = it.folder().join("one");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("flow.star"), ONE).unwrap();
    let _ = it.cli(&["flow", "push", folder.to_str().unwrap()]).data();
    killed_at(&mut it, "released", |it| assert_ne!(it.cli(&["flow", "release", "one"]).code, 0, "nobody answers"));
    let releases = it.cli(&["flow", "releases", "one"]);
    assert_eq!(releases.data()["releases"].as_array().unwrap().len(), 1, "{}", releases.json);
    let run = Run::start(&it, "one", &json!({}));
    assert_eq!(run.ended(&it)["value"], 1);
}

#[test]
fn f001_killed_after_a_time_was_noted_its_run_is_made_once() {
    let mut it = server();
    // Once a day, at the next whole minute that leaves time to stop the server.
    let at = (UNIX_EPOCH.elapsed().unwrap().as_secs() + 8).div_ceil(60) * 60;
    let (minute, hour) = (at / 60 % 60, at / 3_600 % 24);
    let triggers = format!("triggers = [schedule(\"{minute} {hour} * * *\", tz = \"UTC\", catch_up = \"1h\")], deadline");
    flows::publish(&it, "one", &ONE.replace("deadline", &triggers));
    let _ = it.stop();
    let come = || UNIX_EPOCH.elapsed().unwrap().as_secs() >= at;
    assert!(!come(), "this machine is too slow for this test: the time came while the server ran");
    wait::holds("the time has come", limits::RETRIED, come);
    it.start_to_die_at("fires_written");
    dead_and_back(&mut it, "fires_written");
    let run = wait::until("the missed time is made up for", limits::SOON, || runs(&it, "one").pop());
    assert_eq!(run.ended(&it)["value"], 1);
    run.assert_ended_once(&it);
    let done = || it.look("/v1/schedules/one/schedule").is_some_and(|shown| shown["times"][0]["state"] == "started");
    wait::holds("the time is done", limits::SOON, done);
    assert_eq!(runs(&it, "one").len(), 1);
}
