//! `kill -9` of the shim between each two of its writes: one start, one result, never lost once spooled.

use crate::vm::Vm;
use sortie_protocol::callback::JobOutcome;

/// Names as in the shim's `failpoint` module.
const POINTS: [&str; 11] = [
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
    "exit.written",
];

#[test]
fn f095_killed_at_each_write_one_start_and_one_result() {
    for point in POINTS {
        let vm = Vm::new();
        std::fs::write(vm.root().join("failpoint"), point).unwrap();
        let spec = vm.sh("att_point0000001", &format!("echo start >> {}; exit 7", vm.scratch("recorder").display()));
        // The first answer may never come; the second is what an orchestrator does then.
        vm.session(&[vm.request(vm.launch_verb(&spec))]);
        vm.launch(&spec);
        let result = vm.collected_result("att_point0000001");
        // The last two points come with the first receipt, which may come after `collect`.
        // Once the acknowledgement is on disk the supervisor may end by itself, before its other thread comes to the point.
        let ended = || point == "acked.written" && vm.root().join("jobs/att_point0000001/acked").exists();
        crate::vm::eventually(&format!("{point} fires"), || !vm.root().join("failpoint").exists() || ended());
        if point == "child.written" {
            assert_eq!((result.outcome, vm.recorded("recorder")), (JobOutcome::Lost, 0), "{point}");
        } else {
            assert_eq!((result.outcome, result.exit_code, vm.recorded("recorder")), (JobOutcome::Exited, Some(7), 1), "{point}");
        }
        // A probe is what calls a successor; one of them comes after the death.
        crate::vm::eventually(&format!("{point}: posted"), || {
            vm.status("att_point0000001");
            vm.server.got().iter().any(|got| got.id.contains(".result."))
        });
        assert_eq!(vm.posted_result("att_point0000001"), result, "{point}");
        let again = vm.collected_result("att_point0000001");
        assert_eq!(again, result, "{point}");
        let results = vm.collect("att_point0000001").iter().filter(|post| post.kind.as_str() == "result").count();
        assert_eq!(results, 1, "{point}");
    }
}

#[test]
fn f095_killed_while_it_ends_a_job_the_successor_ends_it() {
    let vm = Vm::new();
    std::fs::write(vm.root().join("failpoint"), "stop.seen").unwrap();
    vm.launched(&vm.sh("att_point0000002", "trap '' TERM; while :; do sleep 1; done"));
    let view = vm.cancel("att_point0000002");
    assert!(view.tree_gone && !vm.root().join("failpoint").exists());
    assert_eq!(vm.collected_result("att_point0000002").outcome, JobOutcome::Stopped);
}
