//! Working directories: worktrees of repositories, going on in an earlier one, and what becomes of them.

use crate::vm::{Vm, eventually};
use sortie_protocol::agent::{AgentKind, AgentTask, Permissions};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::JobOutcome;
use sortie_protocol::confine::{Cleanup, Workspace};
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::Phase;
use std::process::{Command, Stdio};

fn git(dir: &std::path::Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]).args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a commit, a tag and a branch; its path.
pub fn repository(vm: &Vm) -> String {
    let dir = vm.scratch("repository");
    std::fs::create_dir(&dir).unwrap();
    git(&dir, &["init", "-q"]);
    std::fs::write(dir.join("file"), "content\n").unwrap();
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-qm", "first"]);
    git(&dir, &["tag", "v1"]);
    git(&dir, &["checkout", "-q", "-b", "side"]);
    git(&dir, &["commit", "-q", "--allow-empty", "-m", "aside"]);
    git(&dir, &["checkout", "-q", "main"]);
    dir.to_str().unwrap().to_owned()
}

fn at(repository: &str, reference: Option<&str>) -> Option<Workspace> {
    Some(Workspace { repository: repository.to_owned(), reference: reference.map(str::to_owned) })
}

#[test]
fn a_worktree_is_made_at_a_branch_a_tag_a_commit_and_the_default() {
    let vm = Vm::new();
    let repository = repository(&vm);
    let first = git(repository.as_ref(), &["rev-parse", "v1"]);
    let cases = [(None, "first"), (Some("side"), "aside"), (Some("v1"), "first"), (Some(first.as_str()), "first")];
    for (number, (reference, _)) in cases.iter().enumerate() {
        let id = format!("att_tree0000000{number}");
        vm.launched(&Spec { workspace: at(&repository, *reference), ..vm.sh(&id, "git log -1 --format=%s; cat file; git status --short") });
    }
    for (number, (reference, subject)) in cases.iter().enumerate() {
        let result = vm.posted_result(&format!("att_tree0000000{number}"));
        assert_eq!(result.output, format!("{subject}\ncontent\n"), "{reference:?}: {:?} {}", result.message, result.error_output);
    }
    assert_eq!(std::fs::read_dir(vm.root().join("repos")).unwrap().flatten().filter(|e| e.path().is_dir()).count(), 1, "one mirror");
    // The remote goes on, and commits of a job are not lost by the next fetch.
    git(repository.as_ref(), &["commit", "-q", "--allow-empty", "-m", "second"]);
    let script = "git log -1 --format=%s; git for-each-ref --format='%(refname)' refs/heads";
    vm.launched(&Spec { workspace: at(&repository, None), ..vm.sh("att_tree00000009", &format!("git checkout -qb mine; {script}")) });
    assert_eq!(vm.posted_result("att_tree00000009").output, "second\nrefs/heads/mine\n");
    vm.launched(&Spec { workspace: at(&repository, None), ..vm.sh("att_tree00000010", script) });
    assert_eq!(vm.posted_result("att_tree00000010").output, "second\nrefs/heads/mine\n");
}

#[test]
fn a_workspace_that_cannot_be_had_is_a_start_that_failed_with_the_last_word_of_git() {
    let vm = Vm::new();
    let repository = repository(&vm);
    vm.launch(&Spec { workspace: at("/no/such/repository", None), ..vm.sh("att_notree000001", "true") });
    vm.launch(&Spec { workspace: at(&repository, Some("no-branch")), ..vm.sh("att_notree000002", "true") });
    for (id, words) in [("att_notree000001", "/no/such/repository"), ("att_notree000002", "no branch, tag or commit `no-branch`")] {
        let result = vm.posted_result(id);
        assert_eq!(result.outcome, JobOutcome::SpawnFailed);
        assert!(
            result.message.as_ref().is_some_and(|why| why.starts_with("git: ") && (why.contains(words) || id.ends_with('1'))),
            "{:?}",
            result.message
        );
    }
    for workspace in [at("--upload-pack=touch /tmp/evil", None), at(&repository, Some("-x")), at("a\nb", None), at("", None)] {
        assert_eq!(vm.refused(vm.launch_verb(&Spec { workspace, ..vm.sh("att_notree000003", "true") })), Refusal::Spawn);
    }
}

#[test]
fn no_hook_is_run() {
    let vm = Vm::new();
    let repository = repository(&vm);
    vm.launched(&Spec { workspace: at(&repository, None), ..vm.sh("att_hooks0000001", "true") });
    vm.posted_result("att_hooks0000001");
    // An earlier job has left one in what all jobs of this repository share.
    let mirror = std::fs::read_dir(vm.root().join("repos")).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap().path();
    let hook = mirror.join("hooks/post-checkout");
    std::fs::create_dir_all(mirror.join("hooks")).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", vm.scratch("evil").display())).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    vm.launched(&Spec { workspace: at(&repository, None), ..vm.sh("att_hooks0000002", "true") });
    assert_eq!(vm.posted_result("att_hooks0000002").exit_code, Some(0));
    assert!(!vm.scratch("evil").exists());
}

