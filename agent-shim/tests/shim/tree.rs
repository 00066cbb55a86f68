//! Ending a whole tree.

use crate::vm::{Vm, carriers, eventually, is_alive};
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::Phase;

/// Everything an agent's tools do to survive: sessions of their own, double forks, ignored signals, a stopped process, a cleared
/// environment.
const HYDRA: &str = "
trap '' TERM HUP INT
setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &
(setsid sh -c '(trap \"\" TERM; while :; do sleep 1; done) & exit' &)
env -i setsid sh -c 'while :; do sleep 1; done' &
sh -c 'kill -STOP $$' &
(setsid nohup sleep 1000 >/dev/null 2>&1 &)
echo up > ready
while :; do sleep 1; done";

fn hydra(vm: &Vm, attempt: &str) {
    vm.launched(&vm.sh(attempt, HYDRA));
    eventually("the tree is up", || vm.file(attempt, "work/ready").exists() && carriers(&format!("SORTIE_JOB={attempt}")).len() >= 6);
}

#[test]
fn f097_cancel_ends_daemons_sessions_and_deaf_children() {
    let vm = Vm::new();
    hydra(&vm, "att_hydra0000001");
    let view = vm.cancel("att_hydra0000001");
    assert!(matches!(view.phase, Phase::Finished | Phase::Acked) && view.tree_gone);
    assert_eq!(carriers("SORTIE_JOB=att_hydra0000001"), Vec::<u32>::new());
    let result = vm.posted_result("att_hydra0000001");
    assert_eq!((result.outcome, result.stop_reason.as_deref(), result.tree_gone), (JobOutcome::Stopped, Some("cancelled"), true));
}

#[test]
fn f097_cancel_of_an_orphaned_tree_is_done_by_a_successor() {
    let vm = Vm::new();
    hydra(&vm, "att_hydra0000002");
    let job = vm.process("att_hydra0000002", "child.json", "job").unwrap();
    vm.kill_supervisor("att_hydra0000002");
    assert!(is_alive(job));
    let view = vm.cancel("att_hydra0000002");
    assert!(matches!(view.phase, Phase::Finished | Phase::Acked) && view.tree_gone);
    assert_eq!(carriers("SORTIE_JOB=att_hydra0000002"), Vec::<u32>::new());
    assert_eq!(vm.collected_result("att_hydra0000002").outcome, JobOutcome::Stopped);
}

#[test]
fn what_a_job_leaves_behind_is_ended_before_its_result_is_told() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_leftover0001", "setsid sleep 1000 >/dev/null 2>&1 & exit 0"));
    let result = vm.posted_result("att_leftover0001");
    assert_eq!((result.outcome, result.exit_code, result.tree_gone), (JobOutcome::Exited, Some(0), true));
    assert_eq!(carriers("SORTIE_JOB=att_leftover0001"), Vec::<u32>::new());
}

#[test]
fn a_cancel_after_the_end_changes_nothing() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_after0000001", "exit 4"));
    vm.wait_phase("att_after0000001", Phase::Acked);
    assert_eq!(vm.cancel("att_after0000001").phase, Phase::Acked);
    assert_eq!(vm.collected_result("att_after0000001").outcome, JobOutcome::Exited);
}

#[test]
fn a_cancel_that_cannot_wait_answers_with_the_state_as_it_is() {
    let vm = Vm::new();
    let mut spec = vm.sh("att_nowait000001", "trap '' TERM; echo up > ready; while :; do sleep 1; done");
    spec.grace_ms = 2_000;
    vm.launched(&spec);
    eventually("deaf", || vm.file("att_nowait000001", "work/ready").exists());
    let verb = Verb::Cancel { attempt: "att_nowait000001".into(), reason: "cancelled".into(), wait_ms: 0 };
    let Reply::Cancelled(view) = vm.verb(verb) else { panic!() };
    assert_eq!((view.phase, view.tree_gone), (Phase::Stopping, false));
    vm.posted_result("att_nowait000001");
}
