//! Questions from inside a job: an agent asks, a person answers by the command line, the agent goes on.
//!
//! The agent is a script that says what Claude Code would say, takes the flags that it would take, and keeps transcripts where it would.

use super::examples::question;
use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, limits, wait};
use std::os::unix::fs::PermissionsExt as _;

const ASKS: &str = r#"
flow(name = "asks", description = "An agent that asks", input = {"program": str, "home": str}, deadline = "10m")

def run(ctx, input):
    r = agent("fix", on = "vm", kind = "claude", prompt = "Fix it", program = input["program"], env = {"CLAUDE_CONFIG_DIR": input["home"]},
              timeout = "5m", heartbeat = "1s", grace = "1s", budget = budget(usd = "5.00"),
              retry = retry(attempts = 2, backoff = "100ms", on = ["agent_unavailable", "exit"]))
    return {"ok": r.ok, "error": r.error.kind if r.error else None, "attempts": r.attempts, "agent": r.agent}
"#;

/// Its flags, its prompt, its transcript, and how it says things. It goes on with no session but one that it has a transcript of.
const AGENT: &str = r#"#!/bin/sh
cat > prompt.txt
mode=new
while [ $# -gt 0 ]; do
    case "$1" in --session-id) session=$2 ;; --resume) session=$2 mode=resume ;; esac
    shift
done
sessions=$CLAUDE_CONFIG_DIR/projects/$(pwd -P | tr -c 'a-zA-Z0-9\n' -)
if [ $mode = resume ] && ! [ -f "$sessions/$session.jsonl" ]; then
    echo "No conversation found with session ID: $session" >&2
    exit 1
fi
mkdir -p "$sessions" && printf '{"said":"%s"}\n' $mode >> "$sessions/$session.jsonl"
say() { printf '%s\n' "$1"; }
say '{"type":"system","subtype":"init","session_id":"'"$session"'","model":"scripted"}'
finish() {
    say '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"'"$1"'","session_id":"'"$session"'","total_cost_usd":0.5,"usage":{"input_tokens":10,"output_tokens":5}}'
    exit 0
}
"#;

