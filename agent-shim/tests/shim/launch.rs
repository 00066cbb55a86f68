//! Claims: once, whatever happens to the launch.

use crate::vm::{NONCE, SHIM, Vm, carriers, eventually, frame, is_alive, sha256};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::frame::header;
use sortie_protocol::verb::{Refusal, Reply, Request, Verb};
use sortie_protocol::view::Phase;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn the_main_path_posts_started_and_a_result_and_ends() {
    let vm = Vm::new();
    let mut spec = vm.sh(
        "att_main00000001",
        &format!(
            "cat; echo to stderr >&2; until [ -e {} ]; do sleep 0.02; done; echo '{{\"branch\":\"fix\"}}' > $SORTIE_RESULT; exit 3",
            vm.scratch("go").display()
        ),
    );
    spec.stdin = Some(Bytes(b"\xff prompt \0 bytes".to_vec()));
    let view = vm.launched(&spec);
    assert_eq!(view.spec_digest, Some(sha256(serde_json::to_string(&spec).unwrap().as_bytes())));
    vm.server.wait_for("att_main00000001", "started");
    std::fs::write(vm.scratch("go"), "").unwrap();
    let result = vm.posted_result("att_main00000001");
    assert_eq!((result.exit_code, result.stderr_bytes, result.tree_gone), (Some(3), 10, true));
    assert_eq!(result.result, Some(serde_json::json!({"branch": "fix"})));
    assert_eq!(result.output, "\u{fffd} prompt \0 bytes");
    let got = vm.server.got();
    assert_eq!(got[0].callback().kind.as_str(), "started");
    assert_eq!(got[0].path, "/v1/callbacks/att_main00000001/started?kid=k1&exp=9&sig=canary-url-sig-88ab");
    assert_eq!(got.iter().map(|g| g.callback().seq).collect::<Vec<_>>(), [1, 2]);
    vm.wait_phase("att_main00000001", Phase::Acked);
    let owner = vm.process("att_main00000001", "owner.json", "process").unwrap();
    eventually("the supervisor leaves after its receipt", || !is_alive(owner));
}

#[test]
fn twenty_launches_at_once_start_one_job() {
    let vm = Vm::new();
    let spec = vm.sh("att_double000001", &format!("echo start >> {}; sleep 60", vm.scratch("recorder").display()));
    let created = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| vm.launch(&spec))).collect();
        threads
            .into_iter()
            .map(|thread| match thread.join().unwrap() {
                Reply::Launched { created, view } => {
                    assert_eq!(view.phase, Phase::Running);
                    usize::from(created)
                }
                other => panic!("{other:?}"),
            })
            .sum::<usize>()
    });
    assert_eq!(created, 1);
    eventually("the job runs", || vm.recorded("recorder") > 0);
    vm.cancel("att_double000001");
    assert_eq!(vm.recorded("recorder"), 1);
}

#[test]
fn another_spec_under_the_same_id_is_a_conflict() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_conflict0001", "sleep 60"));
    assert_eq!(vm.refused(vm.launch_verb(&vm.sh("att_conflict0001", "sleep 61"))), Refusal::Conflict);
    assert_eq!(vm.status("att_conflict0001").phase, Phase::Running);
}

#[test]
fn a_seal_or_a_cancel_that_comes_first_stands() {
    let vm = Vm::new();
    let asked = vec!["att_sealed000001".to_owned()];
    let Reply::Status(views) = vm.verb(Verb::Status { attempts: asked.clone(), seal: false }) else { panic!() };
    assert_eq!(views[0].phase, Phase::Unknown);
    let Reply::Status(views) = vm.verb(Verb::Status { attempts: asked, seal: true }) else { panic!() };
    assert_eq!((views[0].phase, views[0].tree_gone), (Phase::Sealed, true));
    assert_eq!(vm.refused(vm.launch_verb(&vm.sh("att_sealed000001", "true"))), Refusal::Sealed);
    assert_eq!(vm.cancel("att_sealed000002").phase, Phase::Sealed);
    assert_eq!(vm.refused(vm.launch_verb(&vm.sh("att_sealed000002", "true"))), Refusal::Sealed);
}

