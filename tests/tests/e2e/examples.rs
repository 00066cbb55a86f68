//! The flows in `examples/`, run as their READMEs say.

mod api_pipeline;
mod fix_issue;
mod human_checkpoint;
mod long_job;
mod nightly_backfill;

use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// A copy of an example, so that pushing leaves nothing in the source tree.
fn release(world: &World, name: &str) {
    let copy = world.scratch(name);
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(example(name).join("flow.star"), copy.join("flow.star")).unwrap();
    let _ = world.it.cli(&["flow", "push", copy.to_str().unwrap()]).data();
    let _ = world.it.cli(&["flow", "release", name]).data();
}

/// Somebody with roles; gives the file with their token.
fn operator(world: &World, name: &str, role: &str) -> PathBuf {
    let file = world.scratch(&format!("{name}.token"));
    let _ = world.it.cli(&["operator", "add", name, "--role", role, "--to", file.to_str().unwrap()]).data();
    file
}

/// The question that a run asks, as `sortie approval list` shows it.
pub(super) fn question(world: &World, run: &Run) -> Value {
    wait::until(&format!("{} asks for an approval", run.id), limits::RETRIED, || {
        let listed = world.it.cli(&["approval", "list"]).data().clone();
        listed["approvals"].as_array()?.iter().find(|row| row["run"] == run.id.as_str()).cloned()
    })
}

/// The bytes of the run's resource of this name, as text.
fn kept(world: &World, run: &Run, name: &str) -> String {
    let listed = world.it.cli(&["resource", "list", "--run", &run.id]);
    let rows = listed.data()["resources"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {}", listed.json));
    let file = world.scratch(&format!("{}-{}", run.id, name.replace('/', "-")));
    let _ = world.it.cli(&["resource", "get", row["resource"].as_str().unwrap(), "-o", file.to_str().unwrap()]).data();
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn every_example_passes_the_check_and_says_how_it_is_used() {
    let world = World::new();
    let examples: Vec<PathBuf> = std::fs::read_dir(example("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(examples.len() >= 2, "{examples:?}");
    for path in examples {
        let _ = world.it.cli(&["flow", "check", path.to_str().unwrap()]).data();
        assert!(path.join("README.md").exists(), "{} has no README", path.display());
    }
}

#[test]
fn hello_says_what_the_machine_said() {
    let world = World::new();
    release(&world, "hello");
    let shown = Run::start(&world.it, "hello", &json!({ "host": "vm", "question": "How; are $you?" })).ended(&world.it);
    let said = shown["value"]["said"].as_str().unwrap_or_default();
    assert!(said.ends_with("was asked: How; are $you?\n"), "{shown:#}");
}

#[test]
fn review_publishes_what_was_accepted_from_outside() {
    let world = World::new();
    let _ = world.add_host("other", world.sshd.port).data();
    release(&world, "review");
    let run = Run::start(&world.it, "review", &json!({ "hosts": ["vm", "other"], "task": "fix the build" }));
    let wait = wait::until("the wait is scheduled", limits::SOON, || {
        run.events(&world.it, "step_scheduled").into_iter().find_map(|event| event["wait"].as_str().map(str::to_owned))
    });
    let file = world.scratch("answer.curl");
    let _ = world.it.cli(&["waits", "credentials", &wait, "--out", file.to_str().unwrap()]).data();
    let output = Command::new("curl").args(["-sS", "-K"]).arg(&file).args(["-d", r#"{"verdict": "accept"}"#]).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["outcome"], "accepted", "{output:?}");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["status"], "published", "{shown:#}");
    assert_eq!(shown["value"]["branch"], "agent/work", "{shown:#}");
    run.assert_ended_once(&world.it);
}
