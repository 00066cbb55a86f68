//! opencode: `opencode run --format json`, the prompt on standard input.

use super::cause::{of_status, of_words};
use super::launch::{Launch, Setting};
use super::seen::{Count, Done, Seen, micros, name, number};
use serde_json::{Value, json};
use sortie_protocol::agent::Permissions;

/// Names configuration that goes before the user's and is no file.
const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

/// How it is started. It has no limit on turns or money, and no schema of its answer.
pub fn launch(setting: &Setting<'_>) -> Launch {
    let task = setting.task;
    let mut launch = Launch::new(setting, "opencode");
    launch.words(["run", "--format", "json"]).own_arguments(task);
    if task.permissions == Permissions::All {
        launch.words(["--auto"]);
    }
    if let Some(model) = &task.model {
        launch.words(["-m", model]);
    }
    if setting.resumed() {
        launch.words(["-s", &setting.session]);
    }
    let mut config = json!({"autoupdate": false, "share": "disabled"});
    if task.permissions != Permissions::All && !task.tools.is_empty() {
        config["permission"] = task.tools.iter().map(|tool| (tool.clone(), json!("allow"))).collect::<serde_json::Map<_, _>>().into();
    }
    if let Some(door) = &setting.door {
        let server = json!({
            "type": "local", "command": [door.program, "mcp"], "environment": door.env(), "enabled": true, "timeout": super::limits::TOOL_MS
        });
        config["mcp"] = json!({"sortie": server});
    }
    launch.env(CONFIG, &config.to_string()).env("OPENCODE_DISABLE_AUTOUPDATE", "1");
    launch
}

/// One event of the stream. It has no final event: the end is a step that ended with `stop`, and the exit.
pub fn event(seen: &mut Seen, event: &Value) {
    if let Some(session) = name(event, "sessionID") {
        seen.session = Some(session);
    }
    let part = &event["part"];
    match event["type"].as_str() {
        Some("step_start") => {
            seen.turns = seen.turns.saturating_add(1);
            seen.done = None;
        }
        Some("text") => seen.says(part["text"].as_str().unwrap_or_default()),
        Some("tool_use") => {
            let (state, tool) = (&part["state"], part["tool"].as_str().unwrap_or("?"));
            seen.tool(None, tool, &state["input"]);
            if tool == "invalid" && state["input"]["error"].as_str().is_some_and(|words| words.contains("unavailable tool")) {
                seen.lacks(super::seen::denial(state["input"]["tool"].as_str().unwrap_or("?"), &Value::Null));
            }
            let error = state["error"].as_str().unwrap_or_default();
            let denied = ["rejected permission", "permission to use", "prevents you from using", "denied"];
            if state["status"] == "error" && denied.iter().any(|words| error.contains(words)) {
                seen.denied(super::seen::denial(tool, &state["input"]));
            }
        }
        Some("step_finish") => {
            let (tokens, cache) = (&part["tokens"], &part["tokens"]["cache"]);
            let input = number(tokens, "input") + number(cache, "read") + number(cache, "write");
            let output = number(tokens, "output") + number(tokens, "reasoning");
            // A model without a price costs 0: that is not known, then.
            let usd_micros = micros(&part["cost"]).filter(|usd| *usd > 0);
            seen.add(Count { usd_micros, input, output });
            seen.recovered();
            seen.done = (part["reason"] == "stop").then_some(Done::Well);
        }
        Some("error") => {
            let data = &event["error"]["data"];
            let words = data["message"].as_str().or_else(|| event["error"]["name"].as_str()).unwrap_or("an error");
            seen.failed(of_status(data["statusCode"].as_u64()).unwrap_or_else(|| of_words(words)), words);
            seen.done = Some(Done::Badly);
        }
        _ => {}
    }
}