/// A run of the agent that does this.
fn start(world: &World, body: &str) -> Run {
    flows::publish(&world.it, "asks", ASKS);
    let program = world.scratch("agent");
    std::fs::write(&program, format!("{AGENT}{body}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Run::start(&world.it, "asks", &json!({ "program": program, "home": world.scratch("claude") }))
}

fn decide(world: &World, asked: &Value, word: &str) {
    let (id, revision) = (asked["id"].as_str().unwrap(), asked["revision"].to_string());
    let decided = world.it.cli(&["approval", word, id, "--revision", &revision, "--comment", "as it should be"]);
    assert_eq!(decided.data()["changed"], true, "{}", decided.json);
}

#[test]
fn an_agent_goes_on_when_a_person_has_decided() {
    for (word, code) in [("approve", 0), ("reject", 6)] {
        let world = World::new();
        let run = start(&world, r#""$SORTIE_SHIM" ask 'May I?' --message 'It is safe.' --timeout 5m >&2; finish "code $?""#);
        let asked = question(&world, &run);
        assert_eq!((&asked["title"], &asked["text"], &asked["quorum"]), (&json!("May I?"), &json!("It is safe."), &json!(1)), "{asked:#}");
        assert!(asked["asked_by"]["attempt"].is_string(), "{asked:#}");
        let explained = world.it.cli(&["runs", "explain", &run.id]);
        assert!(explained.json.to_string().contains("its time stands still"), "{}", explained.json);
        decide(&world, &asked, word);
        let shown = run.ended(&world.it);
        assert_eq!(shown["value"]["agent"]["text"], format!("code {code}"), "{shown:#}");
        assert_eq!((&shown["value"]["ok"], &shown["value"]["attempts"]), (&json!(true), &json!(1)), "{shown:#}");
        let closed = run.event(&world.it, "ask_closed");
        assert_eq!((&closed["answer"]["by"], &closed["answer"]["comment"]), (&json!(["operator"]), &json!("as it should be")));
        run.assert_ended_once(&world.it);
    }
}

#[test]
fn nobody_answering_in_time_is_told_to_the_agent_as_such() {
    let world = World::new();
    let run = start(&world, r#""$SORTIE_SHIM" ask 'May I?' --timeout 1s >&2; finish "code $?""#);
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"]["agent"]["text"], "code 124", "{shown:#}");
    assert_eq!(run.event(&world.it, "ask_closed")["answer"]["answered"], "timed_out");
}

#[test]
fn an_agent_that_ends_to_wait_goes_on_with_its_session_when_it_is_answered() {
    let world = World::new();
    let body = r#"
[ $mode = resume ] && finish "$(grep -c 'was approved by operator: as it should be' prompt.txt) in $session"
"$SORTIE_SHIM" ask 'May I?' --timeout 5m --park-after 1s >&2
finish 'I wait'
"#;
    let run = start(&world, body);
    let asked = question(&world, &run);
    let parked = run.event_within(&world.it, "attempt_result", limits::RETRIED);
    assert_eq!((&parked["parked"], &parked["result"]["agent"]["outcome"]), (&json!(true), &json!("parked")), "{parked:#}");
    assert_eq!(run.shown(&world.it)["over"], false);
    decide(&world, &asked, "approve");
    let shown = run.ended(&world.it);
    let (agent, session) = (&shown["value"]["agent"], &parked["result"]["agent"]["session"]);
    assert_eq!(agent["text"], format!("1 in {}", session.as_str().unwrap()), "the same session, and the answer in its prompt: {shown:#}");
    assert_eq!((&agent["resumed"], &shown["value"]["attempts"]), (&json!(true), &json!(2)), "{shown:#}");
    run.assert_ended_once(&world.it);
}

#[test]
fn a_retry_goes_on_with_the_session_of_the_attempt_before_it() {
    let world = World::new();
    let body = r#"
[ $mode = resume ] && finish "again $session"
say '{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"num_turns":1,"result":"API Error: 529 overloaded","session_id":"'"$session"'","total_cost_usd":0.25}'
exit 1
"#;
    let run = start(&world, body);
    let shown = run.ended(&world.it);
    let first = run.events(&world.it, "attempt_result").remove(0);
    assert_eq!(first["failure"]["kind"], "agent_unavailable", "{first:#}");
    let session = first["result"]["agent"]["session"].as_str().unwrap().to_owned();
    assert_eq!(shown["value"]["agent"]["text"], format!("again {session}"), "{shown:#}");
    assert_eq!(shown["value"]["agent"]["resumed"], true, "{shown:#}");
}

#[test]
fn f061_an_agent_that_writes_success_and_fails_has_failed() {
    let world = World::new();
    let body = r#"
say '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"all green","session_id":"'"$session"'","total_cost_usd":0}'
printf '{"fake": true}' > "$SORTIE_RESULT"
exit 3
"#;
    let run = start(&world, body);
    let shown = run.ended(&world.it);
    assert_eq!((&shown["value"]["ok"], &shown["value"]["error"]), (&json!(false), &json!("exit")), "{shown:#}");
}

#[test]
fn a_question_is_withdrawn_when_its_run_is_cancelled() {
    let world = World::new();
    let run = start(&world, r#""$SORTIE_SHIM" ask 'May I?' --timeout 5m >&2; finish "code $?""#);
    let asked = question(&world, &run);
    let _ = world.it.cli(&["runs", "cancel", &run.id]).data();
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "cancelled", "{shown:#}");
    let id = asked["id"].as_str().unwrap();
    assert_eq!(world.it.cli(&["approval", "show", id]).data()["outcome"], "cancelled");
    wait::holds("no question is open", limits::SOON, || world.it.cli(&["approval", "list"]).data()["approvals"] == json!([]));
    world.assert_no_process_left();
}
