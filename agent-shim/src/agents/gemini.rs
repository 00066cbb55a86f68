//! Gemini CLI: `gemini -o stream-json`, the prompt on standard input.

use super::cause::{of_status, of_words};
use super::launch::{Launch, Setting, StandIn};
use super::seen::{Cause, Count, Done, Seen, name, number};
use serde_json::{Value, json};
use sortie_protocol::agent::Permissions;
use std::path::Path;

/// Where the system's own settings are, which ours are laid over.
const SYSTEM_SETTINGS: &str = "/etc/gemini-cli/settings.json";
/// Names a file with the system's settings: they go before the user's. Heeded only where nobody but root can write to the file or to
/// any folder above it.
const SETTINGS_PATH: &str = "GEMINI_CLI_SYSTEM_SETTINGS_PATH";
/// Names the folder that `.gemini` is looked for in, instead of the home.
const HOME: &str = "GEMINI_CLI_HOME";

/// How it is started. It has no limit on money.
pub fn launch(setting: &Setting<'_>) -> Launch {
    let task = setting.task;
    let mut launch = Launch::new(setting, "gemini");
    launch.words(["-o", "stream-json", "--skip-trust"]).own_arguments(task);
    let mode = if task.permissions == Permissions::All { "yolo" } else { "default" };
    launch.words(["--approval-mode", mode]);
    if let Some(model) = &task.model {
        launch.words(["-m", model]);
    }
    match &setting.session_file {
        Some(file) => launch.words(["--session-file"]).path(file.clone()),
        None => launch.words([if setting.resumed() { "-r" } else { "--session-id" }, &setting.session]),
    };
    let own = settings(setting);
    match setting.user_dir.as_deref().and_then(|of| Some((of, read(&of.join("settings.json"))?))) {
        Some((of, mut all)) => {
            lay_over(&mut all, own);
            let home = setting.dir.join("gemini");
            let at = home.join(".gemini");
            launch.files.push((at.join("settings.json"), all.to_string().into_bytes()));
            launch.stands_for = Some(StandIn { at, of: of.to_owned(), but: "settings.json", made: &["tmp", "history"] });
            launch.env_path(HOME, home);
        }
        None => {
            let mut all = read(Path::new(SYSTEM_SETTINGS)).unwrap_or_else(|| json!({}));
            lay_over(&mut all, own);
            let path = launch.file("gemini.json", &all);
            launch.env_path(SETTINGS_PATH, path);
        }
    }
    launch.env("NO_BROWSER", "true");
    launch
}

/// Settings of a file; none where there is no file, and `None` where they cannot be understood (Gemini CLI takes comments).
fn read(path: &Path) -> Option<Value> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok().filter(Value::is_object),
        Err(error) => (error.kind() == std::io::ErrorKind::NotFound).then(|| json!({})),
    }
}

fn settings(setting: &Setting<'_>) -> Value {
    let mut own = json!({
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false, "disableAutoUpdate": true},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
    });
    if let Some(turns) = setting.task.max_turns {
        own["model"] = json!({"maxSessionTurns": turns});
    }
    if !setting.task.tools.is_empty() {
        own["tools"] = json!({"allowed": setting.task.tools});
    }
    if let Some(door) = &setting.door {
        let server = json!({"command": door.program, "args": ["mcp"], "env": door.env(), "timeout": super::limits::TOOL_MS, "trust": true});
        own["mcpServers"] = json!({"sortie": server});
    }
    own
}

/// Objects are merged, everything else is replaced.
fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// One event of the stream.
pub fn event(seen: &mut Seen, event: &Value) {
    match event["type"].as_str() {
        Some("init") => {
            seen.session = name(event, "session_id");
            seen.model = name(event, "model");
            seen.text_over = true;
        }
        Some("message") if event["role"] == "assistant" => {
            let text = event["content"].as_str().unwrap_or_default();
            seen.turns = seen.turns.saturating_add(u32::from(seen.text_over));
            if event["delta"] == true { seen.says_on(text) } else { seen.says(text) }
        }
        Some("tool_use") => {
            seen.tool(event["tool_id"].as_str(), event["tool_name"].as_str().unwrap_or("?"), &event["parameters"]);
        }
        Some("tool_result") => {
            let tool = event["tool_id"].as_str().and_then(|id| seen.answered(id));
            let kind = event["error"]["type"].as_str().unwrap_or_default();
            match (kind, tool) {
                // What is not allowed is taken off the list, so that the model asks for a tool that is not there.
                ("tool_not_registered", Some(tool)) => seen.lacks(tool),
                ("policy_violation" | "permission_denied" | "execution_denied", Some(tool)) => seen.denied(tool),
                _ => {}
            }
        }
        Some("error") => {
            let words = event["message"].as_str().unwrap_or("an error");
            seen.failed(of_words(words), words);
        }
        Some("result") => result(seen, event),
        _ => {}
    }
}

