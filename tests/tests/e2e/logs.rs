//! Output of jobs, as it is seen while they run.

use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{limits, wait};

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