#[test]
fn another_marker_is_another_machine() {
    let vm = Vm::new();
    for marker in [None, Some("0".repeat(32)), Some(String::new())] {
        let verb = vm.launch_verb(&vm.sh("att_machine00001", "true"));
        let Reply::Refused { refusal, .. } = vm.session(&[Request { v: 1, id: 1, marker, verb }]).pop().unwrap().reply else { panic!() };
        assert_eq!(refusal, Refusal::WrongMachine);
    }
    assert!(!vm.file("att_machine00001", "").exists());
    let wrong = Request { v: 1, id: 1, marker: Some("0".repeat(32)), verb: Verb::Doctor { create_marker: true } };
    assert!(matches!(vm.session(&[wrong]).pop().unwrap().reply, Reply::Refused { refusal: Refusal::WrongMachine, .. }));
}

#[test]
fn f077_a_launch_frame_cut_anywhere_creates_nothing() {
    let vm = Vm::new();
    let whole = frame(&vm.request(vm.launch_verb(&vm.sh("att_cut000000001", "true"))));
    // Every length around the header and the end, every 16th between.
    let cuts = (0..whole.len()).filter(|n| *n < 120 || *n > whole.len() - 20 || n % 16 == 0);
    for cut in cuts {
        let (answers, _) = vm.raw(&whole[..cut]);
        assert!(answers.iter().all(|a| matches!(a.reply, Reply::Refused { refusal: Refusal::BadFrame, .. })), "cut at {cut}");
    }
    // Magic, length, digest, payload. (The nonce is not covered: a changed one is an answer to nobody.)
    for flip in [2, 26, 60, 120, whole.len() / 2, whole.len() - 3] {
        let mut broken = whole.clone();
        broken[flip] ^= 1;
        let (answers, _) = vm.raw(&broken);
        assert!(answers.iter().all(|a| matches!(a.reply, Reply::Refused { .. })), "flipped at {flip}");
    }
    assert_eq!(std::fs::read_dir(vm.root().join("jobs")).unwrap().count(), 0);
}

#[test]
fn f108_hostile_ids_touch_no_file() {
    let vm = Vm::new();
    for id in ["../../evil_12345678", "att_../../../etc", "", ".", "att_1234567\u{0}8", "ATT_12345678", "att_12345678/x"] {
        assert_eq!(vm.refused(vm.launch_verb(&vm.sh(id, "true"))), Refusal::Usage, "{id:?}");
        for verb in [
            Verb::Status { attempts: vec![id.to_owned()], seal: true },
            Verb::Collect { attempt: id.to_owned(), after_seq: 0 },
            Verb::Ack { attempt: id.to_owned(), seq: 1 },
            Verb::Cancel { attempt: id.to_owned(), reason: "x".to_owned(), wait_ms: 0 },
            Verb::Logs { attempt: id.to_owned(), stream: "stdout".to_owned(), offset: 0, limit: 1 },
        ] {
            assert_eq!(vm.refused(verb), Refusal::Usage, "{id:?}");
        }
    }
    assert_eq!(std::fs::read_dir(vm.root().join("jobs")).unwrap().count(), 0);
}

#[test]
fn a_request_of_another_version_or_unknown_verb_is_answered_and_the_session_goes_on() {
    let vm = Vm::new();
    let mut input = Vec::new();
    for payload in [r#"{"v":2,"id":1,"marker":null,"verb":{"fly":{}}}"#, r#"{"v":1,"id":1,"marker":null,"verb":{"fly":{}}}"#] {
        input.extend(header(NONCE, payload.len(), &sha256(payload.as_bytes())).into_bytes());
        input.extend(payload.as_bytes());
        input.push(b'\n');
    }
    input.extend(frame(&vm.request(Verb::Doctor { create_marker: false })));
    let (answers, code) = vm.raw(&input);
    assert!(matches!(answers[0].reply, Reply::Refused { refusal: Refusal::Version, .. }));
    assert!(matches!(answers[1].reply, Reply::Refused { refusal: Refusal::Usage, .. }));
    assert!(matches!(answers[2].reply, Reply::Doctor(_)));
    assert_eq!(code, Some(0));
}

#[test]
fn many_launches_of_one_session_are_answered_in_order() {
    let vm = Vm::new();
    let requests: Vec<_> = (0..30)
        .map(|n| Request { id: n, ..vm.request(vm.launch_verb(&vm.sh(&format!("att_burst{n:07}"), "true"))) })
        .chain([Request { id: 30, ..vm.request(Verb::Cancel { attempt: "att_burstcancel".into(), reason: "x".into(), wait_ms: 0 }) }])
        .chain([Request { id: 31, ..vm.request(vm.launch_verb(&vm.sh("att_burstcancel", "true"))) }])
        .collect();
    let answers = vm.session(&requests);
    assert_eq!(answers.iter().map(|a| a.id).collect::<Vec<_>>(), (0..32).collect::<Vec<_>>());
    assert!(answers[..30].iter().all(|a| matches!(a.reply, Reply::Launched { created: true, .. })));
    assert!(matches!(answers[31].reply, Reply::Refused { refusal: Refusal::Sealed, .. }));
    vm.server.wait("30 results", |got| got.iter().filter(|g| g.id.contains(".result.")).count() == 30);
}

