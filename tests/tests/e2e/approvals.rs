//! People decide: by command line, by API, by a link, twice, at once, too late.

use serde_json::{Value, json};
use sortie_tests::http::{self, Response};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::{flows, limits, wait};

const MERGE: &str = r#"
flow(name = "merge", description = "People decide", deadline = "10m")

def run(ctx, input):
    ok = approval("merge", title = "Merge <b>the fix</b>?", text = "It is\nsafe.", approvers = ["leads"], timeout = "5m")
    return {"approved": ok.approved, "outcome": ok.outcome, "by": ok.by}
"#;

struct Asked {
    it: Installation,
    run: Run,
    id: String,
    revision: String,
}

impl Asked {
    fn new() -> Self {
        let mut it = Installation::new(|port| port);
        it.start();
        flows::publish(&it, "merge", MERGE);
        let run = Run::start(&it, "merge", &json!({}));
        let row =
            wait::until("the approval is asked for", limits::SOON, || it.look("/v1/approvals")?["approvals"].as_array()?.first().cloned());
        let (id, revision) = (row["id"].as_str().unwrap().to_owned(), row["revision"].to_string());
        Self { it, run, id, revision }
    }

    fn link(&self, name: &str) -> String {
        let made = self.it.cli(&["approval", "link", &self.id, "--for", name, "--role", "leads", "--expires", "1h"]);
        let url = made.data()["url"].as_str().unwrap().to_owned();
        url[url.find("/v1/").unwrap()..].to_owned()
    }

    fn open(&self, method: &str, target: &str, body: &str) -> Response {
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        http::send(self.it.callbacks, method, target, &headers, body.as_bytes()).unwrap()
    }

    fn votes(&self) -> Vec<Value> {
        self.run.events(&self.it, "approval_voted")
    }
}

#[test]
fn a_decision_names_the_revision_that_it_saw() {
    let asked = Asked::new();
    let shown = asked.it.cli(&["approval", "show", &asked.id]);
    assert_eq!((&shown.data()["title"], &shown.data()["open"]), (&json!("Merge <b>the fix</b>?"), &json!(true)));
    let old = asked.it.cli(&["approval", "approve", &asked.id, "--revision", "1"]);
    assert_eq!((old.code, &old.json["error"]["details"]["reason"]), (5, &json!("wrong_revision")), "{}", old.json);
    assert!(asked.votes().is_empty());
    let yes = asked.it.cli(&["approval", "approve", &asked.id, "--revision", &asked.revision, "--comment", "fine"]);
    assert_eq!(yes.data()["changed"], true, "{}", yes.json);
    let value = asked.run.ended(&asked.it)["value"].clone();
    assert_eq!(value, json!({ "approved": true, "outcome": "approved", "by": ["operator"] }));
    assert_eq!((asked.votes()[0]["via"].as_str(), asked.votes()[0]["comment"].as_str()), (Some("cli"), Some("fine")));
    let again = asked.it.cli(&["approval", "approve", &asked.id, "--revision", &asked.revision]);
    assert!(again.code == 5 || again.json["data"]["changed"] == false, "{}", again.json);
    assert_eq!(asked.votes().len(), 1);
}

#[test]
fn f117_64_decisions_at_once_release_one_effect() {
    let asked = Asked::new();
    let token = std::fs::read_to_string(asked.it.home.join("operator.token")).unwrap();
    let header = format!("Bearer {}", token.trim());
    let (path, port) = (format!("/v1/approvals/{}/vote", asked.id), asked.it.operator);
    let threads: Vec<_> = (0..64)
        .map(|n| {
            let (header, path) = (header.clone(), path.clone());
            let word = if n % 2 == 0 { "approve" } else { "reject" };
            let body = json!({ "decision": word, "revision": asked.revision.parse::<u64>().unwrap() }).to_string();
            std::thread::spawn(move || {
                let headers = [("Authorization", header.as_str()), ("Content-Type", "application/json")];
                http::send(port, "POST", &path, &headers, body.as_bytes()).unwrap()
            })
        })
        .collect();
    let answers: Vec<Response> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    let changed = answers.iter().filter(|answer| answer.status == 200 && answer.json()["data"]["changed"] == true).count();
    assert_eq!((changed, asked.votes().len()), (1, 1), "exactly one decides");
    let outcome = asked.run.ended(&asked.it)["value"]["outcome"].clone();
    let word = if asked.votes()[0]["decision"] == "approve" { "approved" } else { "rejected" };
    assert_eq!(outcome, word);
    asked.run.assert_ended_once(&asked.it);
}

#[test]
fn f117_approve_and_cancel_at_once_have_one_winner() {
    let asked = Asked::new();
    std::thread::scope(|scope| {
        scope.spawn(|| asked.it.cli(&["approval", "approve", &asked.id, "--revision", &asked.revision]));
        scope.spawn(|| asked.it.cli(&["runs", "cancel", &asked.run.id]));
    });
    let ended = asked.run.ended(&asked.it);
    match ended["state"].as_str() {
        Some("succeeded") => assert_eq!(ended["value"]["approved"], true),
        Some("cancelled") => assert_eq!(ended["value"], Value::Null),
        other => panic!("{other:?}: {ended:#}"),
    }
    asked.run.assert_ended_once(&asked.it);
}

#[test]
fn f117_a_link_shows_on_get_and_decides_once_on_post() {
    let asked = Asked::new();
    let link = asked.link("ann@example.org");
    for _ in 0..3 {
        let page = asked.open("GET", &link, "");
        assert_eq!(page.status, 200);
        let text = String::from_utf8(page.body.clone()).unwrap();
        assert!(text.contains("Merge &lt;b&gt;the fix&lt;/b&gt;?") && text.contains("<form") && !text.contains("<script"), "{text}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    }
    assert!(asked.votes().is_empty(), "a mail scanner that opens links decides nothing");
    assert_eq!(asked.open("POST", &link, "decision=maybe").status, 400);
    let done = asked.open("POST", &link, "decision=approve&comment=go");
    assert_eq!(done.status, 200, "{}", String::from_utf8_lossy(&done.body));
    assert_eq!(asked.run.ended(&asked.it)["value"]["by"], json!(["ann@example.org"]));
    let again = asked.open("POST", &link, "decision=reject");
    assert!([200, 409].contains(&again.status), "{}", again.status);
    let votes = asked.votes();
    assert_eq!((votes.len(), &votes[0]["via"], &votes[0]["actor"]), (1, &json!("link"), &json!("ann@example.org")));
}

#[test]
fn a_link_that_was_changed_does_not_hold() {
    let asked = Asked::new();
    let link = asked.link("ann");
    let last = if link.ends_with('A') { "B" } else { "A" };
    let forged = [
        format!("{}{last}", &link[..link.len() - 2]),
        link.replace("rev=", "rev=1"),
        link.split('?').next().unwrap().to_owned(),
        link.replace(&asked.id, "wait_0123456789abcdefghijklmnopqrstuv0123"),
    ];
    let bodies: Vec<(u16, Vec<u8>)> =
        forged.iter().map(|target| asked.open("POST", target, "decision=approve")).map(|a| (a.status, a.body)).collect();
    assert!(bodies.iter().all(|answer| answer.0 == 401 && answer.1 == bodies[0].1), "one shape: {bodies:?}");
    assert!(asked.votes().is_empty());
}
