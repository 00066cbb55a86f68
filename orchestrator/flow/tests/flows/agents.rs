//! `agent(...)`, `git(...)`, `limits(...)`: what they schedule, what they refuse, what comes back.

use crate::support::{Run, job_ok};
use serde_json::json;
use sortie_core::call::{AgentPermissions, CallSpec, Cleanup, JobSpec};
use sortie_core::failure::FailureKind;

fn scheduled(body: &str) -> JobSpec {
    let mut run = Run::of(body);
    run.step();
    let CallSpec::Job(spec) = run.spec(1) else { panic!("{body}") };
    spec.clone()
}

#[test]
fn an_agent_is_a_job_that_knows_what_to_drive() {
    let spec = scheduled(
        r#"
agent("fix", on = label("builder"), kind = "claude", prompt = "Fix it; $(all) of it", model = "opus", permissions = "ask",
    tools = ["Read", "Bash(git:*)"], max_turns = 40, denials_fail = True, checkpoint = "2m", linger = "10s", approvers = ["security"],
    workspace = git("https://example.com/app.git", ref = "main"), cleanup = "success", own_user = True,
    limits = limits(memory = "4GiB", processes = 500, disk = "20GiB"), env = {"KEY": secret("k")}, budget = budget(usd = "5.00"),
    retry = retry(attempts = 3, on = ["agent_quota", "lost"]), result_schema = {"type": "object"}, timeout = "2h")
"#,
    );
    let agent = spec.agent.expect("an agent");
    assert_eq!((agent.kind.as_str(), agent.prompt.as_str(), agent.model.as_deref()), ("claude", "Fix it; $(all) of it", Some("opus")));
    assert_eq!((agent.permissions, agent.tools.len(), agent.max_turns), (AgentPermissions::Ask, 2, Some(40)));
    assert_eq!((agent.checkpoint_ms, agent.linger_ms, agent.denials_fail, agent.resume), (120_000, 10_000, true, true));
    assert_eq!((agent.approvers, spec.command), (vec!["security".to_owned()], Vec::<String>::new()));
    let workspace = spec.workspace.expect("a workspace");
    assert_eq!((workspace.repository.as_str(), workspace.reference.as_deref()), ("https://example.com/app.git", Some("main")));
    assert_eq!(
        (spec.cleanup, spec.own_user, spec.tree.memory_bytes, spec.tree.processes),
        (Cleanup::Success, true, Some(4 << 30), Some(500))
    );
    assert_eq!((spec.timeout_ms, spec.retry.on), (7_200_000, vec![FailureKind::Lost, FailureKind::AgentQuota]));
}

#[test]
fn a_command_is_an_agent_with_a_command_line_of_its_own() {
    let spec = scheduled(
        r#"agent("fix", on = "vm", kind = "command", prompt = "p", program = "/opt/agent", arguments = ["--fast"], cwd = "/srv")"#,
    );
    assert_eq!((spec.command, spec.cwd.as_deref()), (vec!["/opt/agent".to_owned(), "--fast".to_owned()], Some("/srv")));
    let agent = spec.agent.expect("an agent");
    assert_eq!((agent.kind.as_str(), agent.program, agent.arguments.len()), ("command", None, 0));
}

#[test]
fn a_job_takes_a_workspace_and_limits_and_says_nothing_of_them_where_it_has_none() {
    let spec = scheduled(
        r#"job("a", on = "vm", command = ["x"], workspace = git("/srv/app.git"), cleanup = "always", limits = limits(processes = 9))"#,
    );
    assert_eq!((spec.cleanup, spec.tree.processes, spec.workspace.is_some()), (Cleanup::Always, Some(9), true));
    let plain = serde_json::to_value(scheduled(r#"job("a", on = "vm", command = ["x"])"#)).unwrap();
    for field in ["agent", "workspace", "cleanup", "own_user", "tree"] {
        assert!(plain.get(field).is_none(), "journals of before have no `{field}`");
    }
}

#[test]
fn what_an_agent_cannot_be_told_is_refused() {
    for (call, word) in [
        ("agent('a', on = 'h', kind = 'cursor', prompt = 'p')", "kind: expected one of"),
        ("agent('a', on = 'h', kind = 'claude', prompt = ' ')", "prompt: is empty"),
        ("agent('a', on = 'h', kind = 'claude', prompt = 'key: ' + str(secret('k')))", "secrets and connections are no text"),
        ("agent('a', on = 'h', kind = 'claude', prompt = 'p', arguments = [str(secret('k'))])", "secrets and connections are no text"),
        ("agent('a', on = 'h', kind = 'command', prompt = 'p')", "needs one"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', permissions = 'some')", "permissions: expected one of"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', max_turns = 0)", "max_turns: expected at least 1"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', model = '--yolo')", "model: expected"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', approvers = ['*'])", "approvers: a role"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', result_schema = 1)", "result_schema: expected"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', cwd = '/x', workspace = git('/y'))", "cwd: the working directory is that of"),
        ("agent('a', on = 'h', kind = 'codex', prompt = 'p', cleanup = 'never')", "cleanup: expected one of"),
        ("git('--upload-pack=x')", "is no repository or ref"),
        ("git('/srv/app.git', ref = '-x')", "is no repository or ref"),
        ("git('https://me:pw@example.com/app.git')", "has a password in it"),
        ("limits()", "expected memory, processes or disk"),
        ("limits(memory = '4')", "memory: expected a size"),
        ("limits(processes = 0)", "processes: expected at least 1"),
    ] {
        let failure = Run::of(call).failure();
        assert_eq!(failure.kind, FailureKind::FlowError, "{call}");
        assert!(failure.message.contains(word), "{call}: {}", failure.message);
    }
}

#[test]
fn what_is_known_of_an_agent_is_read_from_its_answer() {
    let body = r#"
r = agent("fix", on = "vm", kind = "claude", prompt = "p")
return [r.ok, r.agent["session"], r.agent["usage"]["usd"], r.held["containment"], r.used]
"#;
    let mut run = Run::of(body);
    run.step();
    let mut answer = job_ok(json!(null));
    answer["agent"] = json!({ "session": "s-1", "usage": { "usd": "0.12" } });
    answer["held"] = json!({ "containment": "cgroup" });
    run.answer(1, answer);
    assert_eq!(run.returned(), json!([true, "s-1", "0.12", "cgroup", null]));
}
