//! `flow test` and `flow simulate`: runs in virtual time, decided by the engine itself.

use crate::support::ask;
use serde_json::{Value as Json, json};
use sortie_flow::bundle::Bundle;
use sortie_flow::testing::{Simulation, TestReport};
use sortie_flow::worker::protocol::{Answer, Request};

const FLOW: &str = r#"
flow(name = "t", input = {"n": optional(int, default = 1)}, deadline = "30d")

def run(ctx, input):
    log("begins")
    built = job("build", on = "vm", command = ["make"], timeout = "2h", artifacts = ["report"],
                retry = retry(attempts = 3, backoff = "10s", on = ["unreachable"]))
    if not built.ok:
        return {"failed": built.error.kind, "attempts": built.attempts}
    told = http("tell", url = "https://example.com/built", json = built.result, timeout = "1h")
    merged = wait_event("merged", name = "pr", key = str(input["n"]), timeout = "7d")
    ok = approval("release", title = "Release?", show = [built.artifact("report")], timeout = "24h")
    sleep("settle", "1h")
    go = wait("go", timeout = "1h", on_timeout = "nobody")
    kept = artifact("notes", content = "done")
    sub = child("deploy", flow = "deploy", input = {"n": 1}, timeout = "1h")
    return {"told": told.status, "by": merged.payload, "outcome": ok.outcome, "go": go.value, "kept": kept.resource, "sub": sub.value}

def on_exit(ctx, end):
    job("clean up", on = "vm", command = ["rm"], timeout = "5m")
"#;

fn tested(test: &str) -> TestReport {
    let request = Request::Test {
        bundle: Bundle::new([("flow.star", FLOW)]),
        files: [("t_test.star".to_owned(), test.to_owned())].into(),
        only: None,
    };
    match ask(&request) {
        Answer::Tested(report) => report,
        other => panic!("{other:?}"),
    }
}

fn passes(test: &str) {
    let report = tested(test);
    assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
    assert!(!report.tests.is_empty());
    for test in &report.tests {
        assert!(test.failure.is_none(), "{}: {}", test.name, test.failure.as_ref().map(|found| found.render()).unwrap_or_default());
    }
}

