//! Verbs about attempts that nobody posts for: list, fetch, rekey, reach, resume, and what views say.

use crate::server::{Mode, http};
use crate::vm::{SHIM, Vm, carriers, eventually, is_alive, sha256};
use sortie_protocol::artifact::RESULT_SLOT;
use sortie_protocol::spec::{Spec, Trust};
use sortie_protocol::verb::{Refusal, Reply, Verb};
use sortie_protocol::view::Phase;
use std::process::{Command, Stdio};

#[test]
fn a_list_names_what_is_not_acknowledged_in_pages_by_id() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_list00000001", "true"));
    vm.wait_phase("att_list00000001", Phase::Acked);
    vm.launched(&vm.sh("att_list00000003", "sleep 60"));
    vm.launched(&vm.sh("att_list00000002", "sleep 60"));
    vm.cancel("att_list00000009");
    let list = |after: Option<&str>| match vm.verb(Verb::List { after: after.map(str::to_owned) }) {
        Reply::Listed { views, more: false } => views.into_iter().map(|view| view.attempt).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(list(None), ["att_list00000002", "att_list00000003"]);
    assert_eq!(list(Some("att_list00000002")), ["att_list00000003"]);
    assert_eq!(vm.refused(Verb::List { after: Some("../x".into()) }), Refusal::Usage);
}

#[test]
fn f093_other_credentials_are_posted_with_at_once() {
    let vm = Vm::new();
    vm.server.mode(Mode::Raw(http(401, "", "{}")));
    vm.launched(&vm.sh("att_rekey0000001", "cat >/dev/null; sleep 60"));
    eventually("refused", || vm.status("att_rekey0000001").post_error.is_some_and(|why| why.contains("401")));
    assert_eq!(vm.status("att_rekey0000001").heard_ms, None);
    vm.server.mode(Mode::Good);
    // A refused post would come again in minutes.
    let credentials = vm.credentials("att_rekey0000001");
    assert!(matches!(vm.verb(Verb::Rekey { attempt: "att_rekey0000001".into(), credentials: credentials.clone() }), Reply::Rekeyed(_)));
    eventually("heard", || {
        let view = vm.status("att_rekey0000001");
        view.heard_ms.is_some() && view.post_error.is_none()
    });
    assert_eq!(vm.refused(Verb::Rekey { attempt: "att_rekey0000009".into(), credentials }), Refusal::Usage);
}

#[test]
fn f093_a_view_says_what_a_heartbeat_would_while_nothing_can_be_posted() {
    let vm = Vm::new();
    vm.server.mode(Mode::Raw(http(503, "", "")));
    let script = "echo hello; echo '{\"step\":1}' > $SORTIE_PROGRESS; echo '\"c\"' > $SORTIE_CHECKPOINT; sleep 60";
    vm.launched(&Spec { heartbeat_ms: 50, ..vm.sh("att_beatv0000001", script) });
    eventually("a beat", || vm.status("att_beatv0000001").beat.is_some_and(|beat| beat.stdout_bytes == 6 && beat.used.is_some()));
    let view = vm.status("att_beatv0000001");
    assert_eq!(view.progress.map(|report| report.data), Some(serde_json::json!({"step": 1})));
    assert_eq!(view.checkpoint.map(|report| report.data), Some(serde_json::json!("c")));
    vm.cancel("att_beatv0000001");
    assert!(vm.status("att_beatv0000001").beat.is_none(), "a job that is over has no beat");
}

#[test]
fn f093_files_that_could_not_be_uploaded_are_fetched_also_after_the_directory_is_gone() {
    let vm = Vm::new();
    let script = "head -c 600000 /dev/zero | tr '\\0' x > large; ln -s /etc/passwd link; printf '\"%s\"' $(head -c 300000 /dev/zero | tr '\\0' r) > $SORTIE_RESULT";
    let artifacts = vec!["large".to_owned(), "link".to_owned(), "absent".to_owned()];
    let spec = Spec { artifacts, cleanup: sortie_protocol::confine::Cleanup::Always, ..vm.sh("att_fetch0000001", script) };
    let mut verb = vm.launch_verb(&spec);
    let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
    credentials.artifact_url = None;
    vm.verb(verb);
    vm.posted_result("att_fetch0000001");
    eventually("cleaned up", || !vm.file("att_fetch0000001", "work").exists());
    let fetch =
        |slot: &str, offset| vm.verb(Verb::Fetch { attempt: "att_fetch0000001".into(), slot: slot.into(), offset, limit: u64::MAX });
    let whole = |slot: &str| {
        let mut bytes = Vec::new();
        loop {
            let Reply::Fetched { data, kept } = fetch(slot, bytes.len() as u64) else { panic!("{slot}") };
            bytes.extend(data.0);
            if bytes.len() as u64 == kept.size {
                assert_eq!(sha256(&bytes), kept.sha256);
                return bytes;
            }
        }
    };
    assert_eq!(whole("0"), [b'x'; 600_000]);
    assert_eq!(whole(RESULT_SLOT).len(), 300_002);
    for slot in ["1", "2", "3", "..", "../spec.json", "kept", ""] {
        assert!(matches!(fetch(slot, 0), Reply::Refused { refusal: Refusal::Usage, .. }), "{slot:?}");
    }
    vm.launched(&vm.sh("att_fetch0000002", "sleep 60"));
    assert_eq!(vm.refused(Verb::Fetch { attempt: "att_fetch0000002".into(), slot: "0".into(), offset: 0, limit: 1 }), Refusal::Usage);
}

