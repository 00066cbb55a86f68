//! The durable calls beside jobs and waits: their arguments, their results, and what they refuse.

use crate::support::{Run, job_failed, job_ok};
use serde_json::{Value as Json, json};
use sortie_core::call::{CallSpec, HttpBody, OnCancel, Reference, WaitAuth};
use sortie_core::evaluation::{Command, End, ExitFacts, Reports};
use sortie_core::failure::{Failure, FailureKind};

/// Evaluate a body to its first call, answer that, evaluate to the value.
fn answered(body: &str, answer: Json) -> (Run, Json) {
    let mut run = Run::of(body);
    run.step();
    run.answer(1, answer);
    let value = run.returned();
    (run, value)
}

#[test]
fn a_job_carries_files_artifacts_budget_and_secrets() {
    let mut run = Run::of(
        r#"
job("a", on = "vm", command = ["x"], env = {"K": secret("k")}, stdin = secret("in"), files = {"etc/a.conf": "text", "key": secret("f")},
    artifacts = ["out/report.html"], budget = budget(usd = "5.00", tokens = 1000), silence = "10m",
    retry = retry(attempts = 2, total = "1h"))
"#,
    );
    run.step();
    let CallSpec::Job(spec) = run.spec(1) else { panic!() };
    assert_eq!((&spec.env["K"], &spec.stdin), (&Reference::Secret("k".into()), &Some(Reference::Secret("in".into()))));
    assert_eq!((&spec.files["etc/a.conf"], &spec.files["key"]), (&Reference::Text("text".into()), &Reference::Secret("f".into())));
    assert_eq!((spec.artifacts.as_slice(), spec.silence_ms), (&["out/report.html".to_owned()][..], Some(600_000)));
    let budget = spec.budget.as_ref().unwrap();
    assert_eq!((budget.usd_micros, budget.tokens, spec.retry.total_ms), (Some(5_000_000), Some(1_000), Some(3_600_000)));
}

#[test]
fn what_cannot_be_resolved_or_reached_is_refused() {
    for (call, word) in [
        ("job('a', on = 'h', command = ['x'], files = {'../up': 'x'})", "no path below"),
        ("job('a', on = 'h', command = ['x'], artifacts = ['/etc/passwd'])", "no path below"),
        ("job('a', on = 'h', command = ['x'], artifacts = ['a', 'a'])", "twice"),
        ("job('a', on = 'h', command = ['echo', str(secret('k'))])", "secrets and connections are no text"),
        ("job('a', on = 'h', command = [f'{connection(\"c\")}'])", "secrets and connections are no text"),
        ("child('a', flow = 'f', input = {'k': str(secret('k'))})", "secrets and connections are no text"),
        ("sleep(str(secret('k')), '1s')", "secrets and connections are no text"),
        ("http('a', url = 'ftp://x')", "absolute URL"),
        ("http('a', url = '/path')", "absolute URL"),
        ("http('a', url = 'https://user:pass@x/')", "does not belong into a URL"),
        ("http('a', url = 'https://x', body = 'b', json = 1)", "not both"),
        ("http('a', url = 'https://x', headers = {'Host': 'y'})", "set by the sender"),
        ("http('a', url = 'https://x', headers = {'A': 'x\\ny'})", "control characters"),
        ("http('a', url = 'https://x', method = 'BREW')", "expected one of GET"),
        ("http('a', url = 'https://x', expect = [42])", "no status"),
        ("http('a', url = 'https://x', max_response = 0)", "max_response"),
        ("wait('a', auth = 'nobody')", "auth: expected one of"),
        ("wait_event('a', name = '', key = 'k')", "name: expected"),
        ("approval('a', title = 'two\\nlines')", "title: expected one line"),
        ("approval('a', title = 't', quorum = 0)", "quorum: expected 1"),
        ("approval('a', title = 't', show = ['diff'])", "show: expected references"),
        ("approval('a', title = 't', remind = '1s')", "the least is"),
        ("child('a', flow = 'No Flow')", "no name of a flow"),
        ("child('a', flow = 'f', release = 0)", "release: expected"),
        ("child('a', flow = 'f', on_cancel = 'hope')", "on_cancel: expected one of"),
        ("artifact('a', content = 'x', type = 'text')", "no media type"),
        ("sleep_until('a', 'tomorrow')", "expected a time"),
        ("budget()", "expected usd or tokens"),
        ("escalate('1h', to = [])", "names of roles"),
        ("secret('no name')", "is no name"),
        ("for_each([1], lambda x: x)", "not a handle"),
        ("for_each([1], lambda x: x, at_most = 0)", "at_most: expected"),
    ] {
        let failure = Run::of(call).failure();
        assert_eq!(failure.kind, FailureKind::FlowError, "{call}");
        assert!(failure.message.contains(word), "{call}: {}", failure.message);
    }
}

