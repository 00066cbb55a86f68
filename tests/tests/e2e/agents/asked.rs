//! Claude Code asks a person before it uses a tool: the question is an approval like any other, and its answer reaches the agent.

use super::Scene;
use serde_json::{Value, json};
use sortie_tests::clis::Cli;
use sortie_tests::model::Turn;
use sortie_tests::{limits, wait};

/// An agent that has asked whether it may touch a file.
struct Asks {
    scene: Scene,
    run: sortie_tests::run::Run,
    id: String,
    revision: String,
}

impl Asks {
    fn new() -> Self {
        let scene = Scene::new(Cli::Claude, |world| {
            vec![Turn::shell(format!("touch {}", world.scratch("mark").display())), Turn::text("That is how it is.")]
        });
        let run = scene.run("permissions = \"ask\"");
        let open = || scene.world.it.look("/v1/approvals")?["approvals"].as_array()?.first().cloned();
        let row = wait::until("the agent asks", limits::RETRIED, open);
        assert_eq!(row["run"], run.id.as_str(), "{row:#}");
        let (id, revision) = (row["id"].as_str().unwrap().to_owned(), row["revision"].to_string());
        Self { scene, run, id, revision }
    }

    /// What the flow returned once this was decided.
    fn decided(&self, word: &str, comment: &str) -> Value {
        let it = &self.scene.world.it;
        let shown = it.cli(&["approval", "show", &self.id]);
        assert!(shown.json.to_string().contains("Bash"), "the question names the tool: {}", shown.json);
        assert!(!self.mark(), "the tool waits for the answer");
        let _ = it.cli(&["approval", word, &self.id, "--revision", &self.revision, "--comment", comment]).data();
        self.scene.value(&self.run)
    }

    fn mark(&self) -> bool {
        self.scene.world.scratch("mark").exists()
    }
}

#[test]
fn what_a_person_approves_runs() {
    let asks = Asks::new();
    let value = asks.decided("approve", "fine");
    assert_eq!((&value["ok"], &value["agent"]["outcome"]), (&json!(true), &json!("completed")), "{value:#}");
    assert!(asks.mark(), "the tool ran");
    asks.scene.assert_nothing_left();
}

#[test]
fn what_a_person_rejects_does_not_run_and_the_agent_is_told_why() {
    let asks = Asks::new();
    let value = asks.decided("reject", "not on a Friday");
    assert_eq!((&value["ok"], &value["agent"]["outcome"]), (&json!(true), &json!("completed_with_denials")), "{value:#}");
    assert!(!asks.mark(), "the tool ran");
    let asked = asks.scene.model.asked();
    assert!(asked[1].says("not on a Friday"), "the comment reaches the agent: {:#}", asked[1].body);
    asks.scene.assert_nothing_left();
}
