//! Cancel while a tool runs: the agent is asked to end in its own way, and nothing of it survives, however its tool was started.

use super::Scene;
use sortie_tests::clis::Cli;
use sortie_tests::model::Turn;
use sortie_tests::{limits, wait};

each_agent!(leaves_nothing);

fn leaves_nothing(cli: Cli) {
    let scene = Scene::new(cli, |world| {
        // In a session of its own, deaf to what a polite end sends: only a sweep of the whole tree finds it.
        let deaf = format!("trap '' TERM INT HUP; echo $$ > {}; while :; do sleep 0.2; done", world.scratch("deaf").display());
        vec![Turn::shell(format!("setsid sh -c \"{}\" >/dev/null 2>&1 & {}", deaf.replace('$', "\\$"), Scene::gated(world)))]
    });
    let run = scene.run("");
    let _ = scene.tool_runs();
    let deaf = scene.world.scratch("deaf");
    let pid = wait::until("the deaf one runs", limits::SOON, || std::fs::read_to_string(&deaf).ok()?.trim().parse::<u32>().ok());
    let _ = scene.world.it.cli(&["runs", "cancel", &run.id, "--reason", "enough"]).data();
    let shown = run.ended(&scene.world.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    let stopped = run.event(&scene.world.it, "attempt_stopped");
    assert!(run.events(&scene.world.it, "stop_unverified").is_empty(), "{stopped:#}");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the deaf tool lives on as {pid}");
    assert_eq!(scene.model.asked().len(), 1, "no further turn was asked for");
    scene.assert_nothing_left();
}
