//! `examples/long-job`: slices that go on from a checkpoint, and a cleanup whatever happens.

use super::release;
use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};

fn start(world: &World, goal: u32, slice: &str) -> Run {
    let input = json!({ "host": "vm", "goal": goal, "slice": slice, "slices": 5, "scratch": world.scratch("count") });
    Run::start(&world.it, "long-job", &input)
}

#[test]
fn the_count_goes_on_from_slice_to_slice() {
    let world = World::new();
    release(&world, "long-job");
    let run = start(&world, 6, "3s");
    let shown = run.ended(&world.it);
    assert_eq!((&shown["state"], &shown["value"]["counted"]), (&json!("succeeded"), &json!(6)), "{shown:#}");
    assert!(shown["value"]["slices"].as_u64().is_some_and(|slices| slices > 1), "{shown:#}");
    assert!(!world.scratch("count").exists(), "the scratch folder is removed");
    assert!(!run.events(&world.it, "attempt_stopped").is_empty(), "a slice whose time was over was stopped, and that verified");
    run.assert_ended_once(&world.it);
}

#[test]
fn a_cancelled_count_leaves_nothing() {
    let world = World::new();
    release(&world, "long-job");
    let run = start(&world, 1000, "5m");
    wait::holds("the job counts", limits::RETRIED, || world.scratch("count").exists());
    let explained = world.it.cli(&["runs", "explain", &run.id]);
    assert_eq!(explained.code, 0, "{}", explained.json);
    assert_eq!(world.it.cli(&["runs", "cancel", &run.id, "--reason", "enough"]).data()["changed"], true);
    assert_eq!(run.ended(&world.it)["state"], "cancelled");
    assert!(!world.scratch("count").exists(), "the scratch folder is removed");
    world.assert_no_process_left();
    run.assert_ended_once(&world.it);
}
