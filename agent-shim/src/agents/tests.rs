//! The streams of the real agents, as recorded, and what is read of them.

use super::classify::{self, Ending};
use super::launch::Setting;
use super::report;
use super::seen::{Count, Seen};
use super::stream::{Read, Reader};
use super::{claude, codex, gemini, opencode};
use serde_json::{Value, json};
use sortie_protocol::agent::{AgentKind, AgentOutcome, AgentTask, Permissions};
use std::path::{Path, PathBuf};

fn recorded(kind: AgentKind, case: &str) -> (Seen, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(kind.as_str()).join(format!("{case}.jsonl"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let at = text[..text.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let mut reader = Reader::new(kind, Read::default());
    reader.feed(0, &text[..at]);
    let last: Value = serde_json::from_slice(&text[at..]).unwrap();
    (reader.seen().clone(), last["recorded"].clone())
}

fn judged(kind: AgentKind, case: &str, permissions: Permissions) -> (AgentOutcome, Option<String>, Seen) {
    let (seen, ended) = recorded(kind, case);
    let ending = Ending {
        code: ended["exit_code"].as_i64().map(|code| code as i32),
        signal: ended["signal"].as_i64().map(|signal| signal as i32),
        stopped: ended["stopped"] == true,
        stderr: ended["stderr"].as_str().unwrap(),
        ..Ending::default()
    };
    let seen = classify::with_last_words(kind, &seen, ending.stderr);
    let (outcome, error) = classify::judge(kind, permissions, &seen, &ending);
    (outcome, error, seen)
}

#[test]
fn every_recorded_stream_has_its_outcome() {
    use AgentKind::{Claude, Codex, Gemini, Opencode};
    use AgentOutcome::{Auth, Cancelled, Completed, CompletedWithDenials, Error, Limit, Quota, Unavailable};
    let table = [
        (Claude, "normal", Completed),
        (Claude, "resumed", Completed),
        (Claude, "denied", CompletedWithDenials),
        // That bad request says that the credit is used up.
        (Claude, "status400", Quota),
        (Claude, "status401", Auth),
        (Claude, "status403", Auth),
        (Claude, "status429", Quota),
        (Claude, "status500", Unavailable),
        (Claude, "status529", Unavailable),
        (Claude, "turns", Limit),
        (Claude, "stopped_int", Cancelled),
        (Claude, "stopped_term", Cancelled),
        (Claude, "session_in_use", Error),
        (Claude, "unknown_session", Error),
        (Codex, "normal", Completed),
        (Codex, "resumed", Completed),
        // Its sandbox refuses within the tool: nothing in the stream tells it from a tool that failed.
        (Codex, "denied", Completed),
        (Codex, "rejected", CompletedWithDenials),
        (Codex, "status400", Error),
        (Codex, "status401", Auth),
        (Codex, "status403", Auth),
        (Codex, "status429", Quota),
        (Codex, "status500", Unavailable),
        (Codex, "stopped_int", Cancelled),
        (Codex, "stopped_term", Cancelled),
        (Codex, "unknown_session", Error),
        (Gemini, "normal", Completed),
        (Gemini, "resumed", Completed),
        (Gemini, "denied", CompletedWithDenials),
        // A wrong key is a bad request for this endpoint.
        (Gemini, "status400", Auth),
        (Gemini, "status401", Auth),
        (Gemini, "status403", Auth),
        (Gemini, "status429", Quota),
        (Gemini, "status500", Unavailable),
        (Gemini, "status503", Unavailable),
        (Gemini, "turns", Limit),
        (Gemini, "stopped_term", Cancelled),
        (Gemini, "session_in_use", Error),
        (Gemini, "unknown_session", Error),
        (Opencode, "normal", Completed),
        (Opencode, "resumed", Completed),
        (Opencode, "denied", CompletedWithDenials),
        (Opencode, "rejected", CompletedWithDenials),
        (Opencode, "status401", Auth),
        (Opencode, "status429", Quota),
        (Opencode, "status500", Unavailable),
        (Opencode, "stopped_int", Cancelled),
        (Opencode, "stopped_term", Cancelled),
        (Opencode, "unknown_session", Error),
    ];
    let wrong: Vec<_> = table
        .into_iter()
        .map(|(kind, case, wanted)| (kind, case, wanted, judged(kind, case, Permissions::Deny)))
        .filter(|(_, _, wanted, (outcome, ..))| outcome != wanted)
        .map(|(kind, case, wanted, (outcome, error, _))| format!("{} {case}: {outcome:?} for {wanted:?} ({error:?})", kind.as_str()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_agents_say_of_themselves_is_read() {
    for kind in [AgentKind::Claude, AgentKind::Codex, AgentKind::Gemini, AgentKind::Opencode] {
        let (outcome, error, seen) = judged(kind, "normal", Permissions::All);
        assert_eq!((outcome, error), (AgentOutcome::Completed, None), "{}", kind.as_str());
        assert_eq!((seen.text.as_str(), seen.tool_calls), ("All done.", 1), "{}", kind.as_str());
        assert!(seen.session.is_some() && seen.turns >= 1, "{}: {seen:?}", kind.as_str());
        let used = report::usage(kind, &seen, None);
        assert_eq!((used.input_tokens, used.output_tokens), (200, 20), "{}", kind.as_str());
        let before = seen.session_total;
        let (.., next) = judged(kind, "resumed", Permissions::All);
        let used = report::usage(kind, &next, before);
        assert_eq!((used.input_tokens, used.output_tokens), (100, 10), "{}: a resumed session", kind.as_str());
    }
    let (.., seen) = judged(AgentKind::Claude, "normal", Permissions::All);
    assert_eq!(seen.session_total.unwrap().usd_micros, Some(1_200));
    let (.., next) = judged(AgentKind::Claude, "resumed", Permissions::All);
    assert_eq!(report::usage(AgentKind::Claude, &next, seen.session_total).usd_micros, Some(600));
    assert_eq!(seen.version.as_deref(), Some("2.1.330"));
}

#[test]
fn a_denied_tool_is_named_with_its_input() {
    for (kind, case) in
        [(AgentKind::Claude, "denied"), (AgentKind::Codex, "rejected"), (AgentKind::Gemini, "denied"), (AgentKind::Opencode, "rejected")]
    {
        let (.., seen) = judged(kind, case, Permissions::Deny);
        let denials = classify::denials(Permissions::Deny, &seen);
        assert!(denials.len() == 1 && denials[0].input.contains("touch"), "{}: {denials:?}", kind.as_str());
    }
}

#[test]
fn a_second_start_of_an_attempt_is_called_so() {
    for kind in [AgentKind::Claude, AgentKind::Gemini] {
        let (outcome, error, _) = judged(kind, "session_in_use", Permissions::All);
        assert_eq!(outcome, AgentOutcome::Error);
        assert!(error.unwrap().contains("started before"), "{}", kind.as_str());
    }
}

#[test]
fn an_end_that_nobody_explains_is_an_error() {
    let none = Seen::default();
    let judge = |kind, ending: &Ending<'_>| classify::judge(kind, Permissions::All, &none, ending);
    let ended = Ending { code: Some(0), ..Ending::default() };
    let (outcome, error) = judge(AgentKind::Claude, &ended);
    assert_eq!(outcome, AgentOutcome::Error, "exit code 0 is no proof of work");
    assert!(error.unwrap().contains("without a final event"));
    assert_eq!(judge(AgentKind::Command, &ended).0, AgentOutcome::Completed);
    assert_eq!(judge(AgentKind::Command, &Ending { code: Some(1), ..Ending::default() }).0, AgentOutcome::Error);
    assert_eq!(judge(AgentKind::Gemini, &Ending { code: Some(41), ..Ending::default() }).0, AgentOutcome::Auth);
    assert_eq!(judge(AgentKind::Codex, &Ending { stopped: true, signal: Some(15), ..Ending::default() }).0, AgentOutcome::Cancelled);
    let (outcome, error) = judge(AgentKind::Claude, &Ending { spawn_error: Some("no such program"), ..Ending::default() });
    assert_eq!((outcome, error.as_deref()), (AgentOutcome::Error, Some("no such program")));
}

#[test]
fn a_question_that_is_open_parks_an_agent_that_ends() {
    let (seen, _) = recorded(AgentKind::Claude, "denied");
    let ending = Ending { code: Some(0), parked: true, ..Ending::default() };
    assert_eq!(classify::judge(AgentKind::Claude, Permissions::Ask, &seen, &ending).0, AgentOutcome::Parked);
    let stopped = Ending { stopped: true, parked: true, ..Ending::default() };
    assert_eq!(classify::judge(AgentKind::Claude, Permissions::Ask, &Seen::default(), &stopped).0, AgentOutcome::Cancelled);
}

fn task(kind: &str, more: Value) -> AgentTask {
    let mut task = json!({"kind": kind, "prompt": "SECRET PROMPT", "session": "s-1", "checkpoint_ms": 0, "linger_ms": 0});
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(task).unwrap()
}

/// Words, names of variables, files.
type Started = (Vec<String>, Vec<String>, Vec<(PathBuf, Vec<u8>)>);

fn words(task: &AgentTask, resumes: bool) -> Started {
    let door = super::launch::Door { program: "/bin/sortie-shim".to_owned(), socket: "/run/s".to_owned() };
    let setting = Setting {
        task,
        session: "s-1".to_owned(),
        resumes,
        session_file: None,
        dir: PathBuf::from("/p"),
        user_dir: None,
        door: Some(door),
    };
    let launch = match task.kind {
        AgentKind::Claude => claude::launch(&setting),
        AgentKind::Codex => codex::launch(&setting),
        AgentKind::Gemini => gemini::launch(&setting),
        _ => opencode::launch(&setting),
    };
    let text = |word: &std::ffi::OsString| word.to_str().unwrap().to_owned();
    (launch.command.iter().map(text).collect(), launch.env.iter().map(|(name, _)| name.clone()).collect(), launch.files)
}

#[test]
fn no_prompt_is_on_a_command_line_and_every_agent_runs_unattended() {
    let more = json!({"model": "m", "tools": ["Bash(git *)"], "max_turns": 3, "budget_usd_micros": 1_500_000, "arguments": ["--own"],
        "result_schema": {"type": "object"}});
    for kind in ["claude", "codex", "gemini", "opencode"] {
        for resumes in [false, true] {
            let (words, _, _) = words(&task(kind, more.clone()), resumes);
            let line = words.join(" ");
            assert!(!line.contains("SECRET"), "{line}");
            assert!(line.contains(" m") && line.contains("--own"), "{line}");
            assert_eq!(line.contains("s-1"), resumes || matches!(kind, "claude" | "gemini"), "{line}");
        }
    }
    let line =
        |kind, permissions| words(&task(kind, json!({"permissions": permissions, "budget_usd_micros": 1_500_000})), false).0.join(" ");
    assert!(line("claude", "all").contains("--permission-mode bypassPermissions"));
    assert!(line("claude", "all").contains("--max-budget-usd 1.5"));
    assert!(line("claude", "deny").contains("--permission-mode dontAsk"));
    assert!(line("claude", "ask").contains("--permission-prompt-tool mcp__sortie__permission"));
    assert!(line("codex", "all").contains("--dangerously-bypass-approvals-and-sandbox"));
    assert!(line("codex", "ask").contains("approval_policy=\"never\""));
    assert!(line("gemini", "all").contains("--approval-mode yolo") && line("gemini", "deny").contains("--approval-mode default"));
    assert!(line("opencode", "all").contains("--auto") && !line("opencode", "deny").contains("--auto"));
    assert!(words(&task("claude", json!({})), false).1.contains(&"IS_SANDBOX".to_owned()));
    let (_, _, files) = words(&task("gemini", json!({"max_turns": 3})), false);
    let settings: Value = serde_json::from_slice(&files[0].1).unwrap();
    assert_eq!(settings["model"]["maxSessionTurns"], 3);
    assert_eq!(settings["mcpServers"]["sortie"]["args"], json!(["mcp"]));
}

#[test]
fn progress_says_what_was_used_and_what_is_done() {
    let (mut seen, _) = recorded(AgentKind::Claude, "normal");
    seen.session_total = seen.session_total.map(|total| Count { usd_micros: Some(403), ..total });
    let said = report::progress(&task("claude", json!({})), &seen, None);
    assert_eq!(said["usage"], json!({"tokens": 220, "usd": "0.000403"}));
    assert_eq!(said["agent"]["tool_calls"], 1);
    assert_eq!(said["last"], "tool Bash");
}

#[test]
fn a_structured_answer_is_the_result_document() {
    let with = task("claude", json!({"result_schema": {"type": "object"}}));
    let seen = Seen { structured: Some(json!({"branch": "b"})), text: "no json".to_owned(), ..Seen::default() };
    assert_eq!(report::document(&with, &seen), Some(json!({"branch": "b"})));
    let seen = Seen { text: "{\"branch\":\"b\"}".to_owned(), ..Seen::default() };
    assert_eq!(report::document(&with, &seen), Some(json!({"branch": "b"})));
    assert_eq!(report::document(&task("claude", json!({})), &seen), None, "only where one was asked for");
}
