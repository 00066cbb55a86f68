//! Claude Code: `claude -p --output-format stream-json --verbose`, the prompt on standard input.

use super::cause::{self, of_status};
use super::launch::{Launch, Setting};
use super::seen::{Cause, Count, Done, Seen, cut, denial, micros, name, number};
use serde_json::{Value, json};
use sortie_protocol::agent::Permissions;

/// Our tool that asks a person for a permission, as Claude Code names it.
const PERMISSION_TOOL: &str = "mcp__sortie__permission";

/// How it is started.
pub fn launch(setting: &Setting<'_>) -> Launch {
    let task = setting.task;
    let mut launch = Launch::new(setting, "claude");
    launch.words(["-p", "--output-format", "stream-json", "--verbose"]).own_arguments(task);
    let flag = if setting.resumed() { "--resume" } else { "--session-id" };
    launch.words([flag, &setting.session]);
    match task.permissions {
        Permissions::All => {
            // Refused to root without the second.
            launch.words(["--permission-mode", "bypassPermissions"]).env("IS_SANDBOX", "1");
        }
        Permissions::Ask if setting.door.is_some() => {
            launch.words(["--permission-mode", "default", "--permission-prompt-tool", PERMISSION_TOOL]);
        }
        Permissions::Deny | Permissions::Ask => {
            launch.words(["--permission-mode", "dontAsk"]);
        }
    }
    if let Some(model) = &task.model {
        launch.words(["--model", model]);
    }
    if let Some(turns) = task.max_turns {
        launch.words(["--max-turns", &turns.to_string()]);
    }
    if let Some(left) = task.budget_usd_micros {
        launch.words(["--max-budget-usd", &super::launch::dollars(left.max(1))]);
    }
    if let Some(schema) = &task.result_schema {
        launch.words(["--json-schema", &schema.to_string()]);
    }
    // The last two take any number of words.
    if !task.tools.is_empty() {
        launch.words(["--allowedTools"]).words(task.tools.iter().map(String::as_str));
    }
    if let Some(door) = &setting.door {
        let server = json!({"type": "stdio", "command": door.program, "args": ["mcp"], "env": door.env()});
        let path = launch.file("mcp.json", &json!({"mcpServers": {"sortie": server}}));
        launch.words(["--mcp-config"]).path(path);
        launch.env("MCP_TOOL_TIMEOUT", &super::limits::TOOL_MS.to_string());
    }
    for switch in [
        "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
        "CLAUDE_CODE_DISABLE_CRON",
    ] {
        launch.env(switch, "1");
    }
    launch
}

/// One event of the stream. Their order is not assumed: with hooks, `init` is not the first.
pub fn event(seen: &mut Seen, event: &Value) {
    if let Some(session) = name(event, "session_id") {
        seen.session = Some(session);
    }
    match event["type"].as_str() {
        Some("system") => system(seen, event),
        Some("assistant") => assistant(seen, event),
        Some("user") => {
            let parts = event["message"]["content"].as_array();
            for id in parts.into_iter().flatten().filter_map(|part| part["tool_use_id"].as_str()) {
                seen.answered(id);
            }
        }
        Some("result") => result(seen, event),
        _ => {}
    }
}

fn system(seen: &mut Seen, event: &Value) {
    match event["subtype"].as_str() {
        Some("init") => {
            seen.model = name(event, "model");
            seen.version = name(event, "claude_code_version");
        }
        Some("api_retry") => {
            let status = event["error_status"].as_u64();
            let words = format!("{} (HTTP status {})", event["error"].as_str().unwrap_or("the request failed"), status.unwrap_or(0));
            seen.failed(of_status(status).unwrap_or(Cause::Unavailable), &words);
            seen.last = Some(format!("retry {} of {}", number(event, "attempt"), number(event, "max_retries")));
        }
        _ => {}
    }
}

fn assistant(seen: &mut Seen, event: &Value) {
    let message = &event["message"];
    // Subagents speak in the same stream; what they say is not the answer.
    let own = event["parent_tool_use_id"].is_null();
    let failed = event["error"].as_str().is_some();
    if let Some(id) = name(message, "id").filter(|id| !failed && seen.message.as_deref() != Some(id)) {
        seen.message = Some(id);
        seen.recovered();
        seen.turns = seen.turns.saturating_add(u32::from(own));
        seen.add(Count { usd_micros: None, ..count(&message["usage"]) });
    }
    for part in message["content"].as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("tool_use") => seen.tool(part["id"].as_str(), part["name"].as_str().unwrap_or("?"), &part["input"]),
            Some("text") if own => seen.says(part["text"].as_str().unwrap_or_default()),
            _ => {}
        }
    }
}

fn result(seen: &mut Seen, event: &Value) {
    let is_error = event["is_error"].as_bool().unwrap_or(false);
    let subtype = event["subtype"].as_str().unwrap_or_default();
    let text = event["result"].as_str().unwrap_or_default();
    seen.turns = u32::try_from(number(event, "num_turns")).unwrap_or(u32::MAX);
    totals(seen, event);
    if let Some(structured) = event.get("structured_output").filter(|value| !value.is_null()) {
        seen.structured = Some(structured.clone());
    }
    for denied in event["permission_denials"].as_array().into_iter().flatten() {
        seen.denied(denial(denied["tool_name"].as_str().unwrap_or("?"), &denied["tool_input"]));
    }
    // An API failure has the subtype `success`, and the other way round nothing that is no success can be relied on.
    if subtype == "success" && !is_error {
        seen.recovered();
        seen.says(text);
        seen.done = Some(Done::Well);
        return;
    }
    let errors = event["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words = errors.chain(Some(text).filter(|text| !text.is_empty())).collect::<Vec<_>>().join("; ");
    let words = if words.is_empty() { subtype.to_owned() } else { words };
    let reason = event["terminal_reason"].as_str().unwrap_or_default();
    let cause = match subtype {
        "error_max_turns" | "error_max_budget_usd" => Cause::Limit,
        _ if reason.starts_with("aborted") => Cause::Interrupted,
        _ => of_status(event["api_error_status"].as_u64()).unwrap_or_else(|| cause::of_words(&words)),
    };
    seen.failed(cause, &words);
    seen.done = Some(Done::Badly);
}

/// `usage` counts this process's main conversation; `modelUsage` all models of it, and the whole session where `total_cost_usd`
/// counts so (some versions do). What is higher for the models alone is of the session.
fn totals(seen: &mut Seen, event: &Value) {
    let usd_micros = micros(&event["total_cost_usd"]);
    let mut models = Count { usd_micros, ..Count::default() };
    for used in event["modelUsage"].as_object().into_iter().flat_map(serde_json::Map::values) {
        let input = number(used, "inputTokens") + number(used, "cacheReadInputTokens") + number(used, "cacheCreationInputTokens");
        models.input = models.input.saturating_add(input);
        models.output = models.output.saturating_add(number(used, "outputTokens"));
    }
    let own = count(&event["usage"]);
    // A process that was ended by its budget says 0 of itself; its messages were counted.
    let own = if own.input == 0 { seen.own } else { own };
    seen.own = Count { usd_micros: None, ..own };
    seen.session_total = Some(models);
    seen.model = seen.model.take().or_else(|| event["modelUsage"].as_object()?.keys().next().map(|model| cut(model, 200)));
}

fn count(usage: &Value) -> Count {
    let input = number(usage, "input_tokens") + number(usage, "cache_read_input_tokens") + number(usage, "cache_creation_input_tokens");
    Count { usd_micros: None, input, output: number(usage, "output_tokens") }
}