#[test]
fn f093_a_host_says_whether_its_posts_arrive() {
    let vm = Vm::new();
    let reach = |url: String, trust| match vm.verb(Verb::Reach { url, trust }) {
        Reply::Reached { status, body, error, .. } => (status, body, error),
        other => panic!("{other:?}"),
    };
    let echo = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap();
    let answer = std::thread::spawn(move || {
        let mut stream = echo.accept().unwrap().0;
        let mut head = [0; 4096];
        let length = std::io::Read::read(&mut stream, &mut head).unwrap();
        std::io::Write::write_all(&mut stream, http(200, "", "nonce 17").as_bytes()).unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    assert_eq!(reach(format!("http://{address}/v1/reach/n"), Trust::PlainHttp), (Some(200), "nonce 17".to_owned(), None));
    assert!(answer.join().unwrap().starts_with("POST /v1/reach/n HTTP/1.1"));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (status, _, error) = reach(format!("http://{silent}/"), Trust::PlainHttp);
    assert!(status.is_none() && error.is_some());
    let (status, _, error) = reach(format!("http://{}/", vm.server.address), Trust::System);
    assert!(status.is_none() && error.unwrap().contains("https"));
}

#[test]
fn f099_after_a_reboot_resume_posts_what_is_unsent() {
    let mut vm = Vm::new();
    let address = vm.server.address;
    let verbs = ["att_resume000001", "att_resume000002"].map(|id| vm.launch_verb(&vm.sh(id, "exit 3")));
    vm.server = crate::server::Server::start();
    for verb in verbs {
        assert!(matches!(vm.verb(verb), Reply::Launched { .. }));
    }
    for id in ["att_resume000001", "att_resume000002"] {
        vm.wait_phase(id, Phase::Finished);
        vm.kill_supervisor(id);
    }
    let back = crate::server::Server::on(address);
    let mut resume = Command::new(SHIM);
    resume.arg("--root").arg(vm.root()).arg("resume").stdin(Stdio::null());
    let said = resume.output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "{\"resumed\":2}\n");
    for id in ["att_resume000001", "att_resume000002"] {
        back.wait_for(id, "result");
        eventually("acknowledged", || vm.file(id, "acked").exists());
    }
    let said = resume.output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), "{\"resumed\":0}\n");
}

#[test]
fn gc_ends_processes_of_attempts_that_are_over() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_orphans00001", "true"));
    vm.wait_phase("att_orphans00001", Phase::Acked);
    let mut stray = Command::new("sleep").arg("1000").env("SORTIE_JOB", "att_orphans00001").spawn().unwrap();
    let mut other = Command::new("sleep").arg("1000").env("SORTIE_JOB", "att_ofanother001").spawn().unwrap();
    eventually("seen", || carriers("SORTIE_JOB=att_orphans00001").len() == 1 && carriers("SORTIE_JOB=att_ofanother001").len() == 1);
    let Reply::Swept { orphans, .. } = vm.verb(Verb::Gc { older_than_ms: 3_600_000 }) else { panic!() };
    assert_eq!(orphans, 1);
    stray.wait().unwrap();
    assert!(other.try_wait().unwrap().is_none(), "what is not known here is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn f095_a_killed_supervisor_of_everything_new_is_succeeded() {
    let vm = Vm::new();
    let spec = Spec {
        heartbeat_ms: 50,
        ..vm.sh("att_succeed00001", "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo done; sleep 60")
    };
    vm.launched(&spec);
    eventually("counted", || vm.status("att_succeed00001").beat.is_some_and(|beat| beat.used.is_some_and(|used| used.cpu_ms > Some(50))));
    let before = vm.status("att_succeed00001").beat.unwrap().used.unwrap();
    vm.kill_supervisor("att_succeed00001");
    assert_eq!(vm.status("att_succeed00001").phase, Phase::Running);
    let owner = vm.process("att_succeed00001", "owner.json", "process").unwrap();
    assert!(is_alive(owner));
    vm.cancel("att_succeed00001");
    let result = vm.posted_result("att_succeed00001");
    assert!(result.used.unwrap().cpu_ms >= before.cpu_ms);
    assert!(result.held.is_some() && result.tree_gone);
}
