//! The real coding agents, driven end to end: the real program, a real OpenSSH server, and a model on loopback that says what it is told.

/// One test for each agent.
macro_rules! each_agent {
    ($case:ident) => {
        #[test]
        fn claude() {
            $case(sortie_tests::clis::Cli::Claude);
        }

        #[test]
        fn codex() {
            $case(sortie_tests::clis::Cli::Codex);
        }

        #[test]
        fn gemini() {
            $case(sortie_tests::clis::Cli::Gemini);
        }

        #[test]
        fn opencode() {
            $case(sortie_tests::clis::Cli::Opencode);
        }
    };
}

mod api_failure;
mod asked;
mod cancelled;
mod denied;
mod normal;
mod resumed;

use serde_json::{Value, json};
use sortie_tests::clis::{Cli, Seat};
use sortie_tests::model::{Model, Turn};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, processes, wait};
use std::path::PathBuf;

/// What agents are told; no other text of a test has these words.
const PROMPT: &str = "Please do the 'thing' with the $HOME of `nobody`.\nThen say so.";

/// A world with an agent, its home, and its model.
struct Scene {
    world: World,
    model: Model,
    seat: Seat,
}

impl Scene {
    /// A model that says this to an agent.
    fn new(cli: Cli, turns: impl FnOnce(&World) -> Vec<Turn>) -> Self {
        let world = World::new();
        let model = Model::start(turns(&world));
        let seat = Seat::new(cli, world.it.folder(), &model);
        Self { world, model, seat }
    }

    /// Start a run of one agent, with more arguments of `agent`.
    fn run(&self, more: &str) -> Run {
        let (kind, env) = (self.seat.cli.kind(), self.seat.env(&self.model));
        // Unless one is named, it first asks a model which model to take.
        let model = if self.seat.cli == Cli::Gemini { "model = \"gemini-test\", " } else { "" };
        let source = format!(
            r#"
flow(name = "an-agent", description = "One agent", deadline = "10m")

def run(ctx, input):
    r = agent("work", on = "vm", kind = "{kind}", prompt = {prompt}, env = {env}, {model}heartbeat = "1s", grace = "6s",
              timeout = "5m", started_within = "2m", {more})
    return {{"ok": r.ok, "error": r.error.kind if r.error else None, "attempts": r.attempts, "agent": r.agent, "result": r.result,
            "stopped": r.stopped, "output": r.error_output}}
"#,
            prompt = json!(PROMPT),
        );
        flows::publish(&self.world.it, "an-agent", &source);
        Run::start(&self.world.it, "an-agent", &json!({}))
    }

    /// A command for the model to have run: it leaves the working directory in a file, and goes on when the gate is opened.
    fn gated(world: &World) -> String {
        format!("pwd > {}; {}echo made", world.scratch("where").display(), world.gate("go"))
    }

    /// Wait until that command runs; gives the directory.
    fn tool_runs(&self) -> PathBuf {
        let file = self.world.scratch("where");
        let written = || std::fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n'));
        PathBuf::from(wait::until("the agent's tool runs", limits::RETRIED, written).trim_end())
    }

    /// Wait for the end; gives what the flow returned.
    fn value(&self, run: &Run) -> Value {
        let shown = run.ended(&self.world.it);
        assert_eq!(shown["state"], "succeeded", "{shown:#}");
        shown["value"].clone()
    }

    /// That nothing of the agent lives, by the cookie and by its home in the environment, and that it wanted nothing of the world.
    fn assert_nothing_left(&self) {
        self.world.assert_no_process_left();
        let home = self.seat.home.display().to_string();
        let of_home = || processes::all().into_iter().filter(|process| processes::contains(&process.environment, home.as_bytes()));
        wait::holds("no process with the agent's home is left", limits::SOON, || of_home().next().is_none());
        let mut strays = self.model.strays();
        // opencode looks for its own package beside any configuration, and has no switch for that; it works without the answer.
        strays.retain(|host| self.seat.cli != Cli::Opencode || !host.starts_with("registry."));
        assert!(strays.is_empty(), "it wanted to reach {strays:?}");
    }
}
