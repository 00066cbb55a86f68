//! Ending jobs early: cancel, time limit, and a cancel that overtakes its launch.

use serde_json::json;
use sortie_tests::proxy::{Plan, Way};
use sortie_tests::world::{Setup, World};
use sortie_tests::{limits, processes, wait};

/// A tree that tries to get away: a session of its own, a double fork, signals ignored, no cookie in one of its environments.
const RUNAWAYS: &str = "trap '' TERM HUP INT\n\
    setsid sh -c 'trap \"\" TERM; sleep 1001' &\n\
    (setsid sh -c '(sleep 1002 &) ; sleep 1003' &)\n\
    env -i sleep 1004 &\n\
    sleep 1005";

#[test]
fn f097_a_cancel_ends_the_whole_tree_and_says_so() {
    let world = World::new();
    let run = world.job("tree", RUNAWAYS);
    let own = |number: &str| {
        processes::all().into_iter().filter(|p| p.line().trim() == format!("sleep {number}")).map(|p| p.pid).collect::<Vec<_>>()
    };
    let mut tree = Vec::new();
    for number in ["1001", "1002", "1003", "1004", "1005"] {
        wait::holds(&format!("sleep {number} runs"), limits::SOON, || !own(number).is_empty());
        tree.extend(own(number));
    }
    let answer = world.it.cli(&["runs", "cancel", &run.id, "--reason", "enough"]);
    assert_eq!(answer.data()["changed"], true);
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    wait::holds("the end is verified and recorded", limits::SOON, || run.events(&world.it, "attempt_stopped").len() == 1);
    assert!(processes::of_jobs(&world.root).is_empty());
    let alive: Vec<u32> = processes::all().into_iter().map(|p| p.pid).filter(|pid| tree.contains(pid)).collect();
    assert_eq!(alive, Vec::<u32>::new(), "the one without a cookie is gone too");
    run.assert_ended_once(&world.it);
    assert_eq!(world.it.cli(&["runs", "cancel", &run.id]).data()["changed"], false, "a second cancel changes nothing");
}

#[test]
fn a_step_that_takes_too_long_is_stopped_on_its_host_and_the_flow_goes_on() {
    let world = World::new();
    let run = world.job_with("slow", "trap '' TERM; sleep 1000 & wait; sleep 1000", json!({ "timeout": "2s" }));
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "succeeded", "a time limit is a branch, not the end of the run: {shown:#}");
    assert_eq!((&shown["value"]["timed_out"], &shown["value"]["kind"]), (&json!(true), &json!("timed_out")), "{shown:#}");
    assert_eq!(shown["value"]["stopped"], true, "the value comes when the end is verified: {shown:#}");
    assert!(processes::of_jobs(&world.root).is_empty());
    assert_eq!(world.recorder.count("slow"), 1);
    run.assert_ended_once(&world.it);
}

#[test]
fn a_cancel_that_overtakes_a_held_launch_frame_leaves_a_tombstone_and_nothing_starts() {
    let mut world = World::with(Setup { ssh_proxy: true, ..Setup::default() });
    // How much is sent on a connection until a launch like the one below is answered.
    world.ssh().cut_off();
    let before = world.ssh().links().len();
    let calibration = world.job("held", "true");
    let _ = calibration.event(&world.it, "attempt_launched");
    let sent = world.ssh().links()[before].up;
    let _ = calibration.ended(&world.it);
    world.ssh().cut_off();

    let held = world.ssh().links().len();
    world.ssh().next(Plan::Hold(Way::Up, sent - 200));
    let run = world.job("held", "true");
    wait::holds("the frame is held back", limits::SOON, || world.ssh().links().get(held).is_some_and(|link| link.acted));
    let attempt = run.attempt(&world.it);
    assert!(!world.root.join("jobs").join(&attempt).exists(), "the host does not know of it");
    // The server dies, its host is out of reach while it comes back, then the cancel is the first thing that gets through.
    world.it.kill();
    world.ssh().away(true);
    world.it.start();
    let _ = run.event(&world.it, "launch_unknown");
    let _ = world.it.cli(&["runs", "cancel", &run.id]).data();
    world.ssh().away(false);
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    let job = world.root.join("jobs").join(&attempt);
    let history = || format!("the cancel leaves a tombstone: {:#}", json!(run.history(&world.it)));
    wait::until_or(history, limits::SOON, || job.join("sealed").exists().then_some(()));
    let sessions = processes::of_shim(&world.root).len();
    assert!(sessions >= 1, "the session of the held frame still waits for the rest of it");
    world.ssh().release();
    // The frame has arrived whole when its session has answered and ended.
    wait::holds("the held session comes to its end", limits::SOON, || processes::of_shim(&world.root).is_empty());
    let link = &world.ssh().links()[held];
    assert!(link.up > sent - 200, "the rest of the frame was delivered");
    assert!(!job.join("spec.json").exists() && !job.join("child.json").exists(), "the tombstone stands alone");
    assert_eq!(world.recorder.count("held"), 1, "only the calibration has run");
    run.assert_ended_once(&world.it);
}
