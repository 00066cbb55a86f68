//! `wait = False`, `wait_all`, `wait_any`, and the references of a wait.

use crate::support::{Run, job_ok};
use serde_json::json;
use sortie_core::call::{CallSpec, Reference};
use sortie_core::evaluation::{Command, End};
use sortie_core::failure::FailureKind;

const TWO: &str = r#"
a = job("a", on = "vm", command = ["a"], wait = False)
b = job("b", on = "vm", command = ["b"], wait = False)
"#;

#[test]
fn jobs_run_side_by_side_and_come_back_in_list_order() {
    let mut run = Run::of(&format!("{TWO}return [r.result for r in wait_all([b, a])]"));
    assert_eq!(run.waits_on(), [1, 2]);
    run.answer(2, job_ok(json!("b")));
    assert_eq!(run.waits_on(), [1]);
    run.answer(1, job_ok(json!("a")));
    assert_eq!(run.returned(), json!(["b", "a"]));
}

#[test]
fn wait_any_takes_the_lowest_event_number_and_stops_the_others() {
    let body = format!(
        "{TWO}s = sleep('limit', '1h', wait = False)\nfirst = wait_any('first', [a, b, s])\nnow('later')\nreturn [first.winner, first.step, first.value.result]"
    );
    let mut run = Run::of(&body);
    assert_eq!(run.waits_on(), [1, 2, 3]);
    assert_eq!(run.journal.len(), 3, "an undecided wait_any is not recorded");
    run.answer(2, job_ok(json!("b")));
    run.answer(1, job_ok(json!("a")));
    let evaluated = run.step();
    let Command::Record { call: 4, spec, value, losers, .. } = &evaluated.evaluation.commands[0] else { panic!("{evaluated:?}") };
    assert_eq!((spec, value, losers.as_slice()), (&CallSpec::WaitAny { of: vec![1, 2, 3] }, &json!({"winner": 2}), &[3][..]));
    assert_eq!(evaluated.evaluation.end, End::Returned { value: json!([1, "b", "b"]) });
    run.answer(3, json!(null));
    assert_eq!(run.returned(), json!([1, "b", "b"]), "what is answered later changes nothing");
}

#[test]
fn wait_any_of_nothing_or_of_one_twice_is_an_error() {
    for (list, word) in [("[]", "the list is empty"), ("[a, a]", "twice")] {
        let failure = Run::of(&format!("{TWO}wait_any('first', {list})")).failure();
        assert_eq!(failure.kind, FailureKind::FlowError);
        assert!(failure.message.contains(word), "{}", failure.message);
    }
}

#[test]
fn references_reach_only_the_environment() {
    let mut run =
        Run::of("w = wait('go', wait = False)\njob('a', on = 'vm', command = ['x'], env = {'URL': w.url, 'TOKEN': w.token, 'T': 'text'})");
    assert_eq!(run.waits_on(), [2]);
    let CallSpec::Job(spec) = run.spec(2) else { panic!() };
    assert_eq!((&spec.env["URL"], &spec.env["TOKEN"]), (&Reference::WaitUrl(1), &Reference::WaitToken(1)));
    for (arguments, word) in [
        ("command = ['curl', w.url]", "command"),
        ("command = ['x'], artifacts = [w.token]", "artifacts"),
        ("command = ['x', 'a' + w.token]", "not supported"),
        ("command = ['curl', str(w.url)]", "command[1]: the URL and the token of a wait"),
        ("command = ['x'], stdin = f'{w.token}'", "stdin: the URL"),
        ("command = ['x'], cwd = '%s' % w.url", "cwd: the URL"),
        ("command = ['x'], env = {'U': str(w.url)}", "env[\"U\"]: the URL"),
    ] {
        let failure = Run::of(&format!("w = wait('go', wait = False)\njob('a', on = 'vm', {arguments})")).failure();
        assert_eq!(failure.kind, FailureKind::FlowError, "{arguments}");
        assert!(failure.message.contains(word), "{word} in {}", failure.message);
    }
}

#[test]
fn handles_have_names() {
    assert_eq!(Run::of(&format!("{TWO}return [a.step, str(b)]")).returned(), json!(["a", "JobHandle(\"b\")"]));
}
