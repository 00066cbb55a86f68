//! Jobs with a user of their own.

use crate::vm::{Vm, eventually};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::confine::{Isolation, Workspace};
use sortie_protocol::spec::{Spec, SpecFile};
use sortie_protocol::verb::{Reply, Verb};
use std::os::unix::fs::MetadataExt as _;

fn own(spec: Spec) -> Spec {
    Spec { isolation: Isolation::OwnUser, ..spec }
}

fn yard(vm: &Vm, attempt: &str) -> std::path::PathBuf {
    let user: serde_json::Value = serde_json::from_slice(&std::fs::read(vm.file(attempt, "user.json")).unwrap()).unwrap();
    user["yard"].as_str().unwrap().into()
}

#[test]
fn f060_the_agent_reads_nothing_of_its_shim() {
    let vm = Vm::new();
    let root = vm.root();
    let script = format!(
        "id -u > $HOME/uid; pwd > where; echo '\"reported\"' > $SORTIE_RESULT.t && mv $SORTIE_RESULT.t $SORTIE_RESULT; echo 1 > $SORTIE_PROGRESS
         for f in credentials.json events.log spec.json stdout; do cat {root}/jobs/att_own000000001/$f && echo LEAK $f; done
         ls {root} && echo LEAK root
         for p in /proc/[0-9]*; do
           tr '\\0' ' ' < $p/cmdline | grep -q '^sortie-shim supervise' || continue
           echo seen >> supervisors
           head -c 1 $p/mem >/dev/null && echo LEAK mem; cat $p/environ && echo LEAK environ; ls $p/fd && echo LEAK fd
           (: > $p/mem) && echo LEAK write; kill -0 ${{p#/proc/}} && echo LEAK signal
         done
         cat plain secret/file; env",
        root = root.display()
    );
    let spec = own(vm.sh("att_own000000001", &script));
    let mut verb = vm.launch_verb(&Spec { files: vec![SpecFile { path: "plain".into(), data: Bytes::from("plain\n") }], ..spec });
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.secret_files.insert("secret/file".to_owned(), Bytes::from("canary-file\n"));
    assert!(matches!(vm.verb(verb), Reply::Launched { created: true, .. }));
    let result = vm.posted_result("att_own000000001");
    assert!(!result.output.contains("LEAK"), "{}", result.output);
    assert!(result.output.starts_with("plain\ncanary-file\n"), "{}{}", result.output, result.error_output);
    assert_eq!((result.outcome, result.result), (JobOutcome::Exited, Some(serde_json::json!("reported"))));
    assert_eq!(result.progress.map(|report| report.data), Some(serde_json::json!(1)));
    assert_eq!(result.held.unwrap().isolation, Isolation::OwnUser);
    let yard = yard(&vm, "att_own000000001");
    assert!(std::fs::read_to_string(yard.join("work/supervisors")).is_ok(), "the test saw its supervisor");
    assert_ne!(std::fs::read_to_string(yard.join("home/uid")).unwrap().trim(), "0");
    eventually("its files are root's", || yard.join("work/where").metadata().unwrap().uid() == 0);
    eventually("its user is given back", || vm.status("att_own000000001").phase == sortie_protocol::view::Phase::Acked);
}

#[test]
fn f097_a_job_with_its_own_user_is_found_without_cookie_group_and_parents() {
    let vm = Vm::new();
    let id = "att_own000000002";
    vm.launched(&own(vm.sh(id, "(env -i setsid sh -c 'while :; do sleep 1; done' &) ; touch ready; exec sleep 60")));
    eventually("up", || yard(&vm, id).join("work/ready").exists());
    let uid = yard(&vm, id).join("work").metadata().unwrap().uid();
    let of_user = || {
        let pids = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == uid));
        pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect::<Vec<_>>()
    };
    eventually("the stray is up", || of_user().len() >= 2);
    // Nobody above it is left, and it is taken out of the job's group, as by an administrator.
    vm.kill_supervisor(id);
    crate::vm::kill(vm.process(id, "child.json", "keeper").unwrap());
    for pid in of_user() {
        let _ = std::fs::write(crate::machine::unified().join("cgroup.procs"), pid.to_string());
    }
    assert!(vm.cancel(id).tree_gone);
    let live = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert_eq!(of_user().into_iter().filter(live).collect::<Vec<_>>(), Vec::<u32>::new());
}

