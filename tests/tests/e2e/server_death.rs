//! The server dies: while a job runs, and at every step of the effect chain. The run ends once, the job was started once.

use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{limits, wait};

#[test]
fn f001_a_job_outlives_its_session_and_the_server_and_its_result_is_accepted_after_a_restart() {
    let mut world = World::new();
    let run = world.job("once", &(world.gate("go") + "printf '{\"n\": 1}' > \"$SORTIE_RESULT\""));
    world.started("once");
    let attempt = run.attempt(&world.it);
    let _ = run.event(&world.it, "attempt_launched");
    world.it.kill();
    world.sshd.stop();
    world.open_gate("go");
    // The result is spooled while nobody listens.
    let log = world.root.join("jobs").join(attempt).join("events.log");
    let spooled = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"kind\":\"result\""));
    wait::holds("the result is spooled", limits::SOON, spooled);
    world.it.start();
    let shown = run.ended(&world.it);
    assert_eq!((&shown["state"], &shown["value"]["result"]), (&json!("succeeded"), &json!({ "n": 1 })), "{shown:#}");
    assert_eq!(run.event(&world.it, "attempt_result")["via"], "callback", "sshd is down: nothing could be collected");
    assert_eq!(world.recorder.count("once"), 1);
    run.assert_ended_once(&world.it);
    world.sshd.run();
}

/// What a run has to do so that a point is visited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It succeeds.
    Ends,
    /// Its job lives longer than a heartbeat.
    Beats,
    /// It is cancelled while its job runs.
    IsCancelled,
}

fn way(point: &str) -> Way {
    match point {
        "cancel_committed" | "stop_asked" | "stop_answered" | "stop_committed" => Way::IsCancelled,
        "heartbeat_kept" => Way::Beats,
        _ => Way::Ends,
    }
}

/// Start the run under a key; `None` where the server died before it could answer.
fn ask(world: &World, key: &str, script: &str) -> Option<Run> {
    let script = world.recorder.script(key) + script;
    let input = json!({ "host": "vm", "script": script, "timeout": "5m", "started": "2m", "attempts": 1 }).to_string();
    let answer = world.it.cli(&["run", "one-job", "--input", &input, "--idempotency-key", key]);
    if answer.code == 7 {
        return None;
    }
    Some(Run { id: answer.data()["id"].as_str().unwrap().to_owned() })
}

/// Kill the server at one point, at its nth visit, restart it without, and see the run end as it should.
fn killed_at(world: &mut World, point: &str, visit: u32) {
    let word = format!("{point}.{visit}");
    let way = way(point);
    let gate = format!("gate.{word}");
    let result = "printf 1 > \"$SORTIE_RESULT\"";
    // A quick job's result may come instead of its `started`: where a second callback is waited for, the job waits for the first.
    let waits = way != Way::Ends || visit > 1;
    let script = if waits { world.gate(&gate) + result } else { result.to_owned() };
    world.it.start_to_die_at(&format!("{point}:{visit}"));
    world.it.ready();
    let mut run = ask(world, &word, &script);
    if let (Way::IsCancelled, Some(run)) = (way, &run) {
        world.started(&word);
        // The server may die before it answers.
        let _ = world.it.cli(&["runs", "cancel", &run.id]);
    } else if let (Way::Ends, 2.., Some(run)) = (way, visit, &run) {
        let _ = run.event(&world.it, "attempt_started");
        world.open_gate(&gate);
    }
    wait::holds(&format!("the server dies at {word}"), limits::SOON, || !world.it.runs());
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&world.it.ended()), Some(9), "{word}: killed, not ended");
    world.it.start();
    world.open_gate(&gate);
    // The same key is the same run, whether or not it was there already.
    let run = run.take().unwrap_or_else(|| ask(world, &word, &script).expect("a server that lives answers"));
    let shown = run.ended(&world.it);
    let expected = if way == Way::IsCancelled { "cancelled" } else { "succeeded" };
    assert_eq!(shown["state"], expected, "{word}: {shown:#}");
    assert_eq!(world.recorder.count(&word), 1, "{word}: the job is started once");
    run.assert_ended_once(&world.it);
    if way == Way::IsCancelled {
        wait::holds("the stop is verified", limits::SOON, || !run.events(&world.it, "attempt_stopped").is_empty());
    }
    world.it.stop();
}

