//! An agent that may not use a tool that it wants: it ends as if nothing were wrong, and the result says what was denied.

use super::Scene;
use serde_json::json;
use sortie_tests::clis::Cli;
use sortie_tests::model::Turn;

each_agent!(is_denied);

/// A scene whose model wants to touch a file, and an agent whose own configuration does not let it.
fn scene(cli: Cli) -> Scene {
    let scene =
        Scene::new(cli, |world| vec![Turn::shell(format!("touch {}", world.scratch("mark").display())), Turn::text("I could not.")]);
    match cli {
        // Without a rule that allows it, a tool is denied.
        Cli::Gemini => {}
        Cli::Claude => {
            // So it is, too, outside its directories, whatever rule allows the tool: the mark is to be inside, to depend on the rule alone.
            let settings = json!({ "permissions": { "additionalDirectories": [scene.world.it.folder()] } });
            scene.seat.write(".claude/settings.json", &settings.to_string());
        }
        Cli::Codex => scene.seat.write(".codex/rules/tests.rules", "prefix_rule(pattern = [\"touch\"], decision = \"forbidden\")\n"),
        Cli::Opencode => {
            let path = scene.seat.home.join(".config/opencode/opencode.json");
            let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            // Nobody is there to be asked: it rejects the call by itself.
            config["permission"] = json!({ "bash": "ask" });
            scene.seat.write(".config/opencode/opencode.json", &config.to_string());
        }
    }
    scene
}

fn is_denied(cli: Cli) {
    let scene = scene(cli);
    let value = scene.value(&scene.run("permissions = \"deny\""));
    assert!(!scene.world.scratch("mark").exists(), "the tool ran");
    let agent = &value["agent"];
    assert_eq!((&value["ok"], &agent["outcome"]), (&json!(true), &json!("completed_with_denials")), "{value:#}");
    let denial = &agent["denials"][0];
    assert!(denial["tool"].as_str().is_some_and(|tool| !tool.is_empty()), "{value:#}");
    assert!(denial["input"].as_str().is_some_and(|input| input.contains("touch")), "{value:#}");
    scene.assert_nothing_left();
}

#[test]
fn a_denial_is_a_failure_where_the_flow_says_so() {
    let scene = scene(Cli::Claude);
    let value = scene.value(&scene.run("permissions = \"deny\", denials_fail = True"));
    assert_eq!((&value["ok"], &value["error"]), (&json!(false), &json!("agent_denied")), "{value:#}");
}

#[test]
fn a_tool_that_is_allowed_by_name_is_not_denied() {
    let scene = scene(Cli::Claude);
    let value = scene.value(&scene.run("permissions = \"deny\", tools = [\"Bash(touch:*)\"]"));
    assert_eq!((&value["ok"], &value["agent"]["outcome"]), (&json!(true), &json!("completed")), "{value:#}");
    assert_eq!(value["agent"]["denials"], json!([]), "{value:#}");
    assert!(scene.world.scratch("mark").exists(), "the tool did not run");
}
