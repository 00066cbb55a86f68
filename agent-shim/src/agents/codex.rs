//! Codex CLI: `codex exec --json -`, the prompt on standard input.

use super::cause::of_words;
use super::launch::{Launch, Setting};
use super::limits::{INPUT_BYTES, NAME_BYTES};
use super::seen::{Count, Done, Seen, cut, denial, name, number};
use serde_json::Value;
use sortie_protocol::agent::{Denial, Permissions};

/// How it is started. It has no limit on turns or money.
pub fn launch(setting: &Setting<'_>) -> Launch {
    let task = setting.task;
    let mut launch = Launch::new(setting, "codex");
    launch.words(["exec"]);
    if setting.resumed() {
        launch.words(["resume"]);
    }
    launch.words(["--json", "--skip-git-repo-check"]).own_arguments(task);
    match task.permissions {
        Permissions::All => launch.words(["--dangerously-bypass-approvals-and-sandbox"]),
        // The sandbox stays as configured; nothing is asked. Its sandbox modes stand for tools.
        Permissions::Deny | Permissions::Ask => launch.setting("approval_policy", "never"),
    };
    let modes = ["read-only", "workspace-write"];
    if task.permissions != Permissions::All
        && let Some(mode) = modes.iter().rev().find(|mode| task.tools.iter().any(|tool| tool == *mode))
    {
        launch.setting("sandbox_mode", mode);
    }
    if let Some(model) = &task.model {
        launch.words(["-m", model]);
    }
    if let Some(schema) = &task.result_schema {
        let path = launch.file("schema.json", schema);
        launch.words(["--output-schema"]).path(path);
    }
    if let Some(door) = &setting.door {
        launch.setting("mcp_servers.sortie.command", &door.program).words(["-c", "mcp_servers.sortie.args=[\"mcp\"]"]);
        for (variable, value) in door.env() {
            launch.setting(&format!("mcp_servers.sortie.env.{variable}"), &value);
        }
        launch.words(["-c", &format!("mcp_servers.sortie.tool_timeout_sec={}", super::limits::TOOL_MS / 1_000)]);
    }
    launch.words(["-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"]);
    if setting.resumed() {
        launch.words([setting.session.as_str()]);
    }
    launch.words(["-"]);
    launch
}

/// One event of the stream. An item of type `error` is a warning; only `turn.failed` is the end.
pub fn event(seen: &mut Seen, event: &Value) {
    match event["type"].as_str() {
        Some("thread.started") => seen.session = name(event, "thread_id"),
        Some("turn.started") => seen.turns = seen.turns.saturating_add(1),
        Some("item.started") => started(seen, &event["item"]),
        Some("item.completed") => completed(seen, &event["item"]),
        Some("turn.completed") => {
            let usage = &event["usage"];
            // Cached ones are among the input already. The whole thread is counted, over all its resumptions.
            let (input, output) = (number(usage, "input_tokens"), number(usage, "output_tokens"));
            seen.session_total = Some(Count { usd_micros: None, input, output });
            seen.recovered();
            seen.done = Some(Done::Well);
        }
        Some("turn.failed") => {
            let words = event["error"]["message"].as_str().unwrap_or("the turn failed");
            seen.failed(of_words(words), words);
            seen.done = Some(Done::Badly);
        }
        Some("error") => {
            let words = event["message"].as_str().unwrap_or("an error");
            seen.failed(of_words(words), words);
            seen.last = Some("an error, perhaps tried again".to_owned());
        }
        _ => {}
    }
}

fn tool(item: &Value) -> Option<(String, &Value)> {
    Some(match item["type"].as_str()? {
        "command_execution" => ("command".to_owned(), &item["command"]),
        "file_change" => ("file_change".to_owned(), &item["changes"]),
        "web_search" => ("web_search".to_owned(), &item["query"]),
        "mcp_tool_call" => {
            let part = |key: &str| item[key].as_str().unwrap_or("?");
            (format!("{}.{}", part("server"), part("tool")), &item["arguments"])
        }
        _ => return None,
    })
}

fn started(seen: &mut Seen, item: &Value) {
    if let Some((name, input)) = tool(item) {
        seen.recovered();
        seen.tool(item["id"].as_str(), &name, input);
    }
}

fn completed(seen: &mut Seen, item: &Value) {
    if let Some((name, input)) = tool(item) {
        // Some items are complete without having been started.
        if item["id"].as_str().and_then(|id| seen.answered(id)).is_none() {
            seen.tool(None, &name, input);
        }
        if item["status"] == "declined" {
            seen.denied(denial(&name, input));
        }
    } else if item["type"] == "agent_message" {
        seen.recovered();
        seen.says(item["text"].as_str().unwrap_or_default());
    } else if item["type"] == "error" && seen.cause.is_none() {
        seen.last = Some("a warning".to_owned());
    }
}

/// Tool calls that a rule or the policy on approvals forbids, from standard error:
/// `... ERROR codex_core::tools::router: error=TOOL failed: ... "Rejected(\"`COMMAND` rejected: WHY\")" ...`.
pub fn refused(stderr: &str) -> Vec<Denial> {
    let of_line = |line: &str| {
        let (_, words) = line.split_once("codex_core::tools::router: error=")?;
        let (tool, words) = words.split_once(' ')?;
        let (_, refused) = words.split_once("Rejected(")?;
        let input = refused.trim_start_matches(['\\', '"']).split("\\\")").next()?;
        Some(Denial { tool: cut(tool, NAME_BYTES), input: cut(input, INPUT_BYTES) })
    };
    stderr.lines().filter_map(of_line).collect()
}
