//! Between shim and server: answers that are none, a server that is away, an answer that is lost.

use serde_json::json;
use sortie_tests::proxy::{Plan, Proxy};
use sortie_tests::world::{Setup, World};
use sortie_tests::{limits, wait};

const PROXIED: Setup = Setup { ssh_proxy: false, http_proxy: true, dying_shim: false };

/// A job whose every post meets this plan until its result was posted once; then the way is free.
fn meets(plan: Plan) -> (World, sortie_tests::run::Run) {
    let world = World::with(PROXIED);
    world.http().all(plan);
    let run = world.job("once", "printf '{\"n\": 1}' > \"$SORTIE_RESULT\"");
    wait::holds("the result was posted and met the plan", limits::SOON, || {
        let links = world.http().links();
        links.iter().any(|link| link.acted && String::from_utf8_lossy(&link.sent_up).contains("/result?"))
    });
    (world, run)
}

fn delivered_later(world: &World, run: &sortie_tests::run::Run) {
    let attempt = run.attempt(&world.it);
    assert!(run.events(&world.it, "attempt_result").is_empty(), "nothing has reached the server yet");
    let acked = world.root.join("jobs").join(&attempt).join("acked");
    assert!(!acked.exists(), "the shim keeps its result");
    world.http().all(Plan::Pass);
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["result"], json!({ "n": 1 }), "{shown:#}");
    assert_eq!(world.recorder.count("once"), 1);
    run.assert_ended_once(&world.it);
    wait::holds("the shim has its receipt", limits::RETRIED, || acked.exists());
}

#[test]
fn a_proxy_that_says_200_to_everything_delivers_nothing() {
    let page =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\nConnection: close\r\n\r\n{\"outcome\":\"accepted\"}";
    let (world, run) = meets(Plan::Reply(page.to_vec()));
    delivered_later(&world, &run);
}

#[test]
fn f047_a_redirect_is_not_followed_and_delivers_nothing() {
    for status in [302, 307] {
        let trap = Proxy::to(9);
        let page = format!(
            "HTTP/1.1 {status} Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            trap.port
        );
        let (world, run) = meets(Plan::Reply(page.into_bytes()));
        delivered_later(&world, &run);
        assert!(trap.links().is_empty(), "{status}: the token would have leaked");
    }
}

#[test]
fn f043_the_server_is_away_for_the_whole_job_and_gets_its_result_when_it_is_back() {
    let mut world = World::with(PROXIED);
    let run = world.job("once", &(world.gate("go") + "printf '{\"n\": 1}' > \"$SORTIE_RESULT\""));
    world.started("once");
    let attempt = run.attempt(&world.it);
    world.it.kill();
    let before = world.http().links().len();
    world.open_gate("go");
    let tried = || world.http().links()[before..].iter().any(|link| link.over);
    wait::holds("the shim has tried in vain", limits::SOON, tried);
    wait::holds("its result is spooled", limits::SOON, || world.root.join("jobs").join(&attempt).join("exit.json").exists());
    world.it.start();
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["result"], json!({ "n": 1 }), "{shown:#}");
    assert_eq!(world.recorder.count("once"), 1);
    run.assert_ended_once(&world.it);
}

#[test]
fn f039_an_answer_lost_after_the_commit_is_repeated_as_a_duplicate() {
    let world = World::with(PROXIED);
    world.http().all(Plan::SwallowAnswer);
    let run = world.job("once", "printf '{\"n\": 1}' > \"$SORTIE_RESULT\"");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["result"], json!({ "n": 1 }), "{shown:#}");
    let attempt = run.attempt(&world.it);
    let acked = world.root.join("jobs").join(&attempt).join("acked");
    assert!(!acked.exists(), "no answer came through");
    assert!(world.http().answers().contains("\"outcome\":\"accepted\""), "it was given");
    world.http().all(Plan::Pass);
    wait::holds("the shim has its receipt", limits::RETRIED, || acked.exists());
    assert!(world.http().answers().contains("\"outcome\":\"duplicate\""), "{}", world.http().answers());
    assert_eq!(world.recorder.count("once"), 1);
    run.assert_ended_once(&world.it);
}
