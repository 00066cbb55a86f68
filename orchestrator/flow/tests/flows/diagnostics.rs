//! Every kind of error of a flow says where: file, line, caret.

use crate::support::{Run, check, flow};
use sortie_core::failure::FailureKind;
use sortie_flow::bundle::Bundle;
use sortie_flow::diagnostic::DiagnosticKind;

#[test]
fn parse_errors_have_a_place() {
    for (source, line) in [
        ("x = (\n", 1),
        ("def run(ctx, input)\n    pass\n", 1),
        ("while True:\n    pass\n", 1),
        ("x = 1\nfor i in []:\n    pass\n", 2),
        ("x = 'open\n", 1),
    ] {
        let report = check(source);
        let found = &report.diagnostics[0];
        assert_eq!(found.kind, DiagnosticKind::Parse, "{source}: {}", report.render());
        assert!(found.line >= line && found.excerpt.contains('^'), "{source}: {found:?}");
        assert_eq!(found.file.as_deref(), Some("flow.star"));
    }
}

#[test]
fn a_failing_run_shows_the_place_and_the_calls_that_led_there() {
    let source = format!("def inner(x):\n    y = 1 // x\n    return y\n{}", flow("return inner(0)"));
    let failure = Run::of_bundle(Bundle::new([("flow.star", source)])).failure();
    assert_eq!(failure.kind, FailureKind::FlowError);
    for part in ["--> flow.star:2:9\n   |\n 2 |     y = 1 // x\n   |         ^^^^^^", "inner at flow.star:6:12"] {
        assert!(failure.message.contains(part), "{part:?} in {}", failure.message);
    }
}

#[test]
fn every_kind_of_failure_has_a_place() {
    for (body, kind, word) in [
        ("fail('no', 'way')", FailureKind::Fail, "error: no way"),
        ("return [][3]", FailureKind::FlowError, "out of bound"),
        ("return {}['key']", FailureKind::FlowError, "key"),
        ("job('a', on = 'vm', command = [])", FailureKind::FlowError, "command: expected a program"),
        ("job('', on = 'vm', command = ['x'])", FailureKind::FlowError, "a step needs a name"),
        ("now('a')\nnow('a')", FailureKind::FlowError, "the step name `a` is used twice"),
        ("sleep('s', '5 minutes')", FailureKind::FlowError, "expected a duration such as"),
        (
            "job('a', on = 'vm', command = ['x'], timeout = 90)",
            FailureKind::FlowError,
            "timeout: expected a duration as text, such as \"90s\" or \"5m\", got int 90",
        ),
        ("job('a', on = 'vm', command = ['x'], timeout = '400d')", FailureKind::FlowError, "timeout: the duration is longer than 366 days"),
        (
            "retry(on = ['exit', 'tired'])",
            FailureKind::FlowError,
            "\"tired\" is no failure that a step can be tried again for; there are unreachable, auth",
        ),
        ("retry(on = ['cancelled'])", FailureKind::FlowError, "there are unreachable"),
        ("retry(attempts = 0)", FailureKind::FlowError, "attempts: expected 1 to 100, got 0"),
        ("return lambda: 1", FailureKind::FlowError, "what `run` returned is not JSON"),
        ("return {'a': {1: 2}}", FailureKind::FlowError, "in [\"a\"]: keys of a dict must be text"),
        ("flow(name = 'again')", FailureKind::FlowError, "belongs at the top level"),
    ] {
        let failure = Run::of(body).failure();
        assert_eq!(failure.kind, kind, "{body}: {}", failure.message);
        assert!(failure.message.contains(word), "{word:?} in {}", failure.message);
        assert!(failure.message.contains("--> flow.star:") && failure.message.contains('^'), "{body}: {}", failure.message);
    }
}

#[test]
fn a_flow_that_does_not_compile_fails_its_run() {
    let failure = Run::of_bundle(Bundle::new([("flow.star", "flow(")])).failure();
    assert_eq!(failure.kind, FailureKind::FlowError);
    assert!(failure.message.contains("does not compile") && failure.message.contains("--> flow.star:1:"), "{}", failure.message);
}