#[test]
fn a_request_and_its_answer() {
    let body = r#"
r = http("post", url = "/items", connection = connection("api"), json = {"n": 1.5}, headers = {"X-Key": secret("k")}, expect = [201],
         max_response = 1000, try_timeout = "5s", timeout = "1m", retry = retry(on = ["http"]))
return [r.ok, r.status, r.headers, r.body, r.json, r.attempts, r.error.kind if r.error else None, r.timed_out]
"#;
    let answer = json!({"ok": true, "status": 201, "headers": {"a": "b"}, "body": "{}", "json": {"id": 7}, "attempts": 2, "error": null, "timed_out": false});
    let (run, value) = answered(body, answer);
    assert_eq!(value, json!([true, 201, {"a": "b"}, "{}", {"id": 7}, 2, null, false]));
    let CallSpec::Http(spec) = run.spec(1) else { panic!() };
    assert_eq!((spec.method.as_str(), spec.url.as_str(), spec.connection.as_deref()), ("POST", "/items", Some("api")));
    assert_eq!((&spec.body, &spec.headers["x-key"]), (&Some(HttpBody::Json(json!({"n": 1.5}))), &Reference::Secret("k".into())));
    assert_eq!((spec.expect.as_slice(), spec.response_bytes, spec.try_ms, spec.timeout_ms), (&[201][..], 1_000, 5_000, 60_000));
    let large = json!({"ok": true, "status": 200, "headers": {}, "body": {"resource": "res://x/1"}, "attempts": 1, "error": null, "timed_out": false});
    assert_eq!(answered("return http('a', url = 'https://x').body", large).1, json!("res://x/1"));
}

#[test]
fn a_checked_step_that_used_up_its_retries_gave_up() {
    for (answer, expected) in [
        (json!({"ok": false, "error": {"kind": "http", "message": "500"}, "attempts": 3}), true),
        (json!({"ok": false, "error": {"kind": "policy", "message": "private"}, "attempts": 1}), false),
    ] {
        let mut run = Run::of("http('a', url = 'https://x', retry = retry(attempts = 3, on = ['http']), check = True)");
        run.step();
        run.answer(1, answer);
        let End::Failed { failure, gave_up } = run.step().evaluation.end else { panic!() };
        assert_eq!((failure.kind, gave_up), (FailureKind::Check, expected), "{}", failure.message);
    }
    let mut run = Run::of("job('a', on = 'h', command = ['x'], check = True)");
    run.step();
    run.answer(1, job_failed("exit", "1"));
    assert!(matches!(run.step().evaluation.end, End::Failed { gave_up: false, .. }), "one attempt is no retry");
}

#[test]
fn waits_say_who_may_answer_and_what_silence_means() {
    let body = "r = wait('a', auth = 'operator', roles = ['ops'], on_timeout = {'go': False})\nreturn [r.ok, r.value, r.timed_out, r.by]";
    let (run, value) =
        answered(body, json!({"ok": false, "value": null, "timed_out": true, "error": {"kind": "timed_out", "message": ""}}));
    assert_eq!(value, json!([false, {"go": false}, true, null]));
    let CallSpec::Wait(spec) = run.spec(1) else { panic!() };
    assert_eq!((spec.auth, spec.roles.as_slice()), (WaitAuth::Operator, &["ops".to_owned()][..]));
    assert_eq!(
        answered(body, json!({"ok": true, "value": 1, "timed_out": false, "error": null, "by": "ann"})).1,
        json!([true, 1, false, "ann"])
    );
}

