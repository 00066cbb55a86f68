//! Suspension and replay over journals that grow, and what does not match.

use crate::support::{Run, job_ok};
use serde_json::json;
use sortie_core::call::CallSpec;
use sortie_core::evaluation::End;
use sortie_core::failure::FailureKind;

const THREE: &str = r#"
a = job("a", on = "vm1", command = ["true"])
sleep("pause", "5m")
b = job("b", on = label("x"), command = ["echo", a.result["word"]])
return {"both": [a.result["word"], b.exit_code], "run": ctx.run}
"#;

#[test]
fn a_flow_goes_on_where_its_journal_ends() {
    let mut run = Run::of(THREE);
    assert_eq!(run.waits_on(), [1]);
    assert_eq!(run.waits_on(), [1], "the same journal gives the same suspension");
    assert_eq!(run.journal.len(), 1, "and asks for nothing again");
    run.answer(1, job_ok(json!({"word": "hello"})));
    assert_eq!(run.waits_on(), [2]);
    assert_eq!(*run.spec(2), CallSpec::Sleep { duration_ms: 300_000 });
    run.answer(2, json!(null));
    assert_eq!(run.waits_on(), [3]);
    run.answer(3, job_ok(json!(null)));
    assert_eq!(run.returned(), json!({"both": ["hello", 0], "run": "run_1"}));
    assert_eq!(run.returned(), json!({"both": ["hello", 0], "run": "run_1"}));
}

#[test]
fn every_prefix_of_a_journal_gives_the_commands_that_follow_it() {
    let mut run = Run::of(THREE);
    let answers = [job_ok(json!({"word": "w"})), json!(null), job_ok(json!(null))];
    let mut asked = Vec::new();
    for (call, answer) in (1..).zip(answers) {
        asked.push(run.step());
        run.answer(call, answer);
    }
    let whole = run.journal.clone();
    for (answered, first) in asked.iter().enumerate() {
        run.journal = whole[..answered].to_vec();
        assert_eq!(run.evaluate().evaluation, first.evaluation, "after {answered} answers");
    }
}

#[test]
fn nothing_in_a_flow_catches_a_suspension() {
    for body in [
        "xs = sorted([2, 1], key = lambda x: [x, sleep('s%d' % x, '1s')][0])\njob('after', on = 'h', command = ['x'])",
        "xs = map(lambda x: sleep('s%d' % x, '1s'), [2, 1])\njob('after', on = 'h', command = ['x'])",
        "x = f'{sleep(\"s2\", \"1s\")}'\njob('after', on = 'h', command = ['x'])",
        "h = sleep('s2', '1s', wait = False)\nx = getattr(h, 'wait', lambda: None)()\njob('after', on = 'h', command = ['x'])",
        "x = [sleep('s%d' % x, '1s') for x in [2, 1]] or 1\njob('after', on = 'h', command = ['x'])",
    ] {
        let mut run = Run::of(body);
        assert_eq!(run.waits_on(), [1], "{body}");
        assert_eq!(run.journal.len(), 1, "{body}");
    }
}

#[test]
fn a_journal_of_another_flow_is_nondeterminism() {
    let mut run = Run::of(THREE);
    run.step();
    run.bundle = Run::of("job('a', on = 'vm1', command = ['false'])").bundle;
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::Nondeterminism);
    for part in [
        "call 1 is not the recorded one",
        "recorded:  `a` {\"job\"",
        "[\"true\"]",
        "attempted: `a`",
        "[\"false\"]",
        "--> flow.star:3:5",
        "^^^",
    ] {
        assert!(failure.message.contains(part), "{part} in {}", failure.message);
    }
}

#[test]
fn recorded_calls_that_are_never_made_are_nondeterminism() {
    let mut run = Run::of("now('a')\nnow('b')\nreturn 1");
    run.returned();
    for body in ["now('a')\nreturn 1", "now('a')\nfail('early')", "now('a')\nwait_all([])\nreturn 1"] {
        run.bundle = Run::of(body).bundle;
        let failure = run.failure();
        assert_eq!(failure.kind, FailureKind::Nondeterminism, "{body}");
        assert!(failure.message.contains("call 2 `b`"), "{}", failure.message);
    }
}

#[test]
fn waiting_before_all_recorded_calls_were_made_is_nondeterminism() {
    let mut run = Run::of("a = sleep('a', '1s', wait = False)\nb = sleep('b', '1s', wait = False)\nwait_all([a, b])");
    assert_eq!(run.waits_on(), [1, 2]);
    run.bundle = Run::of("sleep('a', '1s')\nsleep('b', '1s')").bundle;
    assert_eq!(run.failure().kind, FailureKind::Nondeterminism);
}

#[test]
fn a_damaged_record_is_nondeterminism() {
    let mut run = Run::of(THREE);
    run.step();
    run.answer(1, json!({"exit_code": 0}));
    let failure = run.failure();
    assert_eq!(failure.kind, FailureKind::Nondeterminism);
    assert!(failure.message.contains("the recorded answer of call 1 `a` cannot be read: it has no `ok`"), "{}", failure.message);
}

#[test]
fn time_and_uuid_are_recorded_once() {
    let mut run = Run::of("t = now('t')\nu = uuid('u')\nv = uuid('v')\nsleep('s', '1s')\nreturn [t, u, v]");
    assert_eq!(run.waits_on(), [4]);
    run.at_ms += 1_000;
    run.answer(4, json!(null));
    let value = run.returned();
    assert_eq!(value[0], json!(1_700_000_000_000_i64), "the time of the first evaluation");
    assert_ne!(value[1], value[2]);
    let uuid = value[1].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
}

#[test]
fn lines_are_logged_once() {
    let mut run = Run::of("log('one')\nsleep('s', '1s')\nprint('two', 2)\nsleep('t', '1s')\nlog(['three'])");
    let mut texts = Vec::new();
    for call in 1..=3 {
        let evaluated = run.step();
        for line in evaluated.log {
            assert_eq!(line.after_call, call - 1);
            run.logged += 1;
            texts.push(line.text);
        }
        if !matches!(evaluated.evaluation.end, End::Returned { .. }) {
            run.answer(call, json!(null));
        }
    }
    assert_eq!(texts, ["one", "two 2", "[\"three\"]"]);
}

#[test]
fn a_worker_asks_for_a_bundle_that_it_does_not_know() {
    use crate::support::spawn;
    use sortie_flow::client::CallResult;
    use sortie_flow::worker::protocol::{Answer, Request};
    let second = std::time::Duration::from_secs(60);
    let mut worker = spawn();
    let with = Run::of("return 7").request();
    let without = sortie_flow::evaluate::EvaluateRequest { bundle: None, ..with.clone() };
    let mut call = |request| match worker.call(&Request::Evaluate(request), second) {
        CallResult::Answer(answer) => *answer,
        other => panic!("{other:?}"),
    };
    assert_eq!(call(without.clone()), Answer::NeedBundle);
    assert!(matches!(call(with.clone()), Answer::Evaluated(_)));
    assert!(matches!(call(without.clone()), Answer::Evaluated(_)));
    let wrong = sortie_flow::evaluate::EvaluateRequest { digest: "00".repeat(32), ..with };
    assert!(matches!(call(wrong), Answer::BadRequest { .. }));
}