#[test]
fn a_cancel_ends_a_fetch_that_is_never_answered() {
    let vm = Vm::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/silent.git", listener.local_addr().unwrap());
    let spec = Spec { workspace: at(&url, None), timeout_ms: 60_000, ..vm.sh("att_slowgit00001", "true") };
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| vm.launch(&spec));
        let (_held, _) = listener.accept().unwrap();
        let view = vm.cancel("att_slowgit00001");
        assert!(view.tree_gone, "{view:?}");
        assert!(matches!(launch.join().unwrap(), Reply::Launched { .. }));
    });
    assert_eq!(vm.posted_result("att_slowgit00001").outcome, JobOutcome::Stopped);
}

#[test]
fn directories_go_by_policy_and_never_what_the_spec_names() {
    let vm = Vm::new();
    let repository = repository(&vm);
    let cwd = vm.scratch("cwd");
    std::fs::create_dir(&cwd).unwrap();
    let cases = [
        ("att_clean0000001", Cleanup::Keep, "true", true),
        ("att_clean0000002", Cleanup::Success, "true", false),
        ("att_clean0000003", Cleanup::Success, "exit 1", true),
        ("att_clean0000004", Cleanup::Always, "mkdir -p a/b; touch a/b/c; ln -s / a/root; chmod 0 a; exit 1", false),
    ];
    for (id, cleanup, script, _) in cases {
        vm.launched(&Spec { cleanup, workspace: at(&repository, None), ..vm.sh(id, script) });
    }
    let named = Spec { cleanup: Cleanup::Always, cwd: Some(Bytes::from(cwd.to_str().unwrap())), ..vm.sh("att_clean0000005", "touch here") };
    vm.launched(&named);
    for (id, _, _, stays) in cases {
        vm.wait_phase(id, Phase::Acked);
        eventually(&format!("{id} as the policy says"), || vm.file(id, "work").exists() == stays);
    }
    vm.wait_phase("att_clean0000005", Phase::Acked);
    assert!(cwd.join("here").exists() && std::path::Path::new("/etc/passwd").exists());
    let mirror = std::fs::read_dir(vm.root().join("repos")).unwrap().flatten().find(|entry| entry.path().is_dir()).unwrap().path();
    eventually("forgotten", || git(&mirror, &["worktree", "list"]).lines().count() == 3);
}

#[test]
fn f108_a_record_that_leads_elsewhere_removes_nothing() {
    let vm = Vm::new();
    let precious = vm.scratch("precious");
    std::fs::create_dir(&precious).unwrap();
    vm.launched(&vm.sh("att_lead00000001", "true"));
    vm.wait_phase("att_lead00000001", Phase::Acked);
    for origin in ["att_lead00000001", "..", "/", ""] {
        let place = serde_json::json!({"dir": precious, "origin": origin});
        std::fs::write(vm.file("att_lead00000001", "place.json"), place.to_string()).unwrap();
        vm.verb(Verb::Gc { older_than_ms: 0 });
        assert!(precious.exists(), "{origin:?}");
    }
}

/// A spec that goes on with an earlier attempt, where it can.
pub fn going_on(vm: &Vm, id: &str, script: &str, earlier: &[&str]) -> Spec {
    let agent = AgentTask {
        kind: AgentKind::Command,
        prompt: Bytes::from(""),
        resume_prompt: None,
        program: None,
        arguments: Vec::new(),
        model: None,
        permissions: Permissions::All,
        tools: Vec::new(),
        max_turns: None,
        budget_usd_micros: None,
        result_schema: None,
        session: "00000000-0000-0000-0000-000000000000".into(),
        earlier: earlier.iter().map(|id| (*id).to_owned()).collect(),
        checkpoint_ms: 0,
        linger_ms: 1_000,
    };
    Spec { agent: Some(agent), ..vm.sh(id, script) }
}

#[test]
fn a_later_attempt_goes_on_in_the_directory_of_an_earlier_one_and_gc_waits_for_it() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_first0000001", "echo one > notes; pwd; exit 1"));
    let first = vm.posted_result("att_first0000001");
    vm.wait_phase("att_first0000001", Phase::Acked);
    vm.launched(&going_on(
        &vm,
        "att_second000001",
        "cat notes; pwd; until [ -e go ]; do sleep 0.02; done",
        &["att_nowhere00001", "att_first0000001"],
    ));
    eventually("it works there", || vm.file("att_first0000001", "held_by").exists());
    let Reply::Swept { removed: 0, kept, .. } = vm.verb(Verb::Gc { older_than_ms: 0 }) else { panic!("the directory is held") };
    assert_eq!(kept, 2);
    std::fs::write(vm.file("att_first0000001", "work/go"), "").unwrap();
    assert_eq!(vm.posted_result("att_second000001").output, format!("one\n{}", first.output));
    vm.wait_phase("att_second000001", Phase::Acked);
    eventually("both go", || {
        vm.verb(Verb::Gc { older_than_ms: 0 });
        !vm.file("att_first0000001", "work").exists() && !vm.file("att_second000001", "spec.json").exists()
    });
}