#[test]
fn f102_a_session_ends_while_its_job_lives_and_nothing_holds_its_pipes() {
    let vm = Vm::new();
    let begun = Instant::now();
    // `launched` reads the session's stdout to its end: a held pipe would block here for as long as the job sleeps.
    let view = vm.launched(&vm.sh("att_detach000001", "sleep 60"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(view.phase, Phase::Running);
    let me = std::process::id();
    for (file, key) in [("owner.json", "process"), ("child.json", "keeper"), ("child.json", "job")] {
        let (pid, _) = vm.process("att_detach000001", file, key).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        assert_eq!(fields[3].parse(), Ok(pid), "{key} leads a session of its own");
        assert_eq!(fields[4], "0", "{key} has no terminal");
        assert_ne!(fields[1].parse(), Ok(me));
        // The word to the launcher is written before the pipe is closed: so not at once, but at the end of it.
        eventually(&format!("{key} holds nothing of the session: {:?}", foreign_fds(&vm, pid, key == "process")), || {
            foreign_fds(&vm, pid, key == "process").is_empty()
        });
    }
}

/// What a process holds open outside its attempt; the supervisor may have a connection to the callback server.
fn foreign_fds(vm: &Vm, pid: u32, may_connect: bool) -> Vec<String> {
    // The supervisor hides itself (F060): without privileges nobody else can look, and there is nothing to check.
    let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        assert!(may_connect, "only the supervisor is hidden");
        return Vec::new();
    };
    let targets = fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let root = vm.root().to_string_lossy().into_owned();
    let ours =
        |t: &String| t.starts_with(&root) || t == "/dev/null" || t.starts_with("anon_inode:") || (may_connect && t.starts_with("socket:"));
    let targets: Vec<String> = targets.map(|target| target.to_string_lossy().into_owned()).collect();
    // A pipe with both ends here is between threads.
    let own_pipe = |t: &String| t.starts_with("pipe:") && targets.iter().filter(|other| *other == t).count() == 2;
    targets.iter().filter(|target| !ours(target) && !own_pipe(target)).cloned().collect()
}

#[test]
fn f059_no_token_or_secret_in_any_argv_or_environment() {
    let vm = Vm::new();
    vm.launched(&vm.sh("att_canary000001", "env > env.txt; sleep 60"));
    eventually("the job has begun", || vm.file("att_canary000001", "work/env.txt").metadata().is_ok_and(|m| m.len() > 0));
    let encoded = vm.credentials("x").proof_secret;
    for pid in std::fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok()) {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            for canary in ["canary-token", "canary-proof", "canary-url-sig", encoded.as_str()] {
                assert!(!text.contains(canary), "{canary} in {file} of {pid}");
            }
        }
    }
    let log = std::fs::read_to_string(vm.file("att_canary000001", "shim.log")).unwrap();
    assert!(!log.contains("canary"));
    assert_eq!(carriers("SORTIE_JOB=att_canary000001").len(), 2, "the shell and its sleep");
}

#[test]
fn a_frame_may_come_after_noise_of_nobody() {
    // Noise is the reader's to skip on stdout; on stdin it is refused, without an answer that could be mistaken for one.
    let vm = Vm::new();
    let (answers, code) = vm.raw(b"Welcome to Ubuntu\n");
    assert!(answers.is_empty());
    assert_eq!(code, Some(2));
}

#[test]
fn single_verbs_are_for_people() {
    let vm = Vm::new();
    let run = |words: &[&str]| {
        let mut command = Command::new(SHIM);
        command.arg("--root").arg(vm.root()).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (child.wait().unwrap().code(), text)
    };
    let (code, text) = run(&["status", "att_people000001"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("\"unknown\""));
    assert_eq!(run(&["status"]).0, Some(2));
    assert_eq!(run(&["ack", "att_people000001", "1"]).0, Some(1));
    assert!(run(&["doctor"]).1.contains(&vm.marker));
}
