//! Coding agents from the launch to the result, played by a shell script that writes what the real ones were recorded to write.

use crate::vm::{Vm, eventually};
use serde_json::{Value, json};
use sortie_protocol::agent::{AgentOutcome, AgentReport};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::callback::{JobOutcome, JobResult};
use sortie_protocol::spec::{Restore, Spec};
use sortie_protocol::verb::Verb;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Session of the recorded streams.
const SESSION: &str = "00000000-0000-4000-8000-000000000001";

/// The recorded stream without its last line, which is not the agent's.
fn recorded(case: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(format!("{case}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    text[..text[..text.len() - 1].rfind('\n').map_or(0, |at| at + 1)].to_owned()
}

/// An agent that is this script. What it was started with goes to `args`, `input` and `env` beside its working directory's own files.
fn played(vm: &Vm, attempt: &str, kind: &str, script: &str, more: Value) -> Spec {
    let program = vm.scratch(&format!("{attempt}.sh"));
    let heard = vm.scratch(&format!("{attempt}.heard"));
    std::fs::create_dir_all(&heard).unwrap();
    let heard = heard.display();
    let text =
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {heard}/args\ncat > {heard}/input\nenv > {heard}/env\npwd > {heard}/cwd\n{script}\n");
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut task = json!({"kind": kind, "prompt": "fix it; $(touch no)\n", "resume_prompt": "go on", "program": program.to_str(),
        "session": SESSION, "checkpoint_ms": 0, "linger_ms": 30_000});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let home = vm.scratch("home");
    let env = vec![("HOME".to_owned(), Bytes::from(home.to_str().unwrap()))];
    Spec { agent: serde_json::from_value(task).unwrap(), env, grace_ms: 4_000, ..vm.spec(attempt, &[]) }
}

fn says(vm: &Vm, case: &str) -> String {
    let file = vm.scratch(&case.replace('/', "-"));
    std::fs::write(&file, recorded(case)).unwrap();
    format!("cat {}", file.display())
}

fn heard(vm: &Vm, attempt: &str, what: &str) -> String {
    std::fs::read_to_string(vm.scratch(&format!("{attempt}.heard")).join(what)).unwrap()
}

fn ended(vm: &Vm, attempt: &str) -> (JobResult, AgentReport) {
    let result = vm.posted_result(attempt);
    let agent = result.agent.clone().expect("a report on the agent");
    (result, agent)
}

/// The transcript that an agent would have written.
fn transcript(vm: &Vm) -> PathBuf {
    let path = vm.scratch("home/.claude/projects/-work").join(format!("{SESSION}.jsonl"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{\"said\":\"before\"}\n").unwrap();
    path
}

#[test]
fn an_agent_gets_its_prompt_and_is_understood() {
    let vm = Vm::new();
    let script = format!("{}; touch made", says(&vm, "claude/normal"));
    vm.launched(&played(&vm, "att_agent0000001", "claude", &script, json!({})));
    let (result, agent) = ended(&vm, "att_agent0000001");
    assert_eq!((result.outcome, result.exit_code), (JobOutcome::Exited, Some(0)), "{agent:?}");
    assert_eq!((agent.outcome, agent.text.as_str(), agent.tool_calls), (AgentOutcome::Completed, "All done.", 1));
    assert_eq!((agent.usage.usd_micros, agent.usage.input_tokens, agent.resumed), (Some(1_200), 200, false));
    assert_eq!(agent.session.as_deref(), Some(SESSION));
    assert_eq!(heard(&vm, "att_agent0000001", "input"), "fix it; $(touch no)\n");
    let args = heard(&vm, "att_agent0000001", "args");
    assert!(args.contains(&format!("--session-id\n{SESSION}\n")) && !args.contains("fix it"), "{args}");
    assert!(heard(&vm, "att_agent0000001", "env").contains("DISABLE_AUTOUPDATER=1"));
    let progress = result.progress.expect("the last progress goes with the result").data;
    assert_eq!(progress["usage"], json!({"tokens": 220, "usd": "0.0012"}));
    let checkpoint = agent.checkpoint.expect("a last checkpoint");
    assert_eq!((checkpoint.number, checkpoint.bundle.is_some()), (1, true), "{checkpoint:?}");
    assert!(vm.server.uploads().file("checkpoint-1").starts_with(b"# v"));
    assert_eq!(result.leftovers.unwrap_or(0), 0, "what makes the checkpoint is not the job's");
}

#[test]
fn f061_an_agent_that_only_claims_success_has_an_error() {
    let vm = Vm::new();
    vm.launched(&played(&vm, "att_claims000001", "claude", "echo 'All done: success'; exit 0", json!({})));
    let (result, agent) = ended(&vm, "att_claims000001");
    assert_eq!((result.exit_code, agent.outcome), (Some(0), AgentOutcome::Error));
}

#[test]
fn f095_a_stream_is_read_on_by_the_next_supervisor() {
    let vm = Vm::new();
    let (go, half) = (vm.scratch("go"), vm.scratch("half"));
    let stream = recorded("claude/normal");
    let cut = stream.len() / 2;
    std::fs::write(&half, &stream[..cut]).unwrap();
    std::fs::write(vm.scratch("rest"), &stream[cut..]).unwrap();
    let wait = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
    let script = format!("cat {}; touch {}; {wait}; cat {}", half.display(), vm.scratch("halfway").display(), vm.scratch("rest").display());
    vm.launched(&played(&vm, "att_readon000001", "claude", &script, json!({})));
    eventually("half of it is written", || vm.scratch("halfway").exists());
    vm.kill_supervisor("att_readon000001");
    vm.status("att_readon000001");
    std::fs::write(go, "").unwrap();
    let (_, agent) = ended(&vm, "att_readon000001");
    assert_eq!(
        (agent.outcome, agent.tool_calls, agent.usage.input_tokens),
        (AgentOutcome::Completed, 1, 200),
        "nothing twice, nothing lost"
    );
}

#[test]
fn what_lingers_after_its_final_event_is_ended_and_completed() {
    let vm = Vm::new();
    let script = format!("{}; sleep 300", says(&vm, "gemini/normal"));
    vm.launched(&played(&vm, "att_linger000001", "gemini", &script, json!({"linger_ms": 100})));
    let (result, agent) = ended(&vm, "att_linger000001");
    assert_eq!((agent.outcome, result.stop_reason.as_deref(), result.tree_gone), (AgentOutcome::Completed, Some("linger"), true));
}

#[test]
fn a_cancelled_claude_hears_int_first_and_has_time_for_its_result() {
    let vm = Vm::new();
    let script = format!(
        "trap '{}; touch {}; exit 0' INT; touch {}; while :; do sleep 0.02; done",
        says(&vm, "claude/stopped_int"),
        vm.scratch("int").display(),
        vm.scratch("ready").display()
    );
    vm.launched(&played(&vm, "att_cancel000001", "claude", &script, json!({})));
    eventually("it runs", || vm.scratch("ready").exists());
    vm.cancel("att_cancel000001");
    let (result, agent) = ended(&vm, "att_cancel000001");
    assert!(vm.scratch("int").exists(), "asked before it is told");
    assert_eq!((result.outcome, agent.outcome, result.tree_gone), (JobOutcome::Stopped, AgentOutcome::Cancelled, true));
    assert_eq!(agent.usage.input_tokens, 100, "what it had used is counted");
}

#[test]
fn a_retry_goes_on_with_the_session_in_the_same_directory() {
    let vm = Vm::new();
    transcript(&vm);
    let script = format!("{}; echo 1 > state; exit 1", says(&vm, "claude/normal"));
    vm.launched(&played(&vm, "att_first0000001", "claude", &script, json!({})));
    let (_, first) = ended(&vm, "att_first0000001");
    assert_eq!(first.usage.usd_micros, Some(1_200));
    let script = format!("{}; cat state", says(&vm, "claude/resumed"));
    let mut second = played(&vm, "att_second000001", "claude", &script, json!({"earlier": ["att_first0000001", "att_absent000001"]}));
    second.number = 2;
    vm.launched(&second);
    let (result, agent) = ended(&vm, "att_second000001");
    assert_eq!((agent.outcome, agent.resumed, result.output.ends_with("1\n")), (AgentOutcome::Completed, true, true));
    assert_eq!((agent.usage.usd_micros, agent.usage.input_tokens), (Some(600), 100), "not counted twice");
    assert!(heard(&vm, "att_second000001", "args").contains(&format!("--resume\n{SESSION}\n")));
    assert_eq!(heard(&vm, "att_second000001", "input"), "go on");
    assert_eq!(heard(&vm, "att_second000001", "cwd"), heard(&vm, "att_first0000001", "cwd"));
}

#[test]
fn without_the_session_a_retry_starts_over_and_says_so() {
    let vm = Vm::new();
    let mut spec = played(&vm, "att_fresh0000001", "claude", &says(&vm, "claude/normal"), json!({"earlier": ["att_absent000001"]}));
    spec.number = 2;
    vm.launched(&spec);
    let (_, agent) = ended(&vm, "att_fresh0000001");
    assert!(!agent.resumed);
    assert_eq!(heard(&vm, "att_fresh0000001", "input"), "fix it; $(touch no)\n");
    assert!(!heard(&vm, "att_fresh0000001", "args").contains(SESSION), "an attempt that starts over has a session of its own");
}

#[test]
fn a_structured_answer_becomes_the_result_document() {
    let vm = Vm::new();
    let stream = r#"{"type":"thread.started","thread_id":"t"}
{"type":"turn.started"}
{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"{\"branch\":\"b1\"}"}}
{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}
"#;
    std::fs::write(vm.scratch("stream"), stream).unwrap();
    let script = format!("cat {}", vm.scratch("stream").display());
    vm.launched(&played(&vm, "att_answer000001", "codex", &script, json!({"result_schema": {"type": "object"}})));
    let (result, _) = ended(&vm, "att_answer000001");
    assert_eq!(result.result, Some(json!({"branch": "b1"})));
    let own = format!("{script}; echo '\"own\"' > $SORTIE_RESULT");
    vm.launched(&played(&vm, "att_answer000002", "codex", &own, json!({"result_schema": {"type": "object"}})));
    let (result, _) = ended(&vm, "att_answer000002");
    assert_eq!(result.result, Some(json!("own")), "what the job leaves itself stands");
}

/// Serves these bytes to whoever asks, a few times.
fn serve(bytes: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/resources/x?sig=canary-url-sig-88ab", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().take(4).flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    url
}

#[test]
fn another_machine_starts_from_the_checkpoint() {
    let here = Vm::new();
    transcript(&here);
    let script = format!("{}; mkdir -p a; echo work > a/file; exit 1", says(&here, "claude/normal"));
    here.launched(&played(&here, "att_moves0000001", "claude", &script, json!({})));
    let (_, first) = ended(&here, "att_moves0000001");
    let kept = first.checkpoint.unwrap().bundle.unwrap();
    let url = serve(here.server.uploads().file("checkpoint-1"));
    let there = Vm::new();
    let script = format!("{}; cat a/file", says(&there, "claude/resumed"));
    let mut spec = played(&there, "att_moves0000002", "claude", &script, json!({"earlier": ["att_moves0000001"]}));
    spec.number = 2;
    let restored = |vm: &Vm, url: &str, spec: &Spec| {
        let mut verb = vm.launch_verb(spec);
        let Verb::Launch { credentials, .. } = &mut verb else { panic!() };
        credentials.restore = Some(Restore { url: url.to_owned(), kept: kept.clone() });
        vm.verb(verb);
    };
    restored(&there, &url, &spec);
    let (result, agent) = ended(&there, "att_moves0000002");
    assert!(result.output.ends_with("work\n"), "{}", result.output);
    assert_eq!((agent.resumed, agent.usage.usd_micros), (true, Some(600)), "{agent:?}");
    assert!(heard(&there, "att_moves0000002", "args").contains(&format!("--resume\n{SESSION}\n")));
    // Bytes that are not those are not used: the work begins anew.
    let third = Vm::new();
    let mut spec = played(&third, "att_moves0000003", "claude", &says(&third, "claude/normal"), json!({}));
    spec.number = 3;
    restored(&third, &serve(vec![b'x'; kept.size as usize]), &spec);
    let (_, agent) = ended(&third, "att_moves0000003");
    assert_eq!((agent.resumed, agent.outcome), (false, AgentOutcome::Completed));
}
