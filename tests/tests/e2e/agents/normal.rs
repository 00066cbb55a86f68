//! An agent that does what it is told.

use super::{PROMPT, Scene};
use serde_json::{Value, json};
use sortie_tests::clis::{Cli, KEY};
use sortie_tests::model::{INPUT_TOKENS, OUTPUT_TOKENS, Turn};
use sortie_tests::{limits, processes, wait};

each_agent!(works);

fn works(cli: Cli) {
    let scene = Scene::new(cli, |world| vec![Turn::shell(Scene::gated(world)), Turn::text("All done.")]);
    let run = scene.run("");
    let cwd = scene.tool_runs();
    assert!(cwd.starts_with(&scene.world.root), "the tool runs in the job's own directory, not in {}", cwd.display());
    // While it works: on no command line is what it was told, and how far it is can be seen.
    for process in processes::of_jobs(&scene.world.root) {
        assert!(!process.mentions("do the 'thing'") && !process.mentions(KEY), "{}", process.line());
    }
    let path = format!("/v1/runs/{}/explain", run.id);
    // opencode says that it called a tool when the tool is over: until then, that it is at its first turn.
    let known = if cli == Cli::Opencode { "\"turns\":1" } else { "\"tool_calls\":1" };
    wait::holds("how far it is is in the progress", limits::SOON, || {
        scene.world.it.look(&path).is_some_and(|explained| explained.to_string().contains(known))
    });
    scene.world.open_gate("go");
    let value = scene.value(&run);
    let agent = &value["agent"];
    assert_eq!((&value["ok"], &value["attempts"], &agent["outcome"]), (&json!(true), &json!(1), &json!("completed")), "{value:#}");
    assert_eq!((&agent["kind"], &agent["text"], &agent["tool_calls"]), (&json!(cli.kind()), &json!("All done."), &json!(1)), "{value:#}");
    assert_eq!((&agent["resumed"], &agent["denials"]), (&json!(false), &json!([])), "{value:#}");
    assert!(agent["session"].as_str().is_some_and(|session| session.len() > 8), "{value:#}");
    let used = |field: &str| agent["usage"][field].as_u64();
    assert_eq!((used("input_tokens"), used("output_tokens")), (Some(2 * INPUT_TOKENS), Some(2 * OUTPUT_TOKENS)), "{value:#}");
    assert_eq!(used("usd_micros") > Some(0), cli == Cli::Claude, "only Claude Code says what it costs: {value:#}");

    let asked = scene.model.asked();
    assert_eq!(asked.len(), 2, "one request a turn");
    assert!(asked[0].says(PROMPT), "the prompt arrives as it was written: {:#}", asked[0].body);
    assert!(asked[1].says("made"), "the tool's output goes back: {:#}", asked[1].body);
    assert!(asked.iter().all(|asked| asked.key.as_deref().is_some_and(|key| key.ends_with(KEY))), "the key of the job's environment");
    run.assert_ended_once(&scene.world.it);
    scene.assert_nothing_left();
}

#[test]
fn an_answer_by_schema_is_the_result_of_the_job() {
    let answer = json!({ "branch": "fix/1", "tests": 3 });
    for (cli, turn) in
        [(Cli::Claude, Turn::Call("StructuredOutput".to_owned(), answer.clone())), (Cli::Codex, Turn::text(&answer.to_string()))]
    {
        let scene = Scene::new(cli, |_| vec![turn, Turn::text("Said so.")]);
        let schema = r#"result_schema = {"type": "object", "required": ["branch", "tests"], "additionalProperties": False,
              "properties": {"branch": {"type": "string"}, "tests": {"type": "integer"}}}"#;
        let value: Value = scene.value(&scene.run(schema));
        assert_eq!((&value["ok"], &value["result"]), (&json!(true), &answer), "{value:#}");
        assert!(scene.model.asked()[0].body.to_string().contains("\"branch\""), "the schema is given to the agent");
        scene.assert_nothing_left();
    }
}
