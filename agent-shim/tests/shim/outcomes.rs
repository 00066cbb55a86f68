//! How a job ended, as the shim saw it.

use crate::vm::{Vm, eventually, kill};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::Phase;

#[test]
fn f096_exit_codes_and_signals_are_reported_exactly() {
    let vm = Vm::new();
    let exits = [0, 1, 2, 42, 124, 126, 127, 128, 143, 144, 255];
    let signals = [1, 2, 3, 6, 9, 10, 11, 13, 15, 24, 31];
    let specs = exits.iter().map(|n| vm.sh(&format!("att_exit00000{n:03}"), &format!("exit {n}")));
    let specs = specs.chain(signals.iter().map(|n| vm.sh(&format!("att_signal000{n:03}"), &format!("kill -{n} $$; sleep 60"))));
    let requests: Vec<_> = specs.map(|spec| vm.request(vm.launch_verb(&spec))).collect();
    vm.session(&requests);
    for n in exits {
        let result = vm.posted_result(&format!("att_exit00000{n:03}"));
        assert_eq!((result.outcome, result.exit_code, result.signal), (JobOutcome::Exited, Some(n), None));
    }
    for n in signals {
        let result = vm.posted_result(&format!("att_signal000{n:03}"));
        assert_eq!((result.outcome, result.exit_code, result.signal), (JobOutcome::Signalled, None, Some(n)), "signal {n}");
    }
}

#[test]
fn a_command_that_cannot_be_executed_says_why() {
    let vm = Vm::new();
    let missing = vm.spec("att_spawn0000001", &["/no/such/program"]);
    let Reply::Launched { view, .. } = vm.launch(&missing) else { panic!() };
    assert!(matches!(view.phase, Phase::Finished | Phase::Acked), "the launch is answered with the result spooled");
    let mut nowhere = vm.spec("att_spawn0000002", &["/bin/true"]);
    nowhere.cwd = Some(Bytes::from("/no/such/directory"));
    vm.launch(&nowhere);
    for (id, word) in [("att_spawn0000001", "/no/such/program"), ("att_spawn0000002", "/no/such/directory")] {
        let result = vm.posted_result(id);
        assert_eq!((result.outcome, result.exit_code, result.tree_gone), (JobOutcome::SpawnFailed, None, true));
        assert!(result.message.unwrap().contains(word));
    }
    assert!(vm.server.got().iter().all(|g| !g.id.contains(".started.")), "what never ran was not started");
}

#[test]
fn f085_arguments_and_environment_are_any_bytes() {
    let vm = Vm::new();
    let nasty = b"a b;$(touch /tmp/x)`\n'\"*{a,b}\xa0\xff--".to_vec();
    let mut spec =
        vm.spec("att_bytes0000001", &["/bin/sh", "-c", "printf %s \"$1\"; printf %s \"$NASTY\" >&2; printf %s \"$SECRET\" >&2", "-"]);
    spec.command.push(Bytes(nasty.clone()));
    spec.env.push(("NASTY".to_owned(), Bytes(nasty.clone())));
    let mut verb = vm.launch_verb(&spec);
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.secret_env.insert("SECRET".to_owned(), Bytes::from("s3cret"));
    vm.verb(verb);
    vm.posted_result("att_bytes0000001");
    assert_eq!(std::fs::read(vm.file("att_bytes0000001", "stdout")).unwrap(), nasty);
    assert_eq!(std::fs::read(vm.file("att_bytes0000001", "stderr")).unwrap(), [nasty, b"s3cret".to_vec()].concat());
}

#[test]
fn result_documents_are_taken_only_when_plain_small_and_json() {
    let vm = Vm::new();
    std::fs::write(vm.scratch("secret"), "{\"stolen\":1}").unwrap();
    let link = format!("ln -s {} $SORTIE_RESULT", vm.scratch("secret").display());
    let deep = format!("printf '%s' '{}1{}' > $SORTIE_RESULT", "[".repeat(80), "]".repeat(80));
    let cases = [
        ("att_doc000000001", "head -c 9000000 /dev/zero | tr '\\0' 1 > $SORTIE_RESULT", "larger"),
        ("att_doc000000002", "echo '{\"a\":' > $SORTIE_RESULT", "not JSON"),
        ("att_doc000000003", link.as_str(), "symbolic link"),
        ("att_doc000000004", "mkfifo $SORTIE_RESULT", "regular"),
        ("att_doc000000005", "mkdir $SORTIE_RESULT", "regular"),
        ("att_doc000000006", deep.as_str(), "deeper"),
    ];
    for (id, script, _) in &cases {
        vm.launched(&vm.sh(id, script));
    }
    for (id, _, word) in &cases {
        let result = vm.posted_result(id);
        assert_eq!((result.result, result.exit_code), (None, Some(0)), "{id}");
        assert!(result.result_error.as_ref().is_some_and(|why| why.contains(word)), "{id}: {:?}", result.result_error);
    }
}

