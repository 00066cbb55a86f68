//! `examples/human-checkpoint`: two people say yes, or one says no.

use super::{operator, question, release};
use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{cli, http};
use std::path::Path;

fn start(world: &World) -> Run {
    let input = json!({ "host": "vm", "change": "new schema", "remind": "1m", "escalate": "1h", "patience": "2m" });
    Run::start(&world.it, "human-checkpoint", &input)
}

fn decide(world: &World, token: &Path, word: &str, asked: &Value, comment: &[&str]) -> cli::Answer {
    let revision = asked["revision"].to_string();
    let args = ["approval", word, asked["id"].as_str().unwrap(), "--revision", &revision];
    cli::run_as(&world.it.home, token, &[&args, comment].concat())
}

#[test]
fn two_reviewers_with_comments_have_the_change_applied() {
    let world = World::new();
    let (ada, bob) = (operator(&world, "ada", "reviewers"), operator(&world, "bob", "reviewers"));
    let eve = operator(&world, "eve", "guests");
    release(&world, "human-checkpoint");
    let run = start(&world);
    let asked = question(&world, &run);
    assert_eq!((&asked["title"], &asked["text"]), (&json!("Apply new schema?"), &json!("would apply: new schema\n")), "{asked:#}");
    let silent = decide(&world, &ada, "approve", &asked, &[]);
    assert_ne!(silent.code, 0, "a comment is asked for: {}", silent.json);
    let guest = decide(&world, &eve, "approve", &asked, &["--comment", "me, too"]);
    assert_ne!(guest.code, 0, "a guest is no reviewer: {}", guest.json);

    assert_eq!(decide(&world, &ada, "approve", &asked, &["--comment", "read it"]).data()["changed"], true);
    let after_one = question(&world, &run);
    assert_eq!((&after_one["approved"], &after_one["quorum"]), (&json!(1), &json!(2)), "{after_one:#}");
    assert_eq!(decide(&world, &bob, "approve", &asked, &["--comment", "so did I"]).data()["changed"], true);
    let shown = run.ended(&world.it);
    let value = json!({ "status": "applied", "by": ["ada", "bob"], "said": "applied: new schema" });
    assert_eq!(shown["value"], value, "{shown:#}");
    let comments: Vec<Value> = run.events(&world.it, "approval_voted").iter().map(|vote| vote["comment"].clone()).collect();
    assert_eq!(comments, ["read it", "so did I"]);
    run.assert_ended_once(&world.it);
}

#[test]
fn one_reviewer_by_a_link_rejects_and_nothing_is_applied() {
    let world = World::new();
    release(&world, "human-checkpoint");
    let run = start(&world);
    let asked = question(&world, &run);
    let made = world.it.cli(&["approval", "link", asked["id"].as_str().unwrap(), "--for", "bob", "--role", "reviewers"]);
    let url = made.data()["url"].as_str().unwrap().to_owned();
    let target = &url[url.find("/v1/").unwrap()..];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(http::send(world.it.callbacks, "GET", target, &form, b"").unwrap().status, 200);
    assert!(run.events(&world.it, "approval_voted").is_empty(), "looking decides nothing");
    let said = http::send(world.it.callbacks, "POST", target, &form, b"decision=reject&comment=too+risky").unwrap();
    assert_eq!(said.status, 200, "{}", String::from_utf8_lossy(&said.body));
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "status": "rejected", "by": ["bob"], "why": "too risky" }), "{shown:#}");
    assert_eq!(run.events(&world.it, "attempt_result").len(), 1, "only the plan was made");
    run.assert_ended_once(&world.it);
}