fn result(seen: &mut Seen, event: &Value) {
    let stats = &event["stats"];
    seen.own = Count { usd_micros: None, input: number(stats, "input_tokens"), output: number(stats, "output_tokens") };
    if event["status"] == "success" {
        seen.recovered();
        seen.done = Some(Done::Well);
        return;
    }
    let words = event["error"]["message"].as_str().unwrap_or("it failed");
    let turns = event["error"]["type"].as_str().is_some_and(|kind| kind.contains("TurnLimited"));
    seen.failed(if turns { Cause::Limit } else { of_words(words) }, words);
    seen.done = Some(Done::Badly);
}

/// What its exit code says: one of its own, or an HTTP status of which the shell keeps the lower 8 bits.
pub fn cause_of_exit(code: i32) -> Option<Cause> {
    match code {
        41 => Some(Cause::Auth),
        53 => Some(Cause::Limit),
        _ => [401, 402, 403, 408, 429, 500, 502, 503, 504, 529]
            .into_iter()
            .find(|status| i32::try_from(status % 256) == Ok(code) && code > 127)
            .and_then(|status| of_status(Some(status))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_system_stay() {
        let mut system = json!({"general": {"vimMode": true}, "mcpServers": {"own": {}}, "telemetry": {"enabled": true}});
        lay_over(
            &mut system,
            json!({"general": {"enableAutoUpdate": false}, "mcpServers": {"sortie": 1}, "telemetry": {"enabled": false}}),
        );
        let wanted = json!({
            "general": {"vimMode": true, "enableAutoUpdate": false}, "mcpServers": {"own": {}, "sortie": 1}, "telemetry": {"enabled": false}
        });
        assert_eq!(system, wanted);
    }

    #[test]
    fn the_users_own_folder_is_stood_for_and_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let of = dir.path().join(".gemini");
        std::fs::create_dir(&of).unwrap();
        let users = r#"{"general": {"vimMode": true, "enableAutoUpdate": true}}"#;
        std::fs::write(of.join("settings.json"), users).unwrap();
        std::fs::write(of.join("oauth_creds.json"), "secret").unwrap();
        let task = serde_json::from_value(json!({
            "kind": "gemini", "prompt": "x", "session": "s-1", "max_turns": 3, "checkpoint_ms": 0, "linger_ms": 0
        }))
        .unwrap();
        let setting = |user_dir| Setting {
            task: &task,
            session: "s-1".to_owned(),
            resumes: false,
            session_file: None,
            dir: dir.path().join("agent"),
            user_dir,
            door: None,
        };
        let made = launch(&setting(Some(of.clone())));
        let stand_in = made.stands_for.unwrap();
        stand_in.make().unwrap();
        stand_in.make().unwrap();
        assert_eq!(std::fs::read(stand_in.at.join("oauth_creds.json")).unwrap(), b"secret");
        assert!(stand_in.at.join("tmp").is_symlink() && !stand_in.at.join("settings.json").exists());
        assert_eq!(std::fs::read_to_string(of.join("settings.json")).unwrap(), users);
        let ours: Value = serde_json::from_slice(&made.files[0].1).unwrap();
        assert_eq!((&ours["general"]["vimMode"], &ours["general"]["enableAutoUpdate"]), (&json!(true), &json!(false)));
        assert_eq!(ours["model"]["maxSessionTurns"], 3);
        assert!(made.env.iter().any(|(name, _)| name == HOME) && !made.env.iter().any(|(name, _)| name == SETTINGS_PATH));
        std::fs::write(of.join("settings.json"), "{} // with a comment").unwrap();
        let made = launch(&setting(Some(of)));
        assert!(made.stands_for.is_none() && made.env.iter().any(|(name, _)| name == SETTINGS_PATH));
    }

    #[test]
    fn exit_codes_are_statuses_without_their_upper_bits() {
        for (code, cause) in [
            (41, Some(Cause::Auth)),
            (53, Some(Cause::Limit)),
            (145, Some(Cause::Auth)),
            (173, Some(Cause::Quota)),
            (244, Some(Cause::Unavailable)),
            (247, Some(Cause::Unavailable)),
            (144, None),
            (1, None),
            (0, None),
        ] {
            assert_eq!(cause_of_exit(code), cause, "{code}");
        }
    }
}