#[test]
fn a_job_with_its_own_user_gets_a_clone_that_it_may_write() {
    let vm = Vm::new();
    let repository = crate::workspace::repository(&vm);
    let workspace = Some(Workspace { repository, reference: Some("main".into()) });
    let script = "cat file; git log --format=%s -1; echo x > new; git add new; git -c user.name=a -c user.email=a@b commit -qm more; git status --short";
    vm.launched(&Spec { workspace, ..own(vm.sh("att_own000000003", script)) });
    let result = vm.posted_result("att_own000000003");
    assert_eq!((result.output.as_str(), result.exit_code), ("content\nfirst\n", Some(0)), "{:?} {}", result.message, result.error_output);
}

#[cfg(feature = "failpoints")]
#[test]
fn f095_a_supervisor_killed_after_it_has_claimed_a_user_is_succeeded_with_the_same() {
    let vm = Vm::new();
    std::fs::write(vm.root().join("failpoint"), "user.claimed").unwrap();
    let spec = own(vm.sh("att_own000000004", "id -un; id -G; pwd"));
    vm.session(&[vm.request(vm.launch_verb(&spec))]);
    vm.launch(&spec);
    let result = vm.posted_result("att_own000000004");
    let yard = yard(&vm, "att_own000000004");
    assert_eq!(result.output.lines().last(), yard.join("work").to_str(), "{}", result.error_output);
    assert!(result.output.starts_with("sortie-job-"), "{}", result.output);
    assert_eq!(result.output.lines().nth(1).unwrap().split(' ').count(), 1, "no group of ours");
    let owner = vm.file("att_own000000004", "");
    let owner = owner.to_str().unwrap().trim_end_matches('/').as_bytes().to_vec();
    eventually("given back", || {
        let claims = std::fs::read_dir("/var/lib/sortie-jobs/users").unwrap().flatten();
        claims.filter(|claim| std::fs::read(claim.path()).is_ok_and(|of| of == owner)).count() == 0
    });
}

#[test]
fn an_own_user_goes_on_in_the_directory_of_an_earlier_one() {
    let vm = Vm::new();
    vm.launched(&own(vm.sh("att_own000000005", "echo one > notes; mkdir sub; echo two > sub/more; exit 1")));
    vm.posted_result("att_own000000005");
    vm.wait_phase("att_own000000005", sortie_protocol::view::Phase::Acked);
    let first = yard(&vm, "att_own000000005");
    eventually("given back", || first.metadata().unwrap().mode() & 0o777 == 0o700);
    let spec =
        crate::workspace::going_on(&vm, "att_own000000006", "cat notes sub/more; echo three >> sub/more; pwd", &["att_own000000005"]);
    vm.launched(&own(spec));
    let result = vm.posted_result("att_own000000006");
    assert_eq!(result.output, format!("one\ntwo\n{}\n", first.join("work").display()), "{}", result.error_output);
    assert_eq!(result.exit_code, Some(0), "{}", result.error_output);
}

#[test]
fn gc_removes_what_was_a_users_own() {
    let vm = Vm::new();
    vm.launched(&own(vm.sh("att_own000000007", "mkdir deep; chmod 0 deep; echo kept > $HOME/file")));
    vm.wait_phase("att_own000000007", sortie_protocol::view::Phase::Acked);
    let yard = yard(&vm, "att_own000000007");
    assert!(yard.join("home/file").exists());
    eventually("swept", || {
        vm.verb(Verb::Gc { older_than_ms: 0 });
        !yard.exists()
    });
}