#[test]
fn the_shim_ends_a_job_at_its_time_limit_by_itself() {
    let vm = Vm::new();
    let mut spec = vm.sh("att_timeout00001", "trap '' TERM; sleep 60 & sleep 60; sleep 60");
    spec.timeout_ms = 300;
    vm.launched(&spec);
    let result = vm.posted_result("att_timeout00001");
    assert_eq!((result.outcome, result.stop_reason.as_deref()), (JobOutcome::TimedOut, Some("timed_out")));
    assert!(result.tree_gone && result.duration_ms >= 300 && result.signal == Some(9));
}

#[test]
fn f095_a_killed_supervisor_costs_neither_output_nor_exit_status() {
    let vm = Vm::new();
    let go = vm.scratch("go");
    vm.launched(&vm.sh("att_orphan000001", &format!("echo one; until [ -e {} ]; do sleep 0.02; done; echo two; exit 5", go.display())));
    vm.server.wait_for("att_orphan000001", "started");
    vm.kill_supervisor("att_orphan000001");
    std::fs::write(go, "").unwrap();
    eventually("the job ends without a supervisor", || vm.file("att_orphan000001", "exit.json").exists());
    let result = vm.collected_result("att_orphan000001");
    assert_eq!((result.outcome, result.exit_code, result.output.as_str()), (JobOutcome::Exited, Some(5), "one\ntwo\n"));
    assert_eq!(vm.posted_result("att_orphan000001"), result, "the successor posts the same");
}

#[test]
fn f095_with_keeper_and_supervisor_killed_the_job_is_ended_and_lost() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_nobody000001", "sleep 60"));
    let keeper = vm.process("att_nobody000001", "child.json", "keeper").unwrap();
    let job = vm.process("att_nobody000001", "child.json", "job").unwrap();
    vm.kill_supervisor("att_nobody000001");
    kill(keeper);
    assert_eq!(vm.status("att_nobody000001").phase, Phase::Running, "adopted");
    kill(job);
    let result = vm.posted_result("att_nobody000001");
    assert_eq!((result.outcome, result.tree_gone), (JobOutcome::Lost, true));
}

#[test]
fn a_killed_keeper_alone_costs_nothing() {
    let vm = Vm::new();
    let go = vm.scratch("go");
    vm.launched(&vm.sh("att_keeper000001", &format!("until [ -e {} ]; do sleep 0.02; done; exit 6", go.display())));
    let keeper = vm.process("att_keeper000001", "child.json", "keeper").unwrap();
    kill(keeper);
    std::fs::write(go, "").unwrap();
    assert_eq!(vm.posted_result("att_keeper000001").exit_code, Some(6), "the supervisor is the next reaper");
}

#[test]
fn f099_another_boot_is_interrupted_once_and_nothing_runs_again() {
    let vm = Vm::new();
    let spec = vm.sh("att_reboot000001", &format!("echo start >> {}; exec sleep 60", vm.scratch("recorder").display()));
    vm.launched(&spec);
    eventually("the job runs", || vm.recorded("recorder") == 1);
    let keeper = vm.process("att_reboot000001", "child.json", "keeper").unwrap();
    let job = vm.process("att_reboot000001", "child.json", "job").unwrap();
    vm.kill_supervisor("att_reboot000001");
    kill(keeper);
    kill(job);
    let child = vm.file("att_reboot000001", "child.json");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&child).unwrap()).unwrap();
    record["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
    std::fs::write(&child, serde_json::to_vec(&record).unwrap()).unwrap();
    let Reply::Launched { created: false, .. } = vm.launch(&spec) else { panic!() };
    let result = vm.posted_result("att_reboot000001");
    assert_eq!((result.outcome, result.tree_gone), (JobOutcome::Interrupted, true));
    vm.wait_phase("att_reboot000001", Phase::Acked);
    vm.launch(&spec);
    assert_eq!(vm.recorded("recorder"), 1);
    assert_eq!(vm.server.got().iter().filter(|g| g.id.contains(".result.")).count(), 1);
}

#[test]
fn f096_a_job_that_is_stopped_or_whose_children_are_zombies_is_ended_and_reported() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_stopped00001", "kill -STOP $$; exit 3"));
    // A parent that never waits: its dead children are zombies until it is gone.
    let zombies = "for n in 1 2 3; do sh -c 'exit 1' & done; exec sleep 60";
    vm.launched(&vm.sh("att_zombies00001", zombies));
    let job = vm.process("att_zombies00001", "child.json", "job").unwrap();
    let children = || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", job.0)).unwrap_or_default();
    let zombie = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    eventually("zombies", || children().split_ascii_whitespace().filter(|pid| zombie(pid)).count() == 3);
    for (id, signal) in [("att_stopped00001", 15), ("att_zombies00001", 15)] {
        assert!(vm.cancel(id).tree_gone, "{id}");
        let result = vm.posted_result(id);
        assert_eq!((result.outcome, result.signal), (JobOutcome::Stopped, Some(signal)), "{id}");
    }
    // A leader that is a zombie while a child of it runs on: the end is the leader's, the child a leftover.
    vm.launched(&vm.sh("att_zombies00002", "sleep 1000 & exit 9"));
    let result = vm.posted_result("att_zombies00002");
    assert_eq!((result.outcome, result.exit_code, result.leftovers, result.tree_gone), (JobOutcome::Exited, Some(9), Some(1), true));
}
