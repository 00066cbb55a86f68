//! Limits on memory, processes and disk, and what is said of them.

use crate::vm::{Vm, carriers, eventually};
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::confine::{Containment, JobLimits};
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Refusal, Reply};

/// Whether this machine holds a limit, as the shim says it; tests of a limit run as root, so it does.
fn held(vm: &Vm, attempt: &str) -> JobLimits {
    let child: serde_json::Value = serde_json::from_slice(&std::fs::read(vm.file(attempt, "child.json")).unwrap()).unwrap();
    serde_json::from_value(child["hold"]["held"]["limits"].clone()).unwrap()
}

#[test]
fn f098_a_job_over_its_memory_is_said_to_be_out_of_memory_and_the_shim_lives() {
    let vm = Vm::new();
    let limits = JobLimits { memory_bytes: Some(32 << 20), ..JobLimits::default() };
    // `tail` of an endless line keeps all of it.
    let spec = Spec { limits, ..vm.sh("att_oom000000001", "exec tail /dev/zero") };
    vm.launched(&spec);
    assert_eq!(held(&vm, "att_oom000000001").memory_bytes, Some(32 << 20));
    let result = vm.posted_result("att_oom000000001");
    assert_eq!((result.outcome, result.signal, result.tree_gone), (JobOutcome::Oom, Some(9), true));
    let held = result.held.unwrap();
    assert!(matches!(held.containment, Containment::Cgroup | Containment::SystemUnit), "{held:?}");
    assert_eq!(held.limits.memory_bytes, Some(32 << 20));
    assert!(result.used.unwrap().peak_memory_bytes.is_some_and(|peak| (16 << 20..=33 << 20).contains(&peak)), "{:?}", result.used);
}

#[test]
fn f098_a_kill_by_somebody_else_is_no_want_of_memory() {
    let vm = Vm::new();
    let limits = JobLimits { memory_bytes: Some(64 << 20), ..JobLimits::default() };
    vm.launched(&Spec { limits, ..vm.sh("att_oom000000002", "kill -9 $$") });
    assert_eq!(vm.posted_result("att_oom000000002").outcome, JobOutcome::Signalled);
}

#[test]
fn f098_the_job_goes_before_its_supervisor() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_oomadj000001", "cat /proc/self/oom_score_adj > adj; sleep 60"));
    eventually("told", || std::fs::read_to_string(vm.file("att_oomadj000001", "work/adj")).is_ok_and(|text| text == "500\n"));
    let (owner, _) = vm.process("att_oomadj000001", "owner.json", "process").unwrap();
    let own = std::fs::read_to_string(format!("/proc/{owner}/oom_score_adj")).unwrap();
    assert!(own.trim().parse::<i32>().unwrap() <= 0, "{own}");
}

#[test]
fn f097_a_fork_bomb_stays_in_its_limit_and_is_gone_after_a_cancel() {
    let vm = Vm::new();
    let limits = JobLimits { processes: Some(40), ..JobLimits::default() };
    // bash goes on where it cannot fork.
    let script = r#"exec bash -c 'trap "" TERM; while :; do sleep 1000 & done' 2>/dev/null"#;
    let spec = Spec { limits, ..vm.sh("att_bomb00000001", script) };
    vm.launched(&spec);
    assert_eq!(held(&vm, "att_bomb00000001").processes, Some(40));
    eventually("it has forked", || carriers("SORTIE_JOB=att_bomb00000001").len() > 20);
    assert!(carriers("SORTIE_JOB=att_bomb00000001").len() <= 40);
    let view = vm.cancel("att_bomb00000001");
    assert!(view.tree_gone);
    assert_eq!(carriers("SORTIE_JOB=att_bomb00000001"), Vec::<u32>::new());
    assert_eq!(vm.posted_result("att_bomb00000001").outcome, JobOutcome::Stopped);
}

