//! What a hostile or careless flow can do to the server: nothing. Every case ends, with its reason.

use crate::support::{Run, check, check_bundle, command, flow, spawn};
use serde_json::json;
use sortie_core::evaluation::End;
use sortie_core::failure::FailureKind;
use sortie_flow::bundle::Bundle;
use sortie_flow::client::{CallResult, Worker};
use sortie_flow::diagnostic::DiagnosticKind;
use sortie_flow::limits::{FILE_BYTES, TICKS};
use sortie_flow::worker::protocol::{Answer, Request};
use std::time::{Duration, Instant};

fn flow_limit(body: &str, words: &[&str]) {
    let failure = Run::of(body).failure();
    assert_eq!(failure.kind, FailureKind::FlowLimit, "{}", failure.message);
    for word in words {
        assert!(failure.message.contains(word), "{word:?} in {}", failure.message);
    }
}

#[test]
fn nested_endless_loops_are_a_flow_limit() {
    flow_limit(
        "for a in range(1000000000):\n  for b in range(1000000000):\n    pass",
        &[&format!("more than {TICKS} function calls and loop turns"), "--> flow.star:", "^"],
    );
}

#[test]
fn a_growing_list_is_a_flow_limit() {
    flow_limit("x = []\nfor a in range(1000000000):\n  x.append([a])", &["more than 64 MiB of memory", "--> flow.star:", "^"]);
}

#[test]
fn deep_recursion_is_a_flow_limit() {
    flow_limit("def f(n):\n  return f(n + 1)\nreturn f(0)", &["nested more than 200 deep", "--> flow.star:", "^", "and "]);
}

#[test]
fn a_hundred_thousand_calls_are_a_flow_limit() {
    flow_limit(
        "for i in range(100000):\n  sleep('s%d' % i, '1s', wait = False)",
        &["more than 5000 durable calls in one run", "--> flow.star:4:7", "^"],
    );
}

#[test]
fn most_of_the_calls_are_a_warning_once() {
    let mut run = Run::of("for i in range(4001):\n  now('s%d' % i)\nsleep('end', '1s')");
    assert!(run.step().log.iter().any(|line| line.text.contains("4000 of at most 5000")));
    run.logged = 1;
    assert!(run.step().log.is_empty());
}

#[test]
fn a_value_nested_deeply_is_a_flow_limit() {
    let nested = |depth| format!("x = 1\nfor i in range({depth}):\n  x = [x]\nreturn x");
    flow_limit(&nested(115), &["nested more than 64 deep", "--> flow.star:2:5"]);
    flow_limit(&nested(500_000), &["nested more than 64 deep"]);
    assert!(matches!(Run::of(&nested(64)).step().evaluation.end, End::Returned { .. }));
}

#[test]
fn a_large_value_or_call_is_a_flow_limit() {
    flow_limit("return 'x' * 300000", &["bytes of JSON; it may have 262144"]);
    flow_limit("job('a', on = 'vm', command = ['x'], stdin = 'x' * 300000)", &["the arguments of `a` have", "--> flow.star:3:5"]);
}

#[test]
fn deep_nesting_in_a_source_is_refused_before_it_is_parsed() {
    for open in ["[", "(", "{", "f("] {
        let report = check(&flow(&format!("x = {}", open.repeat(5_000))));
        assert_eq!(report.diagnostics[0].kind, DiagnosticKind::Limit, "{open}");
        assert_eq!((report.diagnostics[0].line, report.diagnostics.len()), (3, 1));
    }
}

#[test]
fn a_large_source_is_refused() {
    let report = check_bundle(Bundle::new([("flow.star", "#".repeat(FILE_BYTES + 1))]));
    assert_eq!(report.diagnostics[0].kind, DiagnosticKind::Bundle);
}

#[test]
fn a_file_that_never_finishes_loading_is_refused() {
    let report = check(&format!("def f():\n  for a in range(1000000000):\n    pass\nf()\n{}", flow("pass")));
    let found = &report.diagnostics[0];
    assert_eq!((found.kind, found.line), (DiagnosticKind::Limit, 1), "{}", report.render());
}