#[test]
fn f001_killed_at_each_step_of_the_effect_chain_the_run_ends_once_and_the_job_is_started_once() {
    let mut world = World::new();
    world.it.stop();
    for point in sortie::failpoint::NAMES {
        killed_at(&mut world, point, 1);
    }
    world.recorder.assert_no_attempt_twice();
    world.it.start();
    world.assert_no_process_left();
}

#[test]
fn f001_killed_at_the_second_evaluation_and_the_second_callback() {
    let mut world = World::new();
    world.it.stop();
    for point in ["callback_verified", "callback_committed", "evaluation_loaded", "evaluation_committed"] {
        killed_at(&mut world, point, 2);
    }
    world.it.start();
}

#[test]
fn f003_killed_again_while_it_recovers() {
    let mut world = World::new();
    world.it.stop();
    world.it.start_to_die_at("launch_asked");
    world.it.ready();
    let run = world.job("deep", "printf 1 > \"$SORTIE_RESULT\"");
    wait::holds("the server dies", limits::SOON, || !world.it.runs());
    let _ = world.it.ended();
    for point in ["attempt_launching", "launch_answered", "evaluation_loaded"] {
        world.it.start_to_die_at(point);
        wait::holds(&format!("the recovering server dies at {point}"), limits::SOON, || !world.it.runs());
        let _ = world.it.ended();
    }
    world.it.start();
    assert_eq!(run.ended(&world.it)["state"], "succeeded");
    assert_eq!(world.recorder.count("deep"), 1);
    run.assert_ended_once(&world.it);
}

#[test]
fn f004_a_graceful_stop_loses_no_accepted_callback_and_ends_in_time() {
    let mut world = World::new();
    let runs: Vec<_> = (0..8).map(|n| world.job(&format!("job{n}"), &(world.gate("go") + "printf 1 > \"$SORTIE_RESULT\""))).collect();
    for n in 0..runs.len() {
        world.started(&format!("job{n}"));
    }
    let callbacks: Vec<_> = runs
        .iter()
        .map(|run| {
            let attempt = run.attempt(&world.it);
            sortie_tests::callbacks::Callback::result(
                &world.it.home,
                &world.root,
                &attempt,
                1_000,
                &sortie_tests::callbacks::exited(0, json!(2)),
            )
        })
        .collect();
    let port = world.it.callbacks;
    let senders: Vec<_> =
        callbacks.into_iter().map(|callback| std::thread::spawn(move || callback.send(port).ok().map(|answer| answer.status))).collect();
    world.it.terminate();
    let status = world.it.ended();
    assert!(status.success(), "{status}\n{}", world.it.log());
    let answered: Vec<Option<u16>> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    world.it.start();
    for (run, answered) in runs.iter().zip(&answered) {
        match answered {
            Some(200) => assert_eq!(run.events(&world.it, "attempt_result")[0]["result"]["result"], 2, "an accepted callback is on disk"),
            Some(503) | None => {}
            other => panic!("answered with {other:?}"),
        }
    }
    world.open_gate("go");
    for run in &runs {
        assert_eq!(run.ended(&world.it)["state"], "succeeded");
        run.assert_ended_once(&world.it);
    }
}

#[test]
fn f110_a_second_server_on_the_same_home_refuses_and_harms_nobody() {
    let world = World::new();
    let second = world.it.cli(&["serve"]);
    assert_ne!(second.code, 0);
    assert!(second.json["error"]["message"].as_str().unwrap().contains("another process"), "{}", second.json);
    assert_eq!(world.job("after", "true").ended(&world.it)["state"], "succeeded");
}
