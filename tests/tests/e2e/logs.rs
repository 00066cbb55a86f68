//! Output of jobs, as it is seen while they run.

use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{cli, limits, wait};

fn shown(world: &World, run: &Run) -> String {
    world.it.cli(&["runs", "logs", &run.id]).data()["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn f093_output_is_seen_while_the_job_runs_also_with_the_callback_path_cut_and_once_only() {
    let world = World::with(Setup { http_proxy: true, ..Setup::default() });
    let script = format!("echo first line\n{}echo second line\n{}echo third line", world.gate("one"), world.gate("two"));
    let run = world.job("talks", &script);
    wait::holds("the first line is seen", limits::SOON, || shown(&world, &run).contains("first line"));
    world.http().away(true);
    world.http().cut_off();
    world.open_gate("one");
    wait::holds("the second line is seen over SSH", limits::SOON, || shown(&world, &run).contains("second line"));
    world.http().away(false);
    world.open_gate("two");
    let ended = run.ended_within(&world.it, limits::RETRIED);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    wait::holds("all of it is seen", limits::SOON, || shown(&world, &run).contains("third line"));
    let text = shown(&world, &run);
    for line in ["first line", "second line", "third line"] {
        assert_eq!(text.matches(line).count(), 1, "what came both ways is kept once: {text:?}");
    }
}

/// Numbered lines, a hundred at a time, each hundred behind a gate.
fn hundreds(world: &World, count: u32) -> String {
    let hundred = |n: u32| world.gate(&format!("hundred.{n}")) + &format!("seq -f 'line %g' {} {}\n", n * 100 + 1, n * 100 + 100);
    (0..count).map(hundred).collect()
}

fn raw(world: &World, run: &Run) -> String {
    let mut command = cli::command(&world.it.home);
    command.args(["runs", "logs", &run.id, "--raw"]);
    String::from_utf8(cli::output(command).stdout).unwrap()
}

#[test]
fn f095_f001_no_line_is_lost_or_shown_twice_when_shim_and_server_die_with_a_chunk_on_its_way() {
    let mut world = World::with(Setup { dying_shim: true, ..Setup::default() });
    world.it.stop();
    // The first chunk is kept, and nobody is told.
    world.it.start_to_die_at("log_kept");
    world.it.ready();
    let run = world.job_with("counts", &hundreds(&world, 3), json!({ "started": "3s" }));
    world.started("counts");
    world.open_gate("hundred.0");
    wait::holds("the server dies", limits::SOON, || !world.it.runs());
    let _ = world.it.ended();
    world.it.start();
    wait::holds("the first hundred is shown", limits::SOON, || shown(&world, &run).ends_with("line 100\n"));
    // The next chunk is answered, and its sender dies: its successor knows nothing of it.
    let point = world.root.join("failpoint");
    std::fs::write(&point, "chunk.sent").unwrap();
    world.open_gate("hundred.1");
    wait::holds("the shim dies", limits::SOON, || !point.exists());
    world.open_gate("hundred.2");
    let ended = run.ended(&world.it);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    wait::holds("all of it is shown", limits::SOON, || shown(&world, &run).ends_with("line 300\n"));
    let expected: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    assert_eq!(raw(&world, &run), expected, "every line once, in order");
    run.assert_ended_once(&world.it);
}
