//! `flow check`: manifests, types across files, and everything wrong at once.

use crate::support::{check, check_bundle, flow};
use serde_json::json;
use sortie_core::limits::RUN_DEADLINE_MS;
use sortie_flow::bundle::Bundle;
use sortie_flow::diagnostic::{DiagnosticKind, Severity};
use sortie_flow::input_type::InputType;

const RUN: &str = "\ndef run(ctx, input):\n    pass\n";

#[test]
fn a_manifest_is_read() {
    let report = check(&format!(
        "flow(name = \"fix-issue\", description = \"d\", deadline = \"12h\", input = {{\"repo\": str, \"n\": optional(int, default = 3), \"tags\": list[str], \"who\": str | None, \"any\": typing.Any, \"f\": float, \"b\": bool, \"d\": dict}}){RUN}"
    ));
    assert!(report.is_ok(), "{}", report.render());
    let manifest = report.manifest.unwrap();
    assert_eq!((manifest.name.as_str(), manifest.deadline_ms), ("fix-issue", 12 * 3_600_000));
    assert_eq!(manifest.input["tags"].kind, InputType::List(Box::new(InputType::Str)));
    assert_eq!(manifest.input["n"].default, Some(json!(3)));
    assert!(manifest.input["who"].kind.allows_none());
    let input = json!({"repo": "r", "tags": [], "any": 1, "f": 1.5, "b": true, "d": {}});
    assert_eq!(manifest.check_input(&input).unwrap()["n"], json!(3));
}

#[test]
fn a_flow_without_settings_has_the_usual_ones() {
    let manifest = check(&format!("flow(name = \"x\"){RUN}")).manifest.unwrap();
    assert_eq!((manifest.deadline_ms, manifest.input.len()), (RUN_DEADLINE_MS, 0));
}

#[test]
fn wrong_manifests_are_told() {
    for (call, word) in [
        ("", "does not call flow"),
        ("flow(name = \"a\")\nflow(name = \"b\")", "called twice"),
        ("flow()", "name"),
        ("flow(name = \"Fix Issue\")", "no flow name"),
        ("flow(name = \"a\", triggers = [1])", "triggers"),
        ("flow(name = \"a\", colour = 1)", "colour"),
        ("flow(name = \"a\", deadline = 5)", "expected a duration as text"),
        ("flow(name = \"a\", deadline = \"soon\")", "deadline: expected a duration"),
        ("flow(name = \"a\", input = {\"x\": \"text\"})", "input: x"),
        ("flow(name = \"a\", input = {\"x\": set})", "no type of an input field"),
        ("flow(name = \"a\", input = {\"x\": optional(int, default = \"3\")})", "default: expected int"),
    ] {
        let report = check(&format!("{call}{RUN}"));
        let found = report.diagnostics.first().unwrap_or_else(|| panic!("{call}"));
        assert!(found.message.contains(word), "{call}: {}", found.message);
        assert_eq!(found.kind, DiagnosticKind::Manifest, "{call}");
        assert!(found.line >= 1 && !found.excerpt.is_empty(), "{call}: {found:?}");
    }
}

#[test]
fn all_type_errors_come_at_once_each_with_its_place() {
    let report = check(&flow(
        r#"
a = job("a", hst = "vm", on = "vm", command = ["x"])
b = job("b", on = "vm", command = ["x"], timeout = 5)
c = job("c", on = "vm", command = ["x"]).exit_status
d = undefined
e = ctx.runn
f = job("f", command = ["x"])
g = sleep("g", 5)
h = wait("h", wait = False).tokens
i = 1 + "x"
"#,
    ));
    for (line, part) in
        [(3, "hst"), (4, "int"), (5, "exit_status"), (6, "undefined"), (7, "runn"), (8, "on"), (9, "int"), (10, "tokens"), (11, "str")]
    {
        let found =
            report.diagnostics.iter().find(|found| found.line == line).unwrap_or_else(|| panic!("line {line}: {}", report.render()));
        assert!(found.message.contains(part), "{}", found.message);
        assert_eq!((found.kind, found.file.as_deref()), (DiagnosticKind::Type, Some("flow.star")));
        assert!(found.excerpt.contains('^') && found.end_column > found.column, "{found:?}");
    }
    let errors = || report.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    assert_eq!(errors().count(), 9, "{}", report.render());
    let hints: Vec<_> = errors().filter(|found| found.hint.is_some()).map(|found| found.line).collect();
    assert_eq!(hints, [4], "a number as a duration is told what durations look like");
}

