//! People are told of runs: once, with the same id when the server dies in between, with links that decide only on POST.

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::service::{Seen, Service};
use sortie_tests::{flows, http, limits, wait};

const FAILS: &str = r#"
flow(name = "fails", description = "Fails and tells", deadline = "10m", notify = notify(on = ["failed"], to = connection("ops")))

def run(ctx, input):
    n = now("when")
    fail("the disk is full")
"#;

const ASKS: &str = r#"
flow(name = "asks", description = "Asks people", deadline = "10m")

def run(ctx, input):
    go = approval("go", title = "Ship it?", approvers = ["leads"], notify = connection("ops"), timeout = "5m")
    return {"approved": go.approved, "by": go.by}
"#;

/// A server with a flow, and the service that its people read.
fn told(name: &str, source: &str) -> (Installation, Service) {
    let mut it = Installation::new(|port| port);
    it.start();
    let service = Service::start();
    let _ = it.cli(&["connection", "add", "ops", "--kind", "webhook", "--endpoint", &service.url("/told"), "--allow-private"]).data();
    flows::publish(&it, name, source);
    (it, service)
}

fn first(service: &Service) -> Seen {
    wait::until("somebody is told", limits::SOON, || service.seen().into_iter().next())
}

#[test]
fn a_run_that_fails_tells_its_connection_once() {
    let (mut it, service) = told("fails", FAILS);
    let run = Run::start(&it, "fails", &json!({}));
    assert_eq!(run.ended(&it)["state"], "failed");
    assert_eq!(run.event(&it, "notice_sent")["to"], "ops");
    let message = first(&service).json();
    assert!(message["text"].as_str().unwrap().contains("the disk is full"), "{message:#}");
    assert_eq!((&message["fields"]["run"], &message["links"]), (&json!(run.id), &json!([])), "{message:#}");
    // What was told is not told again by the next server.
    it.stop();
    it.start();
    let other = Run::start(&it, "fails", &json!({}));
    let _ = other.event(&it, "notice_sent");
    let of: Vec<Value> = service.seen().iter().map(|seen| seen.json()["fields"]["run"].clone()).collect();
    assert_eq!(of, [json!(run.id), json!(other.id)]);
}

#[test]
fn f001_killed_after_a_notice_the_repetition_has_the_same_id() {
    let (mut it, service) = told("fails", FAILS);
    it.stop();
    it.start_to_die_at("notice_sent");
    it.ready();
    let run = Run::start(&it, "fails", &json!({}));
    wait::holds("the server dies", limits::SOON, || !it.runs());
    let _ = it.ended();
    it.start();
    let _ = run.event(&it, "notice_sent");
    let seen = service.seen();
    assert_eq!(seen.len(), 2, "{seen:#?}");
    assert_eq!((seen[0].key(), seen[0].json()), (seen[1].key(), seen[1].json()), "the other side can tell that it is the same");
    assert_eq!(seen[0].json()["id"], seen[0].key());
    assert_eq!(run.events(&it, "notice_sent").len(), 1);
    assert_eq!(run.ended(&it)["state"], "failed");
}

#[test]
fn f117_the_link_of_a_notice_decides_nothing_on_get_and_once_on_post() {
    let (it, service) = told("asks", ASKS);
    let run = Run::start(&it, "asks", &json!({}));
    let message = first(&service).json();
    let url = message["links"][0]["url"].as_str().unwrap_or_else(|| panic!("a link: {message:#}")).to_owned();
    let target = &url[url.find("/v1/").unwrap()..];
    let open = |method: &str, body: &[u8]| {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        http::send(it.callbacks, method, target, &headers, body).unwrap().status
    };
    assert_eq!((open("GET", b""), open("GET", b"")), (200, 200));
    assert!(run.events(&it, "approval_voted").is_empty(), "what looks at links in messages decides nothing");
    assert_eq!(open("POST", b"decision=approve"), 200);
    assert_eq!(run.ended(&it)["value"], json!({ "approved": true, "by": ["ops"] }));
    let again = open("POST", b"decision=reject");
    assert!([200, 409].contains(&again), "{again}");
    assert_eq!(run.events(&it, "approval_voted").len(), 1);
    assert_eq!(service.seen().len(), 1);
    let kept = json!(run.history(&it)).to_string() + &it.log();
    assert!(!kept.contains(target), "the link decides, so it is nowhere else");
}