#[test]
fn events_approvals_children_and_artifacts_come_back_typed() {
    let (_, value) = answered(
        "e = wait_event('a', name = 'pr', key = '1', timeout = '7d')\nreturn [e.ok, e.id, e.payload, e.timed_out, e.error]",
        json!({"ok": true, "id": "e1", "payload": {"x": 1}, "timed_out": false, "error": null}),
    );
    assert_eq!(value, json!([true, "e1", {"x": 1}, false, null]));
    let body = r#"
a = approval("a", title = "t", show = ["res://1"], approvers = ["leads"], quorum = 2, comment = True, remind = "1h",
             escalate = escalate("4h", to = ["boss"]), notify = connection("chat"), timeout = "1d")
return [a.ok, a.approved, a.outcome, a.by, a.comment, a.votes, a.timed_out]
"#;
    let votes = json!([{"by": "ann", "decision": "reject", "comment": "no"}]);
    let answer = json!({"ok": false, "approved": false, "outcome": "rejected", "by": ["ann"], "comment": "no", "votes": votes});
    let (run, value) = answered(body, answer.clone());
    assert_eq!(value, json!([false, false, "rejected", ["ann"], "no", votes, false]));
    let CallSpec::Approval(spec) = run.spec(1) else { panic!() };
    assert_eq!((spec.quorum, spec.comment_required, spec.remind_ms, spec.notify.as_deref()), (2, true, Some(3_600_000), Some("chat")));
    assert_eq!(spec.escalate.as_ref().map(|more| (more.after_ms, more.to.len())), Some((14_400_000, 1)));
    let mut checked = Run::of("approval('a', title = 't', check = True)");
    checked.step();
    checked.answer(1, answer);
    assert!(checked.failure().message.contains("step `a` failed: rejected: no"));
    let (run, value) = answered(
        "c = child('a', flow = 'f', release = 3, input = {'x': [1]}, on_cancel = 'abandon')\nreturn [c.ok, c.run, c.outcome, c.value, c.error, c.timed_out]",
        json!({"ok": true, "run": "run_2", "outcome": "succeeded", "value": 5, "error": null, "timed_out": false}),
    );
    assert_eq!(value, json!([true, "run_2", "succeeded", 5, null, false]));
    let CallSpec::Child(spec) = run.spec(1) else { panic!() };
    assert_eq!((spec.release, &spec.input, spec.on_cancel), (Some(3), &json!({"x": [1]}), OnCancel::Abandon));
    let (run, value) = answered(
        "k = artifact('notes', content = 'text', type = 'text/markdown')\nreturn [k.ok, k.name, k.resource, k.size, k.sha256, k.error]",
        json!({"ok": true, "name": "notes", "resource": "res://n", "size": 4, "sha256": "ab", "error": null}),
    );
    assert_eq!(value, json!([true, "notes", "res://n", 4, "ab", null]));
    assert!(matches!(run.spec(1), CallSpec::Artifact(spec) if spec.name == "notes" && spec.media_type == "text/markdown"));
}

#[test]
fn files_that_a_job_kept_are_references() {
    let mut answer = job_ok(json!(null));
    answer["artifacts"] = json!({"a.txt": {"resource": "res://a", "size": 1, "sha256": "x"}, "b.txt": {"missing": "too large"}});
    let call = "r = job('a', on = 'h', command = ['x'], artifacts = ['a.txt', 'b.txt'])\n";
    assert_eq!(answered(&format!("{call}return [r.artifacts, r.artifact('a.txt')]"), answer.clone()).1, json!([["a.txt"], "res://a"]));
    for (path, word) in [("b.txt", "was not kept: too large"), ("c.txt", "names no \"c.txt\"")] {
        let mut run = Run::of(&format!("{call}return r.artifact('{path}')"));
        run.step();
        run.answer(1, answer.clone());
        let failure = run.failure();
        assert!(failure.message.contains(word), "{}", failure.message);
    }
}

#[test]
fn a_point_in_time_is_text_or_milliseconds() {
    let mut run = Run::of("sleep_until('a', '2026-01-31T09:30:00+01:00', wait = False)\nsleep_until('b', now('n') + 5)");
    run.step();
    assert_eq!(*run.spec(1), CallSpec::SleepUntil { at: 1_769_848_200_000 });
    assert_eq!(*run.spec(3), CallSpec::SleepUntil { at: 1_700_000_000_005 });
}

#[test]
fn what_a_job_reports_is_read_once() {
    let mut run = Run::of(
        "j = job('a', on = 'h', command = ['x'], wait = False)\nsleep('s', '1m')\nreturn [j.progress('p'), j.checkpoint('c'), j.progress('q')]",
    );
    run.step();
    run.answer(2, json!(null));
    run.reports.insert(1, Reports { progress: Some(json!({"percent": 40})), checkpoint: None });
    assert_eq!(run.returned(), json!([{"percent": 40}, null, {"percent": 40}]));
    run.reports.insert(1, Reports { progress: Some(json!({"percent": 90})), checkpoint: Some(json!(1)) });
    assert_eq!(run.returned(), json!([{"percent": 40}, null, {"percent": 40}]), "a replay reads what was recorded");
}

#[test]
fn fail_ends_the_run_with_its_own_kind() {
    let failure = Run::of("fail('no', 'room:', 3)").failure();
    assert_eq!(failure.kind, FailureKind::Fail);
    assert!(failure.message.starts_with("error: no room: 3\n  --> flow.star:3:5"), "{}", failure.message);
}

