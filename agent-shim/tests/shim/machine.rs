//! What machines do to a shim: logout, copies, a stopped supervisor, sleep.

use crate::vm::{SHIM, Vm, eventually, frame, is_alive};
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::Phase;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The directory where cgroup v2 is mounted; these tests need it, as the machines that they are about have it.
pub fn unified() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words[2] == "cgroup2").expect("cgroup v2");
    PathBuf::from(mount[1])
}

#[test]
fn f102_a_logout_that_kills_the_whole_session_leaves_supervisor_and_job() {
    let vm = Vm::new();
    let scope = unified().join(format!("session-sortie{}.scope", std::process::id()));
    std::fs::create_dir(&scope).unwrap();
    // What logind does at login: the whole session is in a scope of its own.
    let mut session = Command::new("/bin/sh");
    session.arg("-c").arg(format!("echo $$ > {}/cgroup.procs; exec {SHIM} session --root {}", scope.display(), vm.root().display()));
    let mut session = session.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let request = vm.request(vm.launch_verb(&vm.sh("att_logout000001", "sleep 60 & wait")));
    session.stdin.take().unwrap().write_all(&frame(&request)).unwrap();
    assert!(session.wait().unwrap().success());
    let view = vm.status("att_logout000001");
    assert_eq!((view.phase, view.outlives_login), (Phase::Running, Some(true)));
    // And what it does at logout, with KillUserProcesses.
    std::fs::write(scope.join("cgroup.kill"), "1").unwrap();
    for (file, key) in [("owner.json", "process"), ("child.json", "keeper"), ("child.json", "job")] {
        let process = vm.process("att_logout000001", file, key).unwrap();
        let group = std::fs::read_to_string(format!("/proc/{}/cgroup", process.0)).unwrap();
        assert!(is_alive(process) && !group.contains("session-"), "{key}: {group}");
    }
    eventually("the scope is empty", || std::fs::remove_dir(&scope).is_ok());
    vm.cancel("att_logout000001");
}

#[test]
fn a_doctor_says_what_holds_jobs_and_whether_they_outlive_the_login() {
    let vm = Vm::new();
    let Reply::Doctor(facts) = vm.verb(Verb::Doctor { create_marker: false }) else { panic!() };
    assert_eq!((facts.outlives_login, facts.isolation), (Some(true), sortie_protocol::confine::Isolation::OwnUser));
    assert!(["system_unit", "cgroup"].contains(&facts.containment.as_str()), "{}", facts.containment);
}

#[test]
fn f100_a_copy_of_a_job_directory_posts_nothing_and_says_so() {
    let (vm, other) = (Vm::new(), Vm::new());
    let id = "att_clone0000001";
    vm.launched(&vm.sh(id, "sleep 60"));
    let copied = Command::new("cp").arg("-a").arg(vm.file(id, "")).arg(other.file(id, "")).status().unwrap();
    assert!(copied.success());
    std::fs::remove_file(other.file(id, "owner.json")).unwrap();
    assert_eq!(other.status(id).phase, Phase::Unknown);
    assert_eq!(other.refused(other.launch_verb(&vm.sh(id, "sleep 60"))), Refusal::WrongMachine);
    // Started by hand, too.
    let mut supervise = Command::new(SHIM);
    let said = supervise.arg("supervise").arg(other.root()).arg(id).stdin(Stdio::null()).output().unwrap();
    assert!(!said.status.success());
    let log = std::fs::read_to_string(other.file(id, "shim.log")).unwrap();
    assert!(log.contains("this is a copy of the attempt"), "{log}");
    let before = vm.server.got().len();
    assert!(vm.server.got().iter().all(|got| !got.id.contains(".result.")));
    vm.cancel(id);
    vm.wait_phase(id, Phase::Acked);
    assert_eq!(vm.posted_result(id).outcome, JobOutcome::Stopped);
    assert!(vm.server.got().len() > before && other.server.got().is_empty());
    // What is left in the copy would be taken for the other machine's when it is cleaned up.
    std::fs::remove_dir_all(other.file(id, "")).unwrap();
}

#[test]
fn f100_a_state_root_of_another_machine_is_the_wrong_machine() {
    let vm = Vm::new();
    let machine = vm.root().join("machine.json");
    let mut made: serde_json::Value = serde_json::from_slice(&std::fs::read(&machine).unwrap()).unwrap();
    made["machine"] = serde_json::json!({"id": "another", "product": "another"});
    std::fs::write(&machine, made.to_string()).unwrap();
    for verb in [Verb::List { after: None }, vm.launch_verb(&vm.sh("att_moved0000001", "true")), Verb::Doctor { create_marker: false }] {
        assert_eq!(vm.refused(verb), Refusal::WrongMachine);
    }
}

