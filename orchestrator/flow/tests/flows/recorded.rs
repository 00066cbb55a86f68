//! Journals that were recorded once and are replayed for ever: what a release of the engine has scheduled, every later one
//! schedules again, byte for byte. A record is never changed; a new engine level gets new ones beside the old.

use crate::support::{Run, job_failed, job_ok};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sortie_core::call::CallSpec;
use sortie_core::evaluation::{Command, ENGINE_LEVEL, End, ExitFacts, JournalEntry};
use sortie_core::failure::{Failure, FailureKind};
use sortie_flow::bundle::Bundle;
use std::path::{Path, PathBuf};

/// One recorded journal.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    engine: u32,
    source: String,
    input: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<ExitFacts>,
    journal: Vec<JournalEntry>,
    end: End,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

fn run_of(record: &Recorded) -> Run {
    let mut run = Run::of_bundle(Bundle::new([("flow.star", record.source.as_str())]));
    run.input = record.input.clone();
    run.exit = record.exit.clone();
    run
}

#[test]
fn every_recorded_journal_still_replays() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let record: Recorded = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(record.engine <= ENGINE_LEVEL);
        let mut run = run_of(&record);
        run.journal = record.journal.clone();
        let whole = run.evaluate().evaluation;
        assert_eq!((whole.commands.len(), &whole.end), (0, &record.end), "{}", path.display());
        let first = record.exit.as_ref().map_or(0, |exit| exit.from_call as usize);
        for known in first..record.journal.len() {
            run.journal = record.journal[..known].to_vec();
            let evaluation = run.evaluate().evaluation;
            let (step, spec) = match evaluation.commands.first() {
                Some(Command::Schedule { step, spec, .. } | Command::Record { step, spec, .. }) => (step, spec),
                other => panic!("{} after {known} calls: {other:?}", path.display()),
            };
            let expected = &record.journal[known];
            assert_eq!((step, json!(spec)), (&expected.step, json!(expected.spec)), "{} after {known} calls", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 3, "the records are there");
}

const EVERYTHING: &str = r#"
flow(name = "everything", input = {"repo": str}, deadline = "12h", triggers = [manual(), schedule("0 2 * * *", tz = "Europe/Oslo", input = {"repo": "r"})],
     concurrency = limit(1, key = "input.repo"), notify = notify(on = ["failed"], to = connection("chat")))

def shard(n):
    return job("shard %d" % n, on = label("x"), command = ["run", str(n)], wait = False, timeout = "1h")

def run(ctx, input):
    started = now("started")
    key = uuid("key")
    w = wait("answer", timeout = "1h", schema = {"type": "object"}, auth = "url", roles = ["ops"], on_timeout = 0, wait = False)
    fix = job("fix", on = label("builder"), command = ["fix", input["repo"], key], env = {"URL": w.url, "TOKEN": w.token, "KEY": secret("key")},
              stdin = "in", files = {"a/b": "c"}, artifacts = ["diff"], budget = budget(usd = "1.25"), silence = "5m", timeout = "2h",
              retry = retry(attempts = 3, backoff = "30s", total = "1h"), result_schema = {"type": "object"}, wait = False)
    seen = fix.progress("how far")
    point = fix.checkpoint("checkpoint")
    first = wait_any("first", [w, fix, sleep("limit", "1h", wait = False)])
    wait_all([shard(100), shard(101)])
    shards = for_each([1, 2, 3], shard, at_most = 2)
    told = http("tell", url = "https://example.com/x", method = "PUT", json = {"n": [1, 2.5]}, headers = {"a": secret("k")}, expect = [200, 204], timeout = "1m")
    merged = wait_event("merged", name = "pr", key = "7", timeout = "7d")
    ok = approval("release", title = "Release?", text = "why", approvers = ["leads"], quorum = 2, comment = True, remind = "1h",
                  escalate = escalate("4h", to = ["boss"]), notify = connection("chat"), timeout = "1d")
    sleep_until("morning", "2026-01-31T09:30:00Z")
    kept = artifact("notes", content = "text", type = "text/markdown")
    sub = child("sub", flow = "other", release = 2, input = {"x": 1}, timeout = "1h", on_cancel = "abandon")
    log("ends")
    return [started, first.step, len(shards), told.status, merged.payload, ok.outcome, kept.resource, sub.value, seen, point]
"#;

const FAILING: &str = r#"
flow(name = "failing")

def run(ctx, input):
    job("build", on = "vm", command = ["make"], check = True, timeout = "1h", retry = retry(attempts = 2))

def on_exit(ctx, end):
    job("clean up", on = "vm", command = ["rm", end.outcome, end.error.kind, str(end.steps["build"].ok)], timeout = "5m")
"#;

/// The answer that a record has for a call.
fn canned(spec: &CallSpec) -> Json {
    match spec {
        CallSpec::Job(_) => job_ok(json!({"branch": "b"})),
        CallSpec::Wait(_) => json!({"ok": true, "value": {"go": true}, "timed_out": false, "error": null, "by": null}),
        CallSpec::Http(_) => {
            json!({"ok": true, "status": 204, "headers": {}, "body": "", "json": null, "attempts": 1, "error": null, "timed_out": false})
        }
        CallSpec::WaitEvent(_) => {
            json!({"ok": true, "id": "e", "payload": {"x": 1}, "published_at_ms": 1, "timed_out": false, "error": null})
        }
        CallSpec::Approval(_) => {
            json!({"ok": true, "approved": true, "outcome": "approved", "by": ["ann", "bob"], "comment": null, "votes": []})
        }
        CallSpec::Child(_) => json!({"ok": true, "run": "run_x", "outcome": "succeeded", "value": 5, "error": null, "timed_out": false}),
        CallSpec::Artifact(_) => {
            json!({"ok": true, "name": "notes", "resource": "res://n", "size": 4, "sha256": "ab", "attempts": 1, "error": null, "timed_out": false})
        }
        _ => json!(null),
    }
}

fn record(
    name: &str,
    source: &str,
    input: Json,
    exit: Option<(ExitFacts, Vec<JournalEntry>)>,
    answer: fn(&CallSpec) -> Json,
) -> Vec<JournalEntry> {
    let path = folder().join(format!("{name}.json"));
    let (exit, journal) = exit.map_or((None, Vec::new()), |(exit, journal)| (Some(exit), journal));
    let mut record =
        Recorded { engine: ENGINE_LEVEL, source: source.to_owned(), input, exit, journal, end: End::Suspended { waiting_on: vec![] } };
    let mut run = run_of(&record);
    run.journal = record.journal.clone();
    record.end = loop {
        let end = run.step().evaluation.end;
        let End::Suspended { waiting_on } = &end else { break end };
        let call = *waiting_on.last().expect("it waits for something");
        run.answer(call, answer(run.spec(call)));
    };
    record.journal = run.journal.clone();
    if !path.exists() {
        let text = serde_json::to_string_pretty(&record).expect("plain data") + "\n";
        std::fs::write(&path, text).expect("the folder is there");
    }
    run.journal
}

#[test]
#[ignore = "writes the records that are not there yet; run it when a flow is added"]
fn write_new_records() {
    record("level1-everything", EVERYTHING, json!({"repo": "r"}), None, canned);
    let body = record("level1-failing", FAILING, json!({}), None, |_| job_failed("lost", "gone"));
    let failure = Some(Failure::new(FailureKind::Check, "step `build` failed: lost: gone"));
    let exit = ExitFacts { outcome: "dead".into(), value: json!(null), failure, from_call: 1 };
    record("level1-on-exit", FAILING, json!({}), Some((exit, body)), canned);
}
