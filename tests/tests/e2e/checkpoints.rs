//! An agent whose machine is gone goes on from its last checkpoint on another one: files, commits, transcript, session.

use serde_json::{Value, json};
use sortie_protocol::bytes::to_hex;
use sortie_tests::fleet::Fleet;
use sortie_tests::run::Run;
use sortie_tests::vm::cut::{How, Way};
use sortie_tests::{flows, limits, wait};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The agent is a script that is started as Claude Code is, and keeps a transcript where that does.
const MOVES: &str = r#"
flow(name = "moves", input = {"program": str, "repository": str}, deadline = "10m")

def run(ctx, input):
    r = agent("work", on = label("pool"), kind = "claude", program = input["program"], prompt = "do it",
              workspace = git(input["repository"], ref = "main"), checkpoint = "5s", heartbeat = "1s", started_within = "2m",
              retry = retry(attempts = 2, backoff = "100ms", on = ["interrupted", "lost"]))
    return {"ok": r.ok, "host": r.host, "attempts": r.attempts, "agent": r.agent, "kind": r.error.kind if r.error else None}
"#;

/// What it says at its end, with its session in the place of `SESSION`.
const LAST_WORDS: &str = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"All done.","session_id":"SESSION","total_cost_usd":0.001,"usage":{"input_tokens":100,"output_tokens":10}}"#;

fn git(folder: &std::path::Path, words: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a test", "-c", "user.email=test@localhost"]).args(words).current_dir(folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two machines, a repository that both can clone, and the agent.
struct Scene {
    fleet: Fleet,
    program: PathBuf,
    repository: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let fleet = Fleet::with_options(2, &["--label", "pool"]);
        flows::publish(&fleet.it, "moves", MOVES);
        let repository = fleet.scratch("repository");
        fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "-q", "-b", "main"]);
        fs::write(repository.join("README"), "a project\n").unwrap();
        git(&repository, &["add", "README"]);
        git(&repository, &["commit", "-q", "-m", "First"]);
        let program = fleet.scratch("agent");
        let text = format!(
            "#!/bin/sh\nfirst={first}\nseen={seen}\ncat > $seen.input\nprintf '%s\\n' \"$@\" > $seen.args\n\
             session=$(grep -A1 -x -e --session-id -e --resume $seen.args | tail -n 1)\n\
             echo '{{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"SESSION\"}}' | sed s/SESSION/$session/\n\
             if grep -q -x -e --resume $seen.args; then\n\
             cat README added uncommitted > $seen.tree; git log --format=%s > $seen.log; git status --porcelain > $seen.status\n\
             find $HOME/.claude -name $session.jsonl -exec cat {{}} + > $seen.transcript\n\
             echo '{last}' | sed s/SESSION/$session/\n\
             else\n\
             slug=$(pwd -P | sed 's/[^A-Za-z0-9]/-/g'); mkdir -p $HOME/.claude/projects/$slug\n\
             echo '{{\"said\":\"before\"}}' > $HOME/.claude/projects/$slug/$session.jsonl\n\
             echo own > added; git add added; git -c user.name=a -c user.email=a@localhost commit -q -m Own\n\
             echo not yet > uncommitted\n\
             touch $first; sleep 600\nfi\n",
            first = fleet.scratch("begun").display(),
            seen = fleet.scratch("seen").display(),
            last = LAST_WORDS,
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self { fleet, program, repository }
    }

    /// Start it; gives the run and the number of the machine it works on.
    fn begun(&self) -> (Run, usize) {
        let run = Run::start(&self.fleet.it, "moves", &json!({ "program": self.program, "repository": self.repository }));
        wait::holds("the agent has worked", limits::RETRIED, || self.fleet.scratch("begun").exists());
        let attempt = run.attempt(&self.fleet.it);
        let vm = (0..2).find(|vm| self.fleet.on_vm(*vm, &attempt, "owner.json")).unwrap();
        (run, vm)
    }

    /// Wait until the server holds a checkpoint that was begun after the work was done.
    fn kept(&self, run: &Run, vm: usize) {
        let agent = self.fleet.vms[vm].root.join("jobs").join(run.attempt(&self.fleet.it)).join("agent");
        let read = |file: &str| -> Value {
            let bytes = fs::read(agent.join(file)).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        let before = read("number.json").as_u64().unwrap_or(0);
        wait::holds("the server has a checkpoint", limits::RETRIED, || {
            let kept = self.fleet.it.look(&format!("/v1/resources?run={}", run.id)).unwrap_or_default();
            let row = kept["resources"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == ":checkpoint").cloned());
            let bundle = fs::read(agent.join("kept/bundle")).unwrap_or_default();
            let digest = to_hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bundle).as_ref());
            read("checkpoint.json")["agent"]["number"].as_u64() > Some(before) && row.is_some_and(|row| row["sha256"] == digest)
        });
    }

    fn seen(&self, what: &str) -> String {
        fs::read_to_string(self.fleet.scratch(&format!("seen.{what}"))).unwrap()
    }

    /// The machine is switched off and comes back empty-handed, closed to new jobs: the other one takes over.
    fn goes_on_elsewhere(&mut self, run: &Run, vm: usize) {
        let _ = self.fleet.it.cli(&["host", "drain", &format!("vm{vm}")]).data();
        self.fleet.reboot(vm);
        let shown = run.ended(&self.fleet.it);
        let value = &shown["value"];
        assert_eq!((&value["ok"], &value["attempts"]), (&json!(true), &json!(2)), "{shown:#}");
        assert_eq!(value["host"], format!("vm{}", 1 - vm), "{shown:#}");
        assert_eq!((&value["agent"]["resumed"], &value["agent"]["text"]), (&json!(true), &json!("All done.")), "{shown:#}");
        assert_eq!(self.seen("tree"), "a project\nown\nnot yet\n", "the working tree is there");
        assert_eq!(self.seen("log"), "Own\nFirst\n", "its commits are there");
        assert_eq!(self.seen("status"), "?? uncommitted\n", "what was not committed is not committed now");
        assert_eq!(self.seen("transcript"), "{\"said\":\"before\"}\n", "its conversation is there");
        assert!(self.seen("input").contains("You were interrupted"), "{}", self.seen("input"));
        run.assert_ended_once(&self.fleet.it);
    }
}

#[test]
fn an_agent_whose_machine_is_gone_goes_on_from_its_checkpoint_on_another() {
    let mut scene = Scene::new();
    let (run, vm) = scene.begun();
    scene.kept(&run, vm);
    scene.goes_on_elsewhere(&run, vm);
}

#[test]
fn f093_a_checkpoint_of_a_machine_that_cannot_post_is_collected_while_the_agent_works() {
    let mut scene = Scene::new();
    for vm in ["vm0", "vm1"] {
        let _ = scene.fleet.it.cli(&["host", "set", vm, "--callbacks", "pull"]).data();
    }
    let (run, vm) = scene.begun();
    scene.fleet.vms[vm].cut(Way::FromVm, How::Drop);
    scene.kept(&run, vm);
    let attempt = run.attempt(&scene.fleet.it);
    let record = scene.fleet.vms[vm].root.join("jobs").join(&attempt).join("agent/checkpoint.json");
    let said: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    assert!(said["agent"]["bundle"].is_null(), "it was not uploaded: {said:#}");
    // What is set to `pull` is taken to reach nothing here, so could not fetch it either.
    let _ = scene.fleet.it.cli(&["host", "set", &format!("vm{}", 1 - vm), "--callbacks", "both"]).data();
    scene.goes_on_elsewhere(&run, vm);
}