#[test]
fn f103_a_job_over_its_disk_is_stopped_and_the_reason_said() {
    let vm = Vm::new();
    let limits = JobLimits { disk_bytes: Some(4 << 20), ..JobLimits::default() };
    let script = "mkdir -p a/b; ln -s / root; head -c 8M /dev/zero > a/b/large; touch ready; sleep 60";
    vm.launched(&Spec { limits, ..vm.sh("att_disk00000001", script) });
    let result = vm.posted_result("att_disk00000001");
    assert_eq!((result.outcome, result.stop_reason.as_deref(), result.tree_gone), (JobOutcome::Stopped, Some("disk"), true));
    assert_eq!(result.held.unwrap().limits.disk_bytes, Some(4 << 20));
}

#[test]
fn f014_below_the_floor_nothing_is_started_and_what_runs_is_ended() {
    let vm = Vm::new();
    let none_left = Spec { disk_floor_bytes: u64::MAX, ..vm.sh("att_floor0000001", "true") };
    assert_eq!(vm.refused(vm.launch_verb(&none_left)), Refusal::Resources);
    assert!(!vm.file("att_floor0000001", "").exists(), "nothing is claimed: another host may have it");
    // The disk fills up while it runs: the floor of the spec as claimed is out of reach from its first look on.
    let spec = vm.sh("att_floor0000002", "sleep 60");
    vm.launched(&spec);
    vm.kill_supervisor("att_floor0000002");
    let low = Spec { disk_floor_bytes: u64::MAX, ..spec };
    std::fs::write(vm.file("att_floor0000002", "spec.json"), serde_json::to_vec(&low).unwrap()).unwrap();
    vm.status("att_floor0000002");
    let result = vm.posted_result("att_floor0000002");
    assert_eq!((result.outcome, result.stop_reason.as_deref()), (JobOutcome::Stopped, Some("disk_floor")));
}

#[test]
fn what_a_job_uses_is_in_its_heartbeats_and_its_result() {
    let vm = Vm::new();
    let script = "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; echo done; until [ -e go ]; do sleep 0.02; done";
    let spec = Spec { heartbeat_ms: 50, ..vm.sh("att_used00000001", script) };
    vm.launched(&spec);
    let beat = |got: &crate::server::Got| serde_json::from_value::<sortie_protocol::callback::Heartbeat>(got.callback().data).unwrap();
    let beats = |got: &[crate::server::Got]| got.iter().filter(|got| got.id.contains(".heartbeat.")).map(beat).collect::<Vec<_>>();
    vm.server.wait("a beat that has counted the child", |got| beats(got).iter().any(|beat| beat.used.unwrap().cpu_ms.unwrap() > 100));
    vm.server
        .wait("idle while it waits", |got| beats(got).last().is_some_and(|beat| beat.stdout_bytes == 5 && beat.idle_ms.unwrap() > 100));
    let last = beats(&vm.server.got()).pop().unwrap();
    assert_eq!(last.boot_id, vm.status("att_used00000001").boot_id);
    std::fs::write(vm.file("att_used00000001", "work/go"), "").unwrap();
    let result = vm.posted_result("att_used00000001");
    let used = result.used.unwrap();
    assert!(used.cpu_ms >= last.used.unwrap().cpu_ms && used.read_bytes.is_some(), "{used:?}");
    assert_eq!((result.leftovers, result.suspended_ms), (Some(0), Some(0)));
}

#[test]
fn f014_a_full_disk_costs_no_result() {
    let mut ran = 0;
    for size in 1..=16 {
        let vm = Vm::with_disk(size * (256 << 10));
        let id = format!("att_full000000{size:02}");
        let reply = vm.launch(&vm.sh(&id, "cat /dev/zero > fill; echo said; exit 7"));
        if let Reply::Refused { refusal, message } = reply {
            assert_eq!((refusal, size <= 4), (Refusal::Resources, true), "{size}: {message}");
            continue;
        }
        let result = vm.posted_result(&id);
        assert_eq!((result.outcome, result.exit_code, result.tree_gone), (JobOutcome::Exited, Some(7), true), "{size}");
        assert_eq!(vm.collected_result(&id), result, "{size}");
        ran += 1;
    }
    assert!(ran >= 12, "{ran}");
}
