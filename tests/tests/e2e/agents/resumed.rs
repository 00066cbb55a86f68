//! What becomes of an agent whose supervisor dies, and of a session whose agent dies.

use super::{PROMPT, Scene};
use serde_json::json;
use sortie_tests::clis::Cli;
use sortie_tests::model::{INPUT_TOKENS, Turn};
use sortie_tests::processes::{self, Process};

/// Processes of the shim that have this verb.
fn stages(scene: &Scene, verb: &str) -> Vec<Process> {
    let found = processes::of_shim(&scene.world.root).into_iter();
    found.filter(|process| process.line().split_whitespace().nth(1) == Some(verb)).collect()
}

mod supervisor_killed {
    use super::{Cli, INPUT_TOKENS, Scene, Turn, json, processes, stages};

    each_agent!(goes_on);

    /// The agent does not notice; what it says meanwhile is read by the supervisor after it, and counted once.
    fn goes_on(cli: Cli) {
        let scene = Scene::new(cli, |world| vec![Turn::shell(Scene::gated(world)), Turn::text("All done.")]);
        let run = scene.run("");
        let _ = scene.tool_runs();
        let killed = stages(&scene, "supervise");
        assert!(!killed.is_empty(), "there is a supervisor");
        for process in killed {
            processes::kill(process.pid);
        }
        scene.world.open_gate("go");
        let value = scene.value(&run);
        assert_eq!((&value["ok"], &value["attempts"]), (&json!(true), &json!(1)), "{value:#}");
        let agent = &value["agent"];
        assert_eq!((&agent["outcome"], &agent["text"]), (&json!("completed"), &json!("All done.")), "{value:#}");
        assert_eq!((&agent["tool_calls"], &agent["usage"]["input_tokens"]), (&json!(1), &json!(2 * INPUT_TOKENS)), "{value:#}");
        assert_eq!(scene.model.asked().len(), 2, "it was not started again");
        run.assert_ended_once(&scene.world.it);
        scene.assert_nothing_left();
    }
}

mod agent_killed {
    use super::{Cli, INPUT_TOKENS, PROMPT, Scene, Turn, json, processes, stages};

    each_agent!(is_resumed);

    /// Shim and agent die in the middle of a tool. The retry takes up the session where it stood, in the same directory.
    fn is_resumed(cli: Cli) {
        let scene = Scene::new(cli, |world| vec![Turn::shell(Scene::gated(world)), Turn::text("Gone on.")]);
        let run = scene.run("retry = retry(attempts = 2, backoff = \"100ms\", on = [\"lost\", \"signal\", \"exit\", \"agent_error\"])");
        let cwd = scene.tool_runs();
        std::fs::write(cwd.join("kept"), "work of the first attempt").unwrap();
        for process in stages(&scene, "supervise").iter().chain(&processes::of_jobs(&scene.world.root)) {
            processes::kill(process.pid);
        }
        let value = scene.value(&run);
        assert_eq!((&value["ok"], &value["attempts"]), (&json!(true), &json!(2)), "{value:#}");
        let agent = &value["agent"];
        assert_eq!(
            (&agent["outcome"], &agent["text"], &agent["resumed"]),
            (&json!("completed"), &json!("Gone on."), &json!(true)),
            "{value:#}"
        );
        assert!(cwd.join("kept").is_file(), "the working directory is the same");
        let asked = scene.model.asked();
        assert_eq!(asked.len(), 2, "one request before the end, one after");
        assert!(asked[1].says(PROMPT), "the earlier conversation is there: {:#}", asked[1].body);
        assert!(asked[1].says("You were interrupted"), "it is told to look at what it has done: {:#}", asked[1].body);
        // Gemini CLI writes a call of a tool into its transcript when the tool is over: one that was cut short is not in it.
        if cli != Cli::Gemini {
            assert!(asked[1].body.to_string().contains("echo made"), "the tool that was cut short is there: {:#}", asked[1].body);
        }
        let used = agent["usage"]["input_tokens"].as_u64().unwrap();
        // What an agent had not said of its use when it was killed, nobody knows; nothing is counted twice.
        assert!((INPUT_TOKENS..=2 * INPUT_TOKENS).contains(&used), "{value:#}");
        run.assert_ended_once(&scene.world.it);
        scene.assert_nothing_left();
    }
}
