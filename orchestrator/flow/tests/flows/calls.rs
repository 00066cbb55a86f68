//! Arguments of the durable calls, and the values they return.

use crate::support::{Run, job_failed, job_ok};
use serde_json::json;
use sortie_core::call::{CallSpec, HostSelector, Reference};
use sortie_core::failure::FailureKind;

#[test]
fn a_job_carries_all_its_arguments() {
    let mut run = Run::of(
        r#"
job("build", on = label("builder"), command = ["make", "-j2"], env = {"A": "1"}, cwd = "/src", stdin = "in", timeout = "2h",
    heartbeat = "1m", started_within = "10s", launch_timeout = "30s", grace = "5s",
    retry = retry(attempts = 5, backoff = "30s", max_backoff = "10m", on = ["unreachable", "exit"]),
    result_schema = {"type": "object", "properties": {"n": {"maximum": 1.5}}}, check = True)
"#,
    );
    run.step();
    let CallSpec::Job(spec) = run.spec(1) else { panic!() };
    assert_eq!(spec.on, HostSelector::Label("builder".into()));
    assert_eq!(spec.command, ["make", "-j2"]);
    assert_eq!(spec.env["A"], Reference::Text("1".into()));
    assert_eq!((spec.cwd.as_deref(), &spec.stdin), (Some("/src"), &Some(Reference::Text("in".into()))));
    assert_eq!(
        (spec.timeout_ms, spec.heartbeat_ms, spec.started_ms, spec.launch_ms, spec.grace_ms),
        (7_200_000, 60_000, 10_000, 30_000, 5_000)
    );
    assert_eq!((spec.retry.attempts, spec.retry.backoff_ms, spec.retry.max_backoff_ms), (5, 30_000, 600_000));
    assert_eq!(spec.retry.on, [FailureKind::Unreachable, FailureKind::Exit]);
    assert_eq!(spec.result_schema, Some(json!({"type": "object", "properties": {"n": {"maximum": 1.5}}})));
    assert_eq!(run.waits_on(), [1], "the same call again is the same");
}

#[test]
fn a_plain_job_has_the_limits_of_the_engine() {
    let mut run = Run::of("job('a', on = 'vm', command = ['x'])\n");
    run.step();
    let written_out = json!({"job": {"on": {"name": "vm"}, "command": ["x"]}});
    assert_eq!(*run.spec(1), serde_json::from_value::<CallSpec>(written_out).unwrap());
}

#[test]
fn a_retry_without_kinds_is_for_machine_and_network() {
    let mut run = Run::of("job('a', on = 'vm', command = ['x'], retry = retry())");
    run.step();
    let CallSpec::Job(spec) = run.spec(1) else { panic!() };
    let kinds: Vec<&str> = spec.retry.on.iter().map(|kind| kind.as_str()).collect();
    assert_eq!((spec.retry.attempts, kinds), (3, vec!["unreachable", "interrupted", "lost", "stalled", "not_started"]));
}

#[test]
fn a_result_has_typed_attributes() {
    let body = r#"
r = job("a", on = "vm", command = ["x"])
if r.error:
    return [r.ok, r.exit_code, r.output, r.error_output, r.error.kind, r.error.message, r.attempts, r.host, r.timed_out, r.stopped, r.duration_ms]
r.result["seen"] = True
return [r.ok, r.exit_code, r.signal, r.result, r.output, r.error, r.attempts, r.host, r.timed_out, r.stopped, r.duration_ms, str(r)]
"#;
    let mut run = Run::of(body);
    run.step();
    let mut failed = Run::of(body);
    failed.step();
    run.answer(1, job_ok(json!({"big": 123_456_789_012_345_678_u64, "half": 0.5})));
    let result = json!({"big": 123_456_789_012_345_678_u64, "half": 0.5, "seen": true});
    assert_eq!(run.returned(), json!([true, 0, null, result, "out", null, 1, "vm1", false, null, 12, "JobResult(ok=True, exit_code=0)"]));
    failed.answer(1, job_failed("timed_out", "after 2 h"));
    assert_eq!(failed.returned(), json!([false, 1, "", "e", "timed_out", "after 2 h", 3, "vm2", true, true, null]));
}

#[test]
fn check_fails_the_run_and_names_step_and_error() {
    for body in [
        "job('merge', on = 'vm', command = ['x'], check = True)",
        "h = job('merge', on = 'vm', command = ['x'], check = True, wait = False)\nh.wait()",
    ] {
        let mut run = Run::of(body);
        run.step();
        run.answer(1, job_failed("exit", "exit code 1"));
        let failure = run.failure();
        assert_eq!(failure.kind, FailureKind::Check);
        assert!(failure.message.starts_with("error: step `merge` failed: exit: exit code 1\n  --> flow.star:"), "{}", failure.message);
    }
}

#[test]
fn a_wait_returns_its_answer_or_the_lack_of_one() {
    let body = "r = wait('go', timeout = '1h', schema = {'type': 'object'})\nreturn [r.ok, r.value, r.timed_out, r.error.kind if r.error else None]";
    let mut run = Run::of(body);
    run.step();
    let CallSpec::Wait(spec) = run.spec(1) else { panic!() };
    assert_eq!((spec.timeout_ms, spec.schema.clone()), (3_600_000, Some(json!({"type": "object"}))));
    run.answer(1, json!({"ok": true, "value": {"by": "ann"}, "timed_out": false, "error": null}));
    assert_eq!(run.returned(), json!([true, {"by": "ann"}, false, null]));
    let mut late = Run::of(body);
    late.step();
    late.answer(1, json!({"ok": false, "value": null, "timed_out": true, "error": {"kind": "timed_out", "message": ""}}));
    assert_eq!(late.returned(), json!([false, null, true, "timed_out"]));
}

#[test]
fn input_and_facts_come_in() {
    let mut run = Run::of("return [input['n'] + 1, ctx.flow, ctx.release, ctx.created_at]");
    run.input = json!({"n": 41});
    assert_eq!(run.returned(), json!([42, "t", 3, 1_600_000_000_000_i64]));
}

#[test]
fn json_is_there_and_bounded() {
    assert_eq!(
        Run::of("return json.decode(json.encode({'a': [1, 2.5, None, 1 << 70]}))").returned(),
        serde_json::from_str::<serde_json::Value>("{\"a\":[1,2.5,null,1180591620717411303424]}").unwrap()
    );
    let failure = Run::of("x = []\nfor i in range(100):\n  x = [x]\nreturn json.encode(x)").failure();
    assert!(failure.message.contains("nested more than 64 deep"), "{}", failure.message);
    let failure = Run::of("x = []\nx.append(x)\nreturn json.encode(x)").failure();
    assert!(failure.message.contains("contains itself"), "{}", failure.message);
}
