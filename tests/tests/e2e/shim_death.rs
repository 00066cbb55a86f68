//! The shim dies by `kill -9` between each two of its writes: one start, and no result lost that was spooled.

use sortie_tests::world::{Setup, World};
use sortie_tests::{limits, wait};

/// Names as in the shim's `failpoint` module.
const POINTS: [&str; 12] = [
    "claim.renamed",
    "owner.written",
    "gate.waiting",
    "child.written",
    "gate.opened",
    "started.logged",
    "exit.seen",
    "result.logged",
    "receipt.read",
    "acked.written",
    "stop.seen",
    "exit.written",
];

#[test]
fn f095_the_shim_killed_at_each_of_its_writes_one_start_and_one_result() {
    let world = World::with(Setup { dying_shim: true, ..Setup::default() });
    for point in POINTS {
        std::fs::write(world.root.join("failpoint"), point).unwrap();
        let stopped = point == "stop.seen";
        let script = if stopped { "trap '' TERM; while :; do sleep 0.1; done" } else { "printf 1 > \"$SORTIE_RESULT\"; exit 0" };
        let run = world.job_with(point, script, serde_json::json!({ "started": "3s" }));
        if stopped {
            world.started(point);
            let _ = world.it.cli(&["runs", "cancel", &run.id]).data();
        }
        wait::holds(&format!("{point} fires"), limits::SOON, || !world.root.join("failpoint").exists());
        let shown = run.ended(&world.it);
        let starts = world.recorder.count(point);
        match point {
            // Between the record and the gate nobody can know that nothing ran: it is never run again.
            "child.written" => assert_eq!((&shown["value"]["kind"], starts), (&serde_json::json!("lost"), 0), "{point}: {shown:#}"),
            "stop.seen" => assert_eq!((&shown["state"], starts), (&serde_json::json!("cancelled"), 1), "{point}: {shown:#}"),
            _ => assert_eq!((&shown["value"]["result"], starts), (&serde_json::json!(1), 1), "{point}: {shown:#}"),
        }
        run.assert_ended_once(&world.it);
        world.assert_no_process_left();
    }
    world.recorder.assert_no_attempt_twice();
}
