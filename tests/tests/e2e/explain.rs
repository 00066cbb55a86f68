//! An operator asks: what is it doing, why did it stop, what now?

use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{cli, flows, http, limits, wait};

#[test]
fn a_running_job_is_explained_with_its_host_and_what_it_was_handed() {
    let world = World::new();
    let run = world.job("seen", &world.gate("go"));
    world.started("seen");
    let explained = wait::until("the job was heard of", limits::SOON, || {
        let data = world.it.look(&format!("/v1/runs/{}/explain", run.id))?;
        (data["steps"][0]["attempt"]["state"] == "running").then_some(data)
    });
    let attempt = &explained["steps"][0]["attempt"];
    assert_eq!((&attempt["host"], &attempt["handed"]), (&json!("vm"), &json!("yes")), "{explained:#}");
    assert_eq!(explained["defects"], json!([]), "{explained:#}");
    assert!(explained["waker"]["at"].is_string() && explained["headline"].as_str().unwrap().contains("`work`"), "{explained:#}");
    world.open_gate("go");
    assert_eq!(run.ended(&world.it)["state"], "succeeded");
    let over = world.it.cli(&["runs", "explain", &run.id]);
    assert!(over.data()["waker"].is_null());
    assert!(over.data()["callbacks"].as_array().unwrap().iter().any(|one| one["outcome"] == "accepted"));
}

const FAILS: &str = r#"
flow(name = "fails", description = "Fails", deadline = "10m")

def run(ctx, input):
    fail("\x1b[2Jnot today")
"#;

#[test]
fn f118_a_failure_is_explained_without_terminal_escapes() {
    let world = World::new();
    flows::publish(&world.it, "fails", FAILS);
    let run = Run::start(&world.it, "fails", &json!({}));
    assert_eq!(run.ended(&world.it)["state"], "failed");
    let explained = world.it.cli(&["runs", "explain", &run.id]);
    assert_eq!(explained.data()["failure"]["kind"], "fail", "{}", explained.json);
    assert!(explained.data()["failure"]["advice"].as_str().is_some_and(|advice| advice.len() > 20));
    for args in [["runs", "explain", &run.id, "--text"], ["runs", "history", &run.id, "--text"], ["dead", "show", &run.id, "--text"]] {
        let mut command = cli::command(&world.it.home);
        command.args(args);
        let output = cli::output(command);
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("not today"), "{args:?}");
    }
}

#[test]
fn metrics_are_for_operators_only() {
    let world = World::new();
    assert_eq!(http::send(world.it.operator, "GET", "/metrics", &[], b"").unwrap().status, 401);
    let token = std::fs::read_to_string(world.it.home.join("operator.token")).unwrap();
    let header = format!("Bearer {}", token.trim());
    let answer = http::send(world.it.operator, "GET", "/metrics", &[("Authorization", &header)], b"").unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(text.contains("sortie_dead_letters 0\n") && text.contains("sortie_host_open_attempts{host=\"vm\"} 0"), "{text}");
}
