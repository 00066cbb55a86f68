//! What operators do to runs: hold, resume, end, retry, redrive, look back, take away.

use serde_json::{Value, json};
use sortie_tests::installation::Installation;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, wait};

const ASK: &str = r#"
flow(name = "ask", description = "One answer", deadline = "10m")

def run(ctx, input):
    first = wait("first", auth = "operator", timeout = "5m")
    second = wait("second", auth = "operator", timeout = "5m")
    return {"first": first.value, "second": second.value}
"#;

const GATE: &str = r#"
flow(name = "gate", description = "Fails until a file is there", input = {"file": str}, deadline = "10m")

def run(ctx, input):
    n = now("when")
    r = job("look", on = "vm", command = ["/usr/bin/test", "-e", input["file"]], timeout = "1m", heartbeat = "1s",
            retry = retry(attempts = 2, backoff = "100ms", on = ["exit"]), check = True)
    return {"ok": r.ok, "at": n}
"#;

fn server() -> Installation {
    let mut it = Installation::new(|port| port);
    it.start();
    it
}

/// The id of an open wait of a run, by its step.
fn open_wait(it: &Installation, run: &Run, step: &str) -> String {
    wait::until(&format!("{step} is waited for"), limits::SOON, || {
        let waits = it.look("/v1/waits")?;
        let found = waits["waits"].as_array()?.iter().find(|row| row["run"] == run.id.as_str() && row["name"] == step)?;
        found["wait"].as_str().map(str::to_owned)
    })
}

fn answer(it: &Installation, wait: &str, value: &Value) -> sortie_tests::cli::Answer {
    it.cli(&["waits", "answer", wait, "--value", &value.to_string()])
}

#[test]
fn a_paused_run_takes_answers_and_goes_on_when_it_is_resumed() {
    let it = server();
    flows::publish(&it, "ask", ASK);
    let run = Run::start(&it, "ask", &json!({}));
    let first = open_wait(&it, &run, "first");
    let paused = it.cli(&["runs", "pause", &run.id, "--reason", "lunch"]);
    assert_eq!((&paused.data()["changed"], &paused.data()["state"]), (&json!(true), &json!("paused")));
    assert_eq!(it.cli(&["runs", "pause", &run.id]).data()["changed"], false, "a second pause changes nothing");
    assert_eq!(answer(&it, &first, &json!(1)).code, 0, "answers are taken meanwhile");
    assert_eq!(run.shown(&it)["state"], "paused");
    let explained = it.cli(&["runs", "explain", &run.id]);
    assert_eq!(explained.data()["waker"]["kind"], "operator");
    assert!(explained.data()["held"].as_str().is_some_and(|held| held.contains("lunch")), "{}", explained.json);
    assert_eq!(it.cli(&["runs", "resume", &run.id]).data()["changed"], true);
    let second = open_wait(&it, &run, "second");
    assert_eq!(answer(&it, &second, &json!(2)).code, 0);
    assert_eq!(run.ended(&it)["value"], json!({ "first": 1, "second": 2 }));
    assert_eq!(run.events(&it, "run_paused")[0]["reason"], "lunch");
    run.assert_ended_once(&it);
}

#[test]
fn a_command_about_a_run_that_has_changed_is_refused() {
    let it = server();
    flows::publish(&it, "ask", ASK);
    let run = Run::start(&it, "ask", &json!({}));
    let _ = open_wait(&it, &run, "first");
    let seq = run.shown(&it)["last_seq"].as_u64().unwrap();
    let old = it.cli(&["runs", "pause", &run.id, "--if-seq", &(seq - 1).to_string()]);
    assert_eq!((old.code, old.error()), (5, "conflict"), "{}", old.json);
    assert_eq!(old.json["error"]["details"]["reason"], "changed");
    assert_eq!(it.cli(&["runs", "pause", &run.id, "--if-seq", &seq.to_string()]).data()["changed"], true);
    assert_eq!(it.cli(&["runs", "terminate", &run.id]).data()["changed"], true);
    assert_eq!(run.ended(&it)["over"], true);
    let late = it.cli(&["runs", "resume", &run.id]);
    assert!(late.code == 5 || late.json["data"]["changed"] == false, "a run that is over is not resumed: {}", late.json);
}

#[test]
fn f117_a_key_makes_one_pause_of_two_requests() {
    let it = server();
    flows::publish(&it, "ask", ASK);
    let run = Run::start(&it, "ask", &json!({}));
    let _ = open_wait(&it, &run, "first");
    let pause = || it.cli(&["runs", "pause", &run.id, "--idempotency-key", "k1"]);
    assert_eq!(pause().data()["changed"], true);
    assert_eq!(it.cli(&["runs", "resume", &run.id]).data()["changed"], true);
    let again = pause();
    assert_eq!((&again.data()["changed"], &again.json["meta"]["replayed"]), (&json!(true), &json!(true)), "the first answer again");
    assert_eq!(run.events(&it, "run_paused").len(), 1, "and nothing was paused again");
}