#[test]
fn types_go_across_files() {
    let lib = "def deploy(ctx: Ctx, host: str) -> JobResult:\n    return job(\"deploy \" + host, on = host, command = [\"deploy\"])\n";
    let entry = |call: &str| format!("load(\"lib/ops.star\", \"deploy\")\n{}", flow(call));
    let of = |call| check_bundle(Bundle::new([("flow.star".to_owned(), entry(call)), ("lib/ops.star".to_owned(), lib.to_owned())]));
    assert!(of("return deploy(ctx, \"vm\").ok").is_ok(), "{}", of("return deploy(ctx, \"vm\").ok").render());
    for (call, part) in
        [("deploy(ctx, 5)", "str"), ("deploy(ctx, \"vm\").okay", "okay"), ("deploy(\"vm\", \"vm\")", "Ctx"), ("deploy(ctx)", "host")]
    {
        let report = of(call);
        assert!(report.diagnostics.iter().any(|found| found.line == 4 && found.message.contains(part)), "{call}: {}", report.render());
    }
}

#[test]
fn loads_are_followed_and_circles_found() {
    let bundle =
        |files: &[(&str, &str)]| check_bundle(Bundle::new(files.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))));
    let entry = flow("pass");
    let circle = bundle(&[
        ("flow.star", &format!("load(\"a.star\", \"x\")\n{entry}")),
        ("a.star", "load(\"b.star\", \"x\")"),
        ("b.star", "load(\"a.star\", \"x\")"),
    ]);
    assert_eq!(circle.diagnostics.len(), 1, "{}", circle.render());
    let found = &circle.diagnostics[0];
    assert!(found.message.contains("flow.star -> a.star -> b.star -> a.star"), "{}", found.message);
    assert_eq!((found.kind, found.file.as_deref(), found.line), (DiagnosticKind::Load, Some("b.star"), 1));
    let missing = bundle(&[("flow.star", &format!("load(\"b.star\", \"x\")\n{entry}")), ("a.star", "x = 1")]);
    assert!(
        missing.diagnostics[0].message.contains("no file `b.star`") && missing.diagnostics[0].hint.as_deref().unwrap().contains("a.star")
    );
    assert!(missing.diagnostics.iter().any(|found| found.kind == DiagnosticKind::Unused && found.severity == Severity::Warning));
    let symbol = bundle(&[("flow.star", &format!("load(\"a.star\", \"deployy\")\n{entry}")), ("a.star", "deploy = 1")]);
    assert!(symbol.diagnostics[0].message.contains("did you mean `deploy`"), "{}", symbol.render());
}

#[test]
fn errors_of_all_files_come_at_once() {
    let files = [
        ("flow.star", format!("load(\"a.star\", \"f\")\nload(\"b.star\", \"g\")\n{}", flow("f()\ng()"))),
        ("a.star", "def f():\n    return nope\n".to_owned()),
        ("b.star", "def g(:\n".to_owned()),
    ];
    let report = check_bundle(Bundle::new(files));
    let places: Vec<_> = report.diagnostics.iter().map(|found| (found.file.clone().unwrap(), found.kind)).collect();
    assert!(
        places.contains(&("a.star".to_owned(), DiagnosticKind::Type)) && places.contains(&("b.star".to_owned(), DiagnosticKind::Parse)),
        "{places:?}"
    );
}

#[test]
fn durable_calls_belong_into_run() {
    let report = check(&format!("x = now(\"t\")\n{}", flow("pass")));
    assert!(report.diagnostics[0].message.contains("only be called while run(ctx, input) executes"), "{}", report.render());
    assert_eq!((report.diagnostics[0].kind, report.diagnostics[0].line), (DiagnosticKind::Evaluation, 1));
}

#[test]
fn warnings_do_not_stop_a_release() {
    let report = check(&flow("now(\"a\")\nnow(\"a\")"));
    assert!(report.is_ok());
    assert_eq!((report.diagnostics[0].kind, report.diagnostics[0].line), (DiagnosticKind::Step, 4));
}

#[test]
fn the_reference_has_every_builtin() {
    let docs = sortie_flow::docs::docs();
    let durable = sortie_flow::builtins::DURABLE.iter().copied();
    let others = [
        "flow",
        "wait_all",
        "for_each",
        "retry",
        "budget",
        "notify",
        "limit",
        "label",
        "schedule",
        "webhook",
        "manual",
        "secret",
        "connection",
        "escalate",
        "log",
        "fail",
        "optional",
        "json.encode",
        "JobResult.exit_code",
        "JobResult.artifact",
        "JobHandle.progress",
        "JobHandle.checkpoint",
        "WaitHandle.url",
        "HttpResult.status",
        "EventResult.payload",
        "ApprovalResult.outcome",
        "ChildResult.run",
        "ArtifactResult.resource",
        "End.steps",
    ];
    for name in durable.chain(others) {
        let entry = docs
            .iter()
            .find(|entry| entry.name == name)
            .unwrap_or_else(|| panic!("{name} in {:?}", docs.iter().map(|d| &d.name).collect::<Vec<_>>()));
        assert!(!entry.text.is_empty() && !entry.signature.is_empty(), "{entry:?}");
    }
}