/// A small generator of numbers: the same on every machine.
fn shuffled(seed: u64, n: usize) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut order: Vec<usize> = (0..n).collect();
    for at in (1..n).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, usize::try_from(state % (at as u64 + 1)).expect("below n"));
    }
    order
}

#[test]
fn for_each_makes_the_same_calls_in_whatever_order_answers_come() {
    let body = "rs = for_each(range(9), lambda n: job('shard %d' % n, on = 'h', command = [str(n)], wait = False), at_most = 3)\nreturn [r.result for r in rs]";
    for seed in 0..40 {
        let mut run = Run::of(body);
        let order = shuffled(seed, 9);
        loop {
            let evaluated = run.step();
            let open: Vec<u32> = run.journal.iter().filter(|entry| entry.value.is_none()).map(|entry| entry.call).collect();
            if let End::Returned { value } = evaluated.evaluation.end {
                assert_eq!(value, json!([0, 1, 2, 3, 4, 5, 6, 7, 8]), "seed {seed}");
                break;
            }
            assert!(!open.is_empty() && open.len() <= 3, "seed {seed}: {open:?} are open: {:?}", run.evaluate().evaluation.end);
            let next = *open.iter().min_by_key(|call| order[**call as usize - 1]).unwrap();
            run.answer(next, job_ok(json!(next - 1)));
        }
        let steps: Vec<String> = run.journal.iter().map(|entry| entry.step.clone()).collect();
        assert_eq!(steps, (0..9).map(|n| format!("shard {n}")).collect::<Vec<_>>(), "seed {seed}");
        let whole = run.journal.clone();
        run.journal.iter_mut().take(2).for_each(|entry| entry.value = None);
        assert_eq!(run.waits_on(), [1, 2], "seed {seed}: a step opened anew does not change what follows it");
        run.journal = whole;
    }
}

const EXITING: &str = r#"
flow(name = "t")

def run(ctx, input):
    job("build", on = "vm", command = ["make"], check = True)
    sleep("never", "1h")

def on_exit(ctx, end):
    built = end.steps.get("build")
    told = {"outcome": end.outcome, "error": end.error.kind if end.error else None, "built": built.ok if built else None, "value": end.value}
    artifact("told", content = json.encode(told))
    sleep("after", "1s")
"#;

#[test]
fn on_exit_is_told_of_the_end_and_goes_on_after_the_body() {
    let mut run = Run::of_bundle(sortie_flow::bundle::Bundle::new([("flow.star", EXITING)]));
    run.input = json!({});
    run.step();
    run.answer(1, job_failed("exit", "1"));
    assert_eq!(run.failure().kind, FailureKind::Check);
    let failure = Failure::new(FailureKind::Check, "step `build` failed");
    run.exit = Some(ExitFacts { outcome: "failed".into(), value: json!(null), failure: Some(failure), from_call: 1 });
    assert_eq!(run.waits_on(), [2]);
    let CallSpec::Artifact(spec) = run.spec(2) else { panic!() };
    let told: Json = serde_json::from_str(&spec.content).unwrap();
    assert_eq!(told, json!({"outcome": "failed", "error": "check", "built": false, "value": null}));
    run.answer(2, json!({"ok": true, "name": "told", "resource": "res://t"}));
    assert_eq!(run.waits_on(), [3]);
    run.answer(3, json!(null));
    assert_eq!(run.returned(), json!(null));
}

#[test]
fn a_fork_reuses_what_is_the_same_and_makes_the_rest_anew() {
    let body =
        "a = job('a', on = 'h', command = ['x'])\nu = uuid('u')\nb = job('b', on = 'h', command = [u])\nreturn [a.result, u, b.result]";
    let mut first = Run::of(body);
    first.step();
    first.answer(1, job_ok(json!("one")));
    first.step();
    let mut fork = Run::of(body);
    fork.reuse = first.journal.iter().filter(|entry| entry.value.is_some()).cloned().collect();
    let evaluated = fork.step();
    let kinds: Vec<&str> = evaluated
        .evaluation
        .commands
        .iter()
        .map(|command| match command {
            Command::Reuse { .. } => "reuse",
            Command::Record { .. } => "record",
            Command::Schedule { .. } => "schedule",
        })
        .collect();
    assert_eq!(kinds, ["reuse", "record", "schedule"]);
    assert_eq!(fork.spec(3), first.spec(3), "the command names the same uuid");
    fork.answer(3, job_ok(json!("two")));
    fork.reuse.clear();
    assert_eq!(fork.returned()[0], json!("one"), "what was reused is in the journal");
}
