//! Tokens and proof secrets are nowhere but with the shim and on the wire (F059, I13).

use serde_json::json;
use sortie_tests::callbacks::credentials;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{flows, processes};
use std::path::{Path, PathBuf};

const ASKS: &str = r#"
flow(name = "asks", input = {"host": str, "script": str}, deadline = "5m")

def run(ctx, input):
    answer = wait("answer", timeout = "2m", wait = False)
    r = job("ask", on = input["host"], command = ["/bin/sh", "-c", input["script"]], heartbeat = "1s",
            env = {"ANSWER_URL": answer.url, "ANSWER_TOKEN": answer.token})
    return {"ok": r.ok, "answer": answer.wait().value}
"#;

/// What must not be found, by name.
fn canaries(world: &World, attempt: &str, wait_url: &str, wait_token: &str) -> Vec<(&'static str, String)> {
    let handed = credentials(&world.root, attempt);
    let signature = |url: &str| url.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let last = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let operator = std::fs::read_to_string(world.it.home.join("operator.token")).unwrap().trim().to_owned();
    vec![
        ("the signature of the token", last(&handed.token)),
        ("the token", handed.token.clone()),
        ("the signature of the URL", signature(&handed.callback_url)),
        ("the proof secret", handed.proof_secret.clone()),
        ("the signature of a wait's token", last(wait_token)),
        ("the signature of a wait's URL", signature(wait_url)),
        ("the operator's token", operator),
    ]
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) { files(&path, into) } else { into.push(path) }
    }
}

fn assert_in_no_process(canaries: &[(&str, String)], allowed_environment: &[&str]) {
    for process in processes::all() {
        for (name, canary) in canaries {
            let (argv, environ) = (&process.arguments, &process.environment);
            assert!(!processes::contains(argv, canary.as_bytes()), "{name} is in the arguments of {}", process.line());
            let allowed = allowed_environment.contains(name);
            assert!(allowed || !processes::contains(environ, canary.as_bytes()), "{name} is in the environment of {}", process.line());
        }
    }
}

#[test]
fn f059_tokens_and_secrets_are_in_no_process_log_history_or_database() {
    let mut world = World::new();
    flows::publish(&world.it, "asks", ASKS);
    let copied = world.scratch("copied");
    let script = world.recorder.script("asks")
        + &format!("printf '%s\\n%s\\n' \"$ANSWER_URL\" \"$ANSWER_TOKEN\" > {}.new; mv {0}.new {0}\n", copied.display())
        + &world.gate("go");
    let run = Run::start(&world.it, "asks", &json!({ "host": "vm", "script": script }));
    sortie_tests::wait::holds("the job has its environment", sortie_tests::limits::SOON, || copied.exists());
    let attempt = run.attempt(&world.it);
    let text = std::fs::read_to_string(&copied).unwrap();
    let (url, token) = text.trim().split_once('\n').unwrap();
    let canaries = canaries(&world, &attempt, url, token);
    // The job that a flow gives the answer of its wait to has it in its environment: that is what was asked for.
    let of_the_job = ["the signature of a wait's token", "the signature of a wait's URL"];
    assert_in_no_process(&canaries, &of_the_job);
    let asked: Vec<String> = [
        vec!["runs", "history", &run.id],
        vec!["runs", "show", &run.id],
        vec!["token", "show", &run.id],
        vec!["host", "list"],
        vec!["keys", "list"],
        vec!["doctor"],
    ]
    .iter()
    .map(|args| world.it.cli(args).json.to_string())
    .collect();
    // A forged callback and a refused one leave a line in the log, without what they carried.
    let bearer = format!("Bearer {token}");
    let target = sortie_tests::callbacks::target(url, "result").replace("sig=", "sig=x");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let _ = sortie_tests::http::send(world.it.callbacks, "POST", &target, &headers, b"{}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let path = &url[url.match_indices('/').nth(2).unwrap().0..];
    assert_eq!(sortie_tests::http::send(world.it.callbacks, "POST", path, &headers, b"{\"a\": 1}").unwrap().status, 200);
    world.open_gate("go");
    assert_eq!(run.ended(&world.it)["value"], json!({ "ok": true, "answer": { "a": 1 } }));
    assert_in_no_process(&canaries, &of_the_job);
    let shown = [run.shown(&world.it).to_string(), json!(run.history(&world.it)).to_string(), world.it.log(), world.sshd.log()].concat()
        + &asked.concat();
    let mut kept = Vec::new();
    files(&world.it.home, &mut kept);
    let databases: Vec<&PathBuf> =
        kept.iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("sortie.db")).collect();
    assert!(databases.len() >= 3, "file, log, shared memory: {databases:?}");
    let log = std::fs::read_to_string(world.root.join("jobs").join(&attempt).join("shim.log")).unwrap_or_default();
    let posted = std::fs::read(world.root.join("jobs").join(&attempt).join("events.log")).unwrap_or_default();
    for (name, canary) in &canaries {
        assert!(!shown.contains(canary.as_str()), "{name} is shown or logged");
        assert!(!log.contains(canary.as_str()), "{name} is in the shim's log");
        assert!(!processes::contains(&posted, canary.as_bytes()), "{name} is in what is posted");
        for path in kept.iter().filter(|path| !path.ends_with("operator.token")) {
            assert!(!processes::contains(&std::fs::read(path).unwrap(), canary.as_bytes()), "{name} is in {}", path.display());
        }
    }
    world.it.stop();
}
