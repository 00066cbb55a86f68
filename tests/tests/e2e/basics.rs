//! What has to work before anything may fail: jobs, retries, waits, losers, the demo.

use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{cli, flows, limits, processes, wait};
use std::process::Command;

#[test]
fn a_job_runs_on_the_host_and_its_result_is_the_answer_of_the_run() {
    let world = World::new();
    let run = world.job("once", "echo out; printf '{\"answer\": 42}' > \"$SORTIE_RESULT\"");
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "succeeded", "{shown:#}");
    assert_eq!(shown["value"]["result"], json!({ "answer": 42 }));
    assert_eq!(shown["value"]["output"], "out\n");
    run.assert_ended_once(&world.it);
    assert_eq!(world.recorder.count("once"), 1);
}

#[test]
fn a_failed_job_is_tried_again_after_its_backoff_and_then_succeeds() {
    let world = World::new();
    let script = format!("[ -e {mark} ] && exit 0; : > {mark}; exit 7", mark = world.scratch("mark").display());
    let run = world.job_with("twice", &script, json!({ "attempts": 3 }));
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["ok"], true, "{shown:#}");
    assert_eq!(shown["value"]["attempts"], 2);
    assert_eq!(run.events(&world.it, "retry_scheduled").len(), 1);
    assert_eq!(world.recorder.count("twice"), 2);
    world.recorder.assert_no_attempt_twice();
    run.assert_ended_once(&world.it);
}

const WAITS: &str = r#"
flow(name = "waits", input = {}, deadline = "5m")

def run(ctx, input):
    r = wait("review", timeout = "2m", schema = {"type": "object", "required": ["verdict"]})
    return {"ok": r.ok, "value": r.value}
"#;

#[test]
fn a_wait_is_answered_by_curl_with_the_credentials_of_the_command_line() {
    let world = World::new();
    flows::publish(&world.it, "waits", WAITS);
    let run = Run::start(&world.it, "waits", &json!({}));
    let wait_id = run.event(&world.it, "step_scheduled")["wait"].as_str().unwrap().to_owned();
    let file = world.scratch("answer.curl");
    let answer = world.it.cli(&["waits", "credentials", &wait_id, "--out", file.to_str().unwrap()]);
    assert_eq!(answer.data()["file"], file.to_str().unwrap());
    let curl = |body: &str| {
        let output =
            Command::new("curl").args(["-sS", "-K"]).arg(&file).args(["-d", body]).output().expect("curl is missing: run tests/install");
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    assert_eq!(curl(r#"{"no": "verdict"}"#)["outcome"], "invalid", "what does not fit leaves the wait open");
    assert_eq!(curl(r#"{"verdict": "good"}"#)["outcome"], "accepted");
    assert_eq!(curl(r#"{"verdict": "good"}"#)["outcome"], "duplicate");
    assert_eq!(curl(r#"{"verdict": "bad"}"#)["outcome"], "conflict");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "ok": true, "value": { "verdict": "good" } }), "{shown:#}");
    run.assert_ended_once(&world.it);
}

const RACE: &str = r#"
flow(name = "race", input = {"host": str, "fast": str, "slow": str}, deadline = "5m")

def run(ctx, input):
    def shell(name, script):
        return job(name, on = input["host"], command = ["/bin/sh", "-c", script], heartbeat = "1s", grace = "1s", wait = False)
    first = wait_any("first", [shell("slow", input["slow"]), shell("fast", input["fast"])])
    return {"step": first.step, "ok": first.value.ok}
"#;

#[test]
fn losers_of_a_wait_any_are_stopped_on_their_host() {
    let world = World::new();
    flows::publish(&world.it, "race", RACE);
    let fast = world.recorder.script("fast") + &world.gate("go");
    let slow = world.recorder.script("slow") + "sleep 1000";
    let run = Run::start(&world.it, "race", &json!({ "host": "vm", "fast": fast, "slow": slow }));
    world.started("slow");
    world.started("fast");
    world.open_gate("go");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "step": "fast", "ok": true }), "{shown:#}");
    let stopping = run.event(&world.it, "attempt_stopping");
    assert_eq!(stopping["reason"], "superseded");
    wait::holds("the loser is verified to be gone", limits::SOON, || run.events(&world.it, "attempt_stopped").len() == 1);
    assert!(processes::of_jobs(&world.root).is_empty());
}

#[test]
fn the_history_of_a_run_fits_the_published_schema() {
    let world = World::new();
    let script = format!("[ -e {mark} ] && exit 0; : > {mark}; exit 7", mark = world.scratch("mark").display());
    let ended = world.job_with("good", &script, json!({ "attempts": 2 }));
    let cancelled = world.job("bad", "sleep 1000");
    world.started("bad");
    let _ = world.it.cli(&["runs", "cancel", &cancelled.id, "--reason", "enough"]).data();
    flows::publish(&world.it, "waits", WAITS);
    let waiting = Run::start(&world.it, "waits", &json!({}));
    let _ = waiting.event(&world.it, "step_scheduled");
    let schema = world.it.cli(&["schema", "history"]).json;
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    for run in [&ended, &cancelled, &waiting] {
        if run.id != waiting.id {
            let _ = run.ended(&world.it);
        }
        let history = world.it.cli(&["runs", "history", &run.id, "--json"]);
        let _ = history.data();
        let wrong: Vec<String> = validator.iter_errors(&history.json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{:#}", history.json);
    }
    let mut broken = world.it.cli(&["runs", "history", &ended.id, "--json"]).json;
    broken["data"]["events"][0]["seq"] = json!("1");
    assert!(!validator.is_valid(&broken), "the schema says something");
}

#[test]
fn the_demo_succeeds_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(folder.path());
    command.arg("demo").env("TMPDIR", folder.path()).env("HOME", folder.path());
    let output = cli::output(command);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{text}\n{errors}", output.status);
    assert!(text.contains("duplicate"), "a callback is delivered twice:\n{text}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new(), "{text}");
    let mentions = folder.path().display().to_string();
    wait::holds("no process of the demo is left", limits::SOON, || !processes::all().iter().any(|process| process.mentions(&mentions)));
}