/// Something that only the system can stop: the worker is gone, the caller is told, and a fresh worker serves.
fn kills_its_worker(request: &Request, deadline: Duration) -> CallResult {
    let mut worker = spawn();
    let started = Instant::now();
    let result = worker.call(request, deadline);
    assert!(started.elapsed() < Duration::from_secs(100), "it ends in bounded time");
    assert!(matches!(worker.call(request, deadline), CallResult::Died(_)), "a dead worker stays dead");
    serves(&mut spawn());
    result
}

fn serves(worker: &mut Worker) {
    let request = Request::Evaluate(Run::of("return 1").request());
    let CallResult::Answer(answer) = worker.call(&request, Duration::from_secs(60)) else { panic!("a fresh worker serves") };
    let Answer::Evaluated(evaluated) = *answer else { panic!("{answer:?}") };
    assert_eq!(evaluated.evaluation.end, End::Returned { value: json!(1) });
}

fn evaluation(body: &str) -> Request {
    Request::Evaluate(Run::of(body).request())
}

#[test]
fn a_bigint_bomb_is_killed_at_its_deadline_and_others_go_on() {
    let bomb = evaluation("x = 3\nfor i in range(60):\n  x = x * x");
    let mut other = spawn();
    assert_eq!(kills_its_worker(&bomb, Duration::from_secs(2)), CallResult::TimedOut);
    serves(&mut other);
}

#[test]
fn a_loop_without_ticks_is_killed_at_its_deadline() {
    let request = Request::Check { bundle: Bundle::new([("flow.star", flow("return max(range(1000000000)) + max(range(1000000000))"))]) };
    assert_eq!(kills_its_worker(&request, Duration::from_secs(1)), CallResult::TimedOut);
}

#[test]
fn a_huge_allocation_ends_its_worker_with_a_hint() {
    for body in
        ["x = 'ab' * 1000000000", "x = 'ab'\nfor i in range(40):\n  x = x + x", "x = list(range(1000000000))", "x = [0] * 1000000000"]
    {
        let result = kills_its_worker(&evaluation(body), Duration::from_secs(60));
        let CallResult::Died(death) = result else { panic!("{body}: {result:?}") };
        assert!(death.hint.contains("memory") || death.hint.contains("too large"), "{body}: {death:?}");
    }
}

#[test]
fn a_source_that_overflows_the_stack_ends_its_worker_with_a_hint() {
    let bundle = Bundle::new([("flow.star", flow(&format!("x = {}1", "-".repeat(200_000))))]);
    let result = kills_its_worker(&Request::Check { bundle }, Duration::from_secs(60));
    let CallResult::Died(death) = result else { panic!("{result:?}") };
    assert!(death.hint.contains("nested too deeply"), "{death:?}");
}

#[test]
fn a_worker_goes_when_its_caller_goes_even_while_it_evaluates() {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bomb = evaluation("x = 3\nfor i in range(60):\n  x = x * x");
    input.write_all(&sortie_flow::client::encode(&bomb).unwrap()).unwrap();
    drop(input);
    let started = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let of_cpu_limit = Duration::from_secs(sortie_flow::limits::WORKER_CPU_SECONDS);
    assert!(started.elapsed() < of_cpu_limit, "long before its own limit of processor time");
}

#[test]
fn processor_time_is_counted_anew_for_each_request() {
    let limit = |worker: &Worker| {
        let text = std::fs::read_to_string(format!("/proc/{}/limits", worker.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("Max cpu time")).unwrap().to_owned();
        line.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap()
    };
    let mut worker = spawn();
    serves(&mut worker);
    let first = limit(&worker);
    // The limit counts in whole seconds, so that it takes a few requests to move it.
    let busy = Request::Check { bundle: Bundle::new([("flow.star", flow("return max(range(60000000))"))]) };
    for _ in 0..100 {
        if limit(&worker) > first {
            return;
        }
        assert!(matches!(worker.call(&busy, Duration::from_secs(60)), CallResult::Answer(_)));
        serves(&mut worker);
    }
    panic!("a hundred busy requests later the limit is still {first} s");
}
