//! One result many times, another one, one too late, one too early.

use serde_json::json;
use sortie_tests::callbacks::{Callback, exited};
use sortie_tests::proxy::{Plan, Way};
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{limits, wait};
use std::sync::{Arc, Barrier};

/// A run whose job waits at the gate `go`, and its attempt.
fn running(world: &World) -> (Run, String) {
    let run = world.job("once", &world.gate("go"));
    world.started("once");
    let attempt = run.attempt(&world.it);
    (run, attempt)
}

fn result(world: &World, attempt: &str, seq: u64, value: i64) -> Callback {
    Callback::result(&world.it.home, &world.root, attempt, seq, &exited(0, json!(value)))
}

#[test]
fn f037_64_parallel_copies_of_a_result_resume_the_run_once() {
    let world = World::new();
    let (run, attempt) = running(&world);
    let callback = result(&world, &attempt, 900, 1);
    let (barrier, port) = (Arc::new(Barrier::new(64)), world.it.callbacks);
    let senders: Vec<_> = (0..64)
        .map(|_| {
            let (barrier, callback) = (Arc::clone(&barrier), callback.clone());
            std::thread::spawn(move || {
                barrier.wait();
                callback.outcome(port)
            })
        })
        .collect();
    let outcomes: Vec<(u16, String)> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    let count = |outcome: &str| outcomes.iter().filter(|(status, found)| *status == 200 && found == outcome).count();
    assert_eq!((count("accepted"), count("duplicate")), (1, 63), "{outcomes:?}");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["result"], 1, "{shown:#}");
    run.assert_ended_once(&world.it);
    assert_eq!(run.events(&world.it, "step_completed").len(), 1);
    assert!(run.events(&world.it, "callback_kept").is_empty(), "copies are no news");
    world.open_gate("go");
}

#[test]
fn f038_another_body_for_a_finished_attempt_is_a_conflict_and_the_first_stands() {
    let world = World::new();
    let (run, attempt) = running(&world);
    assert_eq!(result(&world, &attempt, 900, 1).outcome(world.it.callbacks), (200, "accepted".to_owned()));
    assert_eq!(result(&world, &attempt, 900, 2).outcome(world.it.callbacks), (409, "conflict".to_owned()), "the same id");
    assert_eq!(result(&world, &attempt, 901, 3).outcome(world.it.callbacks), (409, "conflict".to_owned()), "another id");
    assert_eq!(run.ended(&world.it)["value"]["result"], 1);
    assert_eq!(run.events(&world.it, "attempt_result").len(), 1);
    // The job's own result comes after all of them.
    world.open_gate("go");
    let acked = world.root.join("jobs").join(&attempt).join("acked");
    wait::holds("the shim's own result is answered", limits::SOON, || acked.exists());
    let handed = world.it.cli(&["token", "show", &run.id]);
    let outcomes: Vec<&str> =
        handed.data()["attempts"][0]["callbacks"].as_array().unwrap().iter().filter_map(|row| row["outcome"].as_str()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "conflict").count(), 3, "all are kept and shown: {outcomes:?}");
}

#[test]
fn f041_a_result_after_a_cancel_is_late_and_changes_nothing() {
    let world = World::new();
    let (run, attempt) = running(&world);
    let callback = result(&world, &attempt, 900, 1);
    let _ = world.it.cli(&["runs", "cancel", &run.id]).data();
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    let before = run.events(&world.it, "callback_kept").len();
    assert_eq!(callback.outcome(world.it.callbacks), (410, "late".to_owned()));
    assert_eq!(run.shown(&world.it)["state"], "cancelled");
    assert!(run.events(&world.it, "callback_kept").len() >= before, "it may be kept, never resumed");
    assert!(run.events(&world.it, "attempt_result").is_empty());
}

#[test]
fn f040_a_callback_before_the_launch_is_acknowledged_is_accepted() {
    let world = World::with(Setup { ssh_proxy: true, ..Setup::default() });
    let answered = calibrate(&world);
    // The host hears everything; what it answers from the launch on is held back.
    world.ssh().next(Plan::Hold(Way::Down, answered));
    let run = world.job("early", "printf '{\"n\": 1}' > \"$SORTIE_RESULT\"");
    let accepted = run.event(&world.it, "attempt_result");
    assert_eq!(accepted["via"], "callback");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["result"], json!({ "n": 1 }), "{shown:#}");
    assert!(run.events(&world.it, "attempt_launched").is_empty(), "the launch is still not acknowledged");
    assert!(world.ssh().links().last().unwrap().acted, "the answer was held back");
    world.ssh().release();
    run.assert_ended_once(&world.it);
    assert_eq!(world.recorder.count("early"), 1);
}

/// Bytes that a host sends on a connection before it answers a launch.
fn calibrate(world: &World) -> usize {
    world.ssh().cut_off();
    let before = world.ssh().links().len();
    let run = world.job("calibration", "true");
    let _ = run.event(&world.it, "attempt_launched");
    let _ = run.ended(&world.it);
    let link = world.ssh().links().into_iter().nth(before).expect("a connection of its own");
    world.ssh().cut_off();
    // The answer is the last thing that is said, and longer than this.
    link.down - 300
}
