//! Flows of the tests.

use crate::installation::Installation;

/// One job by a shell script from the input; what came of it is the answer.
pub const ONE_JOB: &str = r#"
flow(name = "one-job", description = "One job", input = {"host": str, "script": str, "timeout": str, "started": str, "attempts": int}, deadline = "10m")

def run(ctx, input):
    r = job("work", on = input["host"], command = ["/bin/sh", "-c", input["script"]], timeout = input["timeout"],
            heartbeat = "1s", grace = "1s", started_within = input["started"], retry = retry(attempts = input["attempts"], backoff = "100ms", on = ["exit", "lost"]))
    return {"ok": r.ok, "kind": r.error.kind if r.error else None, "attempts": r.attempts, "result": r.result,
            "output": r.output, "timed_out": r.timed_out, "stopped": r.stopped}
"#;

/// Write a flow to a folder, push and release it.
pub fn publish(installation: &Installation, name: &str, source: &str) {
    let folder = installation.folder().join("flows").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("flow.star"), source).unwrap();
    let _ = installation.cli(&["flow", "push", folder.to_str().unwrap()]).data();
    let _ = installation.cli(&["flow", "release", name]).data();
}