#[test]
fn a_dead_letter_is_listed_explained_redriven_and_keeps_what_was_done() {
    let world = World::new();
    flows::publish(&world.it, "gate", GATE);
    let file = world.scratch("open");
    let run = Run::start(&world.it, "gate", &json!({ "file": file }));
    assert_eq!(run.ended(&world.it)["state"], "dead", "{:#?}", run.history(&world.it));
    let listed = world.it.cli(&["dead", "list", "--flow", "gate"]);
    assert_eq!(listed.data()["runs"][0]["id"], run.id.as_str());
    let explained = world.it.cli(&["dead", "show", &run.id]);
    assert_eq!(explained.json["meta"]["next"][0]["command"], format!("sortie dead redrive {}", run.id));
    assert_eq!(world.it.cli(&["status"]).data()["dead"], 1);
    let failures = world.it.cli(&["runs", "failures", "--since", "1h"]);
    assert_eq!(failures.data()["failures"][0]["flow"], "gate", "{}", failures.json);
    let recorded = run.events(&world.it, "step_recorded").len();
    std::fs::write(&file, "").unwrap();
    let redriven = world.it.cli(&["dead", "redrive", &run.id, "--reason", "the file is there"]);
    assert_eq!(redriven.data()["changed"], true, "{}", redriven.json);
    wait::holds("the run succeeds", limits::RETRIED, || run.shown(&world.it)["state"] == "succeeded");
    assert_eq!(run.events(&world.it, "step_recorded").len(), recorded, "what was done before is kept");
    let fences: Vec<u64> = run.events(&world.it, "attempt_scheduled").iter().map(|data| data["fence"].as_u64().unwrap()).collect();
    assert!(fences.windows(2).all(|pair| pair[0] < pair[1]), "fences only grow: {fences:?}");
    let again = world.it.cli(&["dead", "redrive", &run.id]);
    assert_eq!(again.code, 5, "a run that succeeded is not redriven: {}", again.json);
}

#[test]
fn dead_letters_are_purged_only_when_told_so() {
    let world = World::new();
    flows::publish(&world.it, "gate", GATE);
    let run = Run::start(&world.it, "gate", &json!({ "file": world.scratch("never") }));
    assert_eq!(run.ended(&world.it)["state"], "dead");
    assert_eq!(world.it.cli(&["dead", "purge", &run.id]).code, 2, "without --yes");
    assert_eq!(world.it.cli(&["dead", "purge", "--older-than", "1h", "--yes"]).data()["purged"], json!([]), "it is too young");
    wait::holds("the run owes nothing to its host", limits::SOON, || {
        world.it.cli(&["dead", "purge", &run.id, "--yes"]).data()["purged"] == json!([run.id])
    });
    assert_eq!(world.it.cli(&["runs", "show", &run.id]).code, 3);
}

#[test]
fn a_fork_with_another_input_is_a_new_run_and_reuses_what_fits() {
    let world = World::new();
    flows::publish(&world.it, "gate", GATE);
    let file = world.scratch("there");
    std::fs::write(&file, "").unwrap();
    let run = Run::start(&world.it, "gate", &json!({ "file": world.scratch("missing") }));
    assert_eq!(run.ended(&world.it)["state"], "dead");
    let input = json!({ "file": file }).to_string();
    let forked = world.it.cli(&["runs", "fork", &run.id, "--input", &input]);
    let new = Run { id: forked.data()["id"].as_str().unwrap().to_owned() };
    assert_ne!(new.id, run.id);
    assert_eq!(new.ended(&world.it)["state"], "succeeded");
    assert_eq!(run.shown(&world.it)["state"], "dead", "the old one stays as it is");
}

#[test]
fn a_run_as_a_file_replays_and_a_run_is_shown_as_it_was() {
    let it = server();
    flows::publish(&it, "ask", ASK);
    let run = Run::start(&it, "ask", &json!({}));
    for (step, value) in [("first", 1), ("second", 2)] {
        let wait = open_wait(&it, &run, step);
        assert_eq!(answer(&it, &wait, &json!(value)).code, 0);
    }
    assert_eq!(run.ended(&it)["state"], "succeeded");
    let file = it.folder().join("run.json");
    let exported = it.cli(&["runs", "export", &run.id, "-o", file.to_str().unwrap()]);
    assert_eq!(exported.data()["events"], run.history(&it).len());
    let replayed = it.cli(&["runs", "replay", file.to_str().unwrap()]);
    assert_eq!(replayed.data()["matches"], true, "{}", replayed.json);
    let damaged = std::fs::read_to_string(&file).unwrap().replace("\"value\":{\"first\":1", "\"value\":{\"first\":3");
    std::fs::write(&file, damaged).unwrap();
    assert_eq!(it.cli(&["runs", "replay", file.to_str().unwrap()]).code, 1, "another answer than was recorded is found");
    let then = it.cli(&["runs", "show", &run.id, "--at", "3"]);
    assert_eq!((&then.data()["last_seq"], &then.data()["over"]), (&json!(3), &json!(false)), "{}", then.json);
    assert_eq!(it.cli(&["runs", "show", &run.id, "--at", "1000"]).code, 2);
}
