//! Flows that do harm: a clear failure or a parked run in bounded time, and neighbours that notice nothing (F116).

use serde_json::json;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, wait};
use std::time::{Duration, Instant};

const FLOWS: [(&str, &str); 4] = [
    (
        "nested-loop",
        "    n = 0\n    for a in range(1000000):\n        for b in range(1000000):\n            for c in range(1000000):\n                n += 1\n    return n",
    ),
    ("allocation", "    text = \"xxxxxxxx\"\n    for n in range(40):\n        text = text + text\n    return len(text)"),
    ("recursion", "    def down(n):\n        return down(n + 1) + 1\n    return down(0)"),
    ("calls", "    for n in range(100000):\n        sleep(\"s%d\" % n, \"1ms\", wait = False)\n    return 1"),
];

/// Over, or set aside for an operator; and why.
fn verdict(world: &World, run: &Run) -> (String, String) {
    let path = format!("/v1/runs/{}", run.id);
    wait::until(&format!("{} fails or is parked", run.id), limits::RETRIED, || {
        let shown = world.it.look(&path)?;
        let state = shown["state"].as_str()?.to_owned();
        (shown["over"] == true || state == "parked").then(|| (state, shown["failure"]["kind"].as_str().unwrap_or_default().to_owned()))
    })
}

#[test]
fn f116_hostile_flows_are_ended_in_bounded_time_and_harm_nobody() {
    let world = World::new();
    let neighbour = world.job("neighbour", &world.gate("go"));
    world.started("neighbour");
    for (name, body) in FLOWS {
        flows::publish(
            &world.it,
            name,
            &format!("flow(name = \"{name}\", input = {{}}, deadline = \"5m\")\n\ndef run(ctx, input):\n{body}\n"),
        );
    }
    let began = Instant::now();
    let hostile: Vec<(&str, Run)> = FLOWS.iter().map(|(name, _)| (*name, Run::start(&world.it, name, &json!({})))).collect();
    // Neighbours go on meanwhile.
    let beside = world.job("beside", "true");
    assert_eq!(beside.ended(&world.it)["state"], "succeeded");
    for (name, run) in &hostile {
        let (state, kind) = verdict(&world, run);
        match (state.as_str(), kind.as_str()) {
            ("failed", "flow_limit") => {}
            ("parked", "poison") => assert_eq!(*name, "allocation", "only a process of its own could be stopped: {name}"),
            other => panic!("{name}: {other:?}: {:#}", run.shown(&world.it)),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(90), "in bounded time: {:?}", began.elapsed());
    world.open_gate("go");
    assert_eq!(neighbour.ended(&world.it)["state"], "succeeded");
    assert_eq!(world.job("after", "true").ended(&world.it)["state"], "succeeded");
}