fn simulated(answers: Json) -> Simulation {
    let answers = serde_json::from_value(answers).expect("an object");
    match ask(&Request::Simulate { bundle: Bundle::new([("flow.star", FLOW)]), input: json!({}), answers }) {
        Answer::Simulated(simulation) => simulation.expect("it can begin"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_job_is_tried_again_in_virtual_time() {
    passes(
        r#"
def test_retries():
    t = start(stubs = {"build": [{"failure": "unreachable", "times": 2}, {"failure": "exit", "message": "code 1"}], "clean up": {}})
    assert_eq(t.open(), ["build"])
    t.advance("1m")
    assert_eq(t.state(), "succeeded")
    assert_eq(t.result(), {"failed": "exit", "attempts": 3})
    assert_eq(t.log(), ["begins"])
    assert_eq([c["step"] for c in t.calls()], ["build", "clean up"])
    assert_eq(len([e for e in t.history() if e == "retry_scheduled"]), 2)

def test_a_time_limit_stops_the_job():
    t = start()
    t.stub("clean up")
    t.advance("119m")
    assert_eq(t.state(), "waiting")
    t.advance("2m")
    assert_eq(t.result(), {"failed": "timed_out", "attempts": 1})
"#,
    );
}

#[test]
fn every_kind_of_step_can_be_answered() {
    passes(
        r#"
def test_all():
    t = start(input = {"n": 7}, stubs = {"build": {"value": {"branch": "b"}}, "tell": {"status": 202}})
    assert_eq(t.open(), ["merged"])
    t.event("pr", "8")
    assert_eq(t.open(), ["merged"])
    t.event("pr", "7", "ann")
    assert_eq(t.open(), ["release"])
    t.vote("release", "approve", by = "bob")
    assert_eq(t.open(), ["settle"])
    t.advance("1h")
    t.answer("go", {"yes": True})
    assert_eq(t.open(), ["deploy"])
    t.answer("deploy", "deployed")
    assert_eq(t.open(), ["clean up"])
    t.answer("clean up")
    assert_eq(t.state(), "succeeded")
    r = t.result()
    assert_eq([r["told"], r["by"], r["outcome"], r["go"], r["sub"]], [202, "ann", "approved", {"yes": True}, "deployed"])
    assert_true(r["kept"].startswith("res://"))
    call = [c for c in t.calls() if c["step"] == "tell"][0]
    assert_eq([call["kind"], call["args"]["method"], call["args"]["body"]["json"]], ["http", "POST", {"branch": "b"}])

def test_silence_is_an_outcome():
    t = start(stubs = {"build": {}, "tell": {}, "merged": {"value": "x"}, "deploy": {}, "clean up": {}})
    t.advance("23h")
    assert_eq(t.open(), ["release"])
    t.finish()
    assert_eq([t.result()["outcome"], t.result()["go"]], ["timed_out", "nobody"])

def test_cancel_runs_on_exit():
    t = start()
    t.cancel()
    assert_eq(t.open(), ["clean up"])
    t.answer("clean up")
    assert_eq(t.state(), "cancelled")
"#,
    );
}

#[test]
fn a_failed_assertion_names_its_line() {
    let report =
        tested("def test_wrong():\n    t = start()\n    assert_eq(t.open(), [\"x\"])\n\ndef test_right():\n    assert_true(True)\n");
    assert!(!report.is_ok());
    let [wrong, right] = &report.tests[..] else { panic!("{report:?}") };
    let found = wrong.failure.as_ref().unwrap();
    assert_eq!((found.file.as_deref(), found.line), (Some("t_test.star"), 3));
    assert!(found.message.contains("actual:   [\"build\"]") && found.message.contains("expected: [\"x\"]"), "{}", found.message);
    assert_eq!(right.failure, None);
}

#[test]
fn what_cannot_be_is_told() {
    for (body, word) in [
        ("start(input = {'m': 1})", "no such input"),
        ("start().answer('nothing')", "no step `nothing` is open; open are: `build`"),
        ("start().vote('build', 'approve')", "is no approval"),
        ("start().vote('build', 'maybe')", "expected \"approve\" or \"reject\""),
        ("start().stub('build', failure = 'tired')", "no kind of failure"),
        ("start().advance('soon')", "expected a duration"),
        ("fail('own words')", "own words"),
    ] {
        let report = tested(&format!("def test_x():\n    {body}\n"));
        let found = report.tests[0].failure.as_ref().unwrap_or_else(|| panic!("{body}"));
        assert!(found.message.contains(word), "{body}: {}", found.message);
        assert_eq!(found.line, 2, "{body}");
    }
    assert_eq!(tested("def test_x(:\n").diagnostics.len(), 1);
}

#[test]
fn a_simulation_goes_to_the_end_by_canned_answers() {
    let simulation = simulated(json!({
        "build": [{"failure": "unreachable", "times": 1}, {"value": 1, "after": "90m"}],
        "merged": {"value": "ann", "after": "2d"},
        "release": {"vote": "reject", "by": "bob"},
    }));
    assert_eq!((simulation.state.as_str(), &simulation.problem), ("succeeded", &None));
    assert_eq!((&simulation.result["outcome"], &simulation.result["go"]), (&json!("rejected"), &json!("nobody")));
    let moment = |event: &str, step: &str| {
        let of = |moment: &&sortie_flow::testing::report::Moment| moment.event == event && moment.step.as_deref() == Some(step);
        simulation.timeline.iter().find(of).unwrap_or_else(|| panic!("{event} {step}: {:#?}", simulation.timeline))
    };
    assert!(moment("step_completed", "build").after_ms >= 90 * 60_000);
    assert!(moment("step_completed", "merged").after_ms >= 2 * 86_400_000);
    assert!(moment("approval_voted", "release").text.contains("bob: reject"));
    let again = simulated(json!({"build": {"failure": "exit"}}));
    assert_eq!(again.result, json!({"failed": "exit", "attempts": 1}));
}

#[test]
fn the_tests_of_the_examples_pass() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for folder in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let bundle = Bundle::from_dir(&folder).unwrap();
        assert!(bundle.files.keys().all(|name| !name.ends_with("_test.star")), "test files are no part of a bundle");
        let mut files = std::collections::BTreeMap::new();
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("_test.star") {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
        let Answer::Tested(report) = ask(&Request::Test { bundle, files, only: None }) else { panic!() };
        assert!(report.is_ok(), "{}: {report:#?}", folder.display());
        seen += report.tests.len();
    }
    assert!(seen >= 3, "there are examples with tests");
}