#[test]
fn f109_a_stopped_supervisor_is_let_go_on_by_the_next_verb() {
    let vm = Vm::new();
    let spec = Spec { heartbeat_ms: 50, ..vm.sh("att_frozen000001", "sleep 60") };
    vm.launched(&spec);
    let owner = vm.process("att_frozen000001", "owner.json", "process").unwrap();
    let pid = rustix::process::Pid::from_raw(owner.0 as i32).unwrap();
    vm.server.wait_for("att_frozen000001", "heartbeat");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", owner.0)).unwrap().rsplit(')').next().unwrap().trim().chars().next();
    eventually("stopped", || state() == Some('T'));
    let beats = || vm.server.got().iter().filter(|got| got.id.contains(".heartbeat.")).count();
    let before = beats();
    assert_eq!(vm.status("att_frozen000001").phase, Phase::Running);
    eventually("it beats on", || beats() > before + 2);
    assert!(std::fs::read_to_string(vm.file("att_frozen000001", "shim.log")).unwrap().contains("let go on"));
}

#[test]
fn f109_a_stopped_job_is_seen_as_idle_while_its_supervisor_beats() {
    let vm = Vm::new();
    let spec = Spec { heartbeat_ms: 50, ..vm.sh("att_frozen000002", "kill -STOP $$; sleep 60") };
    vm.launched(&spec);
    let idle = |got: &crate::server::Got| got.callback().data["idle_ms"].as_u64().unwrap_or(0);
    vm.server.wait("idle grows", |got| got.iter().filter(|got| got.id.contains(".heartbeat.")).any(|got| idle(got) > 300));
    assert!(vm.cancel("att_frozen000002").tree_gone);
}

#[test]
fn f095_a_successor_says_whom_it_came_after() {
    let vm = Vm::new();
    let spec = Spec { heartbeat_ms: 50, ..vm.sh("att_after0000002", "sleep 60") };
    let first = vm.launched(&spec).instance.unwrap();
    vm.kill_supervisor("att_after0000002");
    let second = vm.status("att_after0000002").instance.unwrap();
    assert_ne!(first, second);
    let says = |got: &crate::server::Got| got.callback().instance == second && got.callback().data["succeeds"] == first.as_str();
    vm.server.wait("it says so", |got| got.iter().filter(|got| got.id.contains(".heartbeat.")).any(says));
}

#[cfg(feature = "failpoints")]
#[test]
fn f031_time_that_the_machine_slept_is_told_apart() {
    let vm = Vm::new();
    let slept = vm.scratch("slept");
    let spec = Spec { heartbeat_ms: 50, ..vm.sh("att_slept0000001", "until [ -e go ]; do sleep 0.02; done") };
    let mut launch = Command::new(SHIM);
    launch.args(["session", "--root"]).arg(vm.root()).env("SORTIE_TEST_SLEPT", &slept);
    let mut launch = launch.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    launch.stdin.take().unwrap().write_all(&frame(&vm.request(vm.launch_verb(&spec)))).unwrap();
    assert!(launch.wait().unwrap().success());
    std::fs::write(&slept, "3600000").unwrap();
    let beat = |got: &crate::server::Got| got.callback().data["suspended_ms"].as_u64();
    let got = vm.server.wait("told", |got| got.iter().filter(|got| got.id.contains(".heartbeat.")).any(|got| beat(got) >= Some(3_600_000)));
    let idle = got.last().unwrap().callback().data["idle_ms"].as_u64().unwrap();
    assert!(idle < 600_000, "sleep is not idleness: {idle}");
    std::fs::write(vm.file("att_slept0000001", "work/go"), "").unwrap();
    let result = vm.posted_result("att_slept0000001");
    assert!(result.suspended_ms >= Some(3_600_000) && result.duration_ms < 600_000, "{:?} {}", result.suspended_ms, result.duration_ms);
}

#[test]
fn f101_a_pid_that_is_somebody_elses_by_now_is_never_hit() {
    let vm = Vm::new();
    let id = "att_reused000001";
    vm.launched(&vm.sh(id, "exec sleep 60"));
    let keeper = vm.process(id, "child.json", "keeper").unwrap();
    let job = vm.process(id, "child.json", "job").unwrap();
    vm.kill_supervisor(id);
    crate::vm::kill(keeper);
    crate::vm::kill(job);
    eventually("gone", || !is_alive(job) && !is_alive(keeper));
    // Their numbers are given to others: the same pids, later starts.
    let mut others = [Command::new("sleep").arg("1000").spawn().unwrap(), Command::new("sleep").arg("1000").spawn().unwrap()];
    let path = vm.file(id, "child.json");
    let mut child: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    child["keeper"]["pid"] = others[0].id().into();
    child["job"]["pid"] = others[1].id().into();
    std::fs::write(&path, child.to_string()).unwrap();
    let view = vm.cancel(id);
    assert!(view.tree_gone, "{view:?}");
    assert_eq!(vm.posted_result(id).outcome, JobOutcome::Lost);
    for other in &mut others {
        assert!(other.try_wait().unwrap().is_none(), "it was nobody of the job");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
