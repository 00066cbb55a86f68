//! What an operator asks twice is done once.

use serde_json::json;
use sortie_tests::world::World;

#[test]
fn the_same_idempotency_key_makes_one_run() {
    let mut world = World::new();
    let script = world.recorder.script("once");
    let input = json!({ "host": "vm", "script": script, "timeout": "1m", "started": "2m", "attempts": 1 }).to_string();
    let ask = |world: &World| world.it.cli(&["run", "one-job", "--input", &input, "--idempotency-key", "the-key"]);
    let first = ask(&world).data()["id"].clone();
    assert_eq!(ask(&world).data()["id"], first);
    world.it.kill();
    world.it.start();
    assert_eq!(ask(&world).data()["id"], first, "also after the server died");
    let other = world.it.cli(&["run", "one-job", "--input", &input.replace("1m", "3m"), "--idempotency-key", "the-key"]);
    assert_eq!((other.error(), other.code), ("idempotency_key_reused", 5), "{}", other.json);
    assert_eq!(world.it.cli(&["runs", "list"]).data()["runs"].as_array().unwrap().len(), 1);
    let run = sortie_tests::run::Run { id: first.as_str().unwrap().to_owned() };
    assert_eq!(run.ended(&world.it)["state"], "succeeded");
    assert_eq!(world.recorder.count("once"), 1);
}

#[test]
fn exit_codes_say_how_a_run_ended_or_that_it_has_not() {
    let world = World::new();
    let launch = |args: &[&str]| world.it.cli(&[&["launch", "--on", "vm", "--wait"], args].concat());
    assert_eq!(launch(&["--", "true"]).code, 0);
    let failed = launch(&["--", "false"]);
    assert_eq!((failed.code, failed.error()), (1, "run_failed"), "{}", failed.json);
    let running = launch(&["--timeout", "1s", "--limit", "3s", "--", "sleep", "1000"]);
    assert_eq!((running.code, running.error()), (124, "still_running"), "{}", running.json);
    assert_eq!(world.it.cli(&["runs", "show", "run_zzzzzzzz"]).code, 3);
    assert_eq!(world.it.cli(&["run", "no-such-flow"]).code, 3);
    assert_eq!(world.it.cli(&["run"]).code, 2);
    assert_eq!(sortie_tests::cli::run(&world.scratch("nowhere"), &["runs", "list"]).code, 1);
    world.assert_no_process_left();
}

#[test]
fn f117_64_cancels_at_once_end_a_run_once() {
    let world = World::new();
    let run = world.job("once", "sleep 1000");
    world.started("once");
    let token = std::fs::read_to_string(world.it.home.join("operator.token")).unwrap();
    let header = format!("Bearer {}", token.trim());
    let path = format!("/v1/runs/{}/cancel", run.id);
    let port = world.it.operator;
    let asked: Vec<_> = (0..64)
        .map(|_| {
            let (header, path) = (header.clone(), path.clone());
            std::thread::spawn(move || {
                let headers = [("Authorization", header.as_str()), ("Content-Type", "application/json")];
                sortie_tests::http::send(port, "POST", &path, &headers, b"{}").unwrap()
            })
        })
        .collect();
    let answers: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(answers.iter().filter(|answer| answer.json()["data"]["changed"] == true).count(), 1);
    assert_eq!(run.ended(&world.it)["state"], "cancelled");
    assert_eq!(run.events(&world.it, "cancel_requested").len(), 1);
    run.assert_ended_once(&world.it);
}
