//! Replay without Starlark: the table at the head of the module, cell by cell.

use super::*;
use serde_json::json;

fn sleep(duration_ms: u64) -> CallSpec {
    CallSpec::Sleep { duration_ms }
}

fn entry(call: u32, step: &str, spec: CallSpec, value: Option<Json>) -> JournalEntry {
    JournalEntry { call, step: step.into(), spec, completed_seq: value.as_ref().map(|_| u64::from(call)), value }
}

fn known(journal: &[JournalEntry]) -> Known<'_> {
    static NONE: BTreeMap<u32, Reports> = BTreeMap::new();
    Known { journal, reuse: &[], reports: &NONE, exit_from: None }
}

fn replay(journal: &[JournalEntry]) -> Replay<'_> {
    Replay::new(known(journal), 0, [1; 32]).unwrap()
}

#[test]
fn a_new_call_is_scheduled_and_a_recorded_one_is_not() {
    let journal = [entry(1, "a", sleep(1), Some(json!(null)))];
    let replay = replay(&journal);
    assert_eq!(replay.schedule("a", sleep(1)).unwrap(), 1);
    assert_eq!(replay.answer(1), Some(Cow::Borrowed(&json!(null))));
    assert!(replay.at_the_end());
    assert_eq!(replay.schedule("b", sleep(2)).unwrap(), 2);
    assert_eq!(replay.take_commands(), vec![Command::Schedule { call: 2, step: "b".into(), spec: sleep(2) }]);
}

#[test]
fn another_step_or_other_arguments_are_nondeterminism() {
    let journal = [entry(1, "a", sleep(1), None)];
    for (step, spec) in [("b", sleep(1)), ("a", sleep(2)), ("a", CallSpec::Now {})] {
        let replay = replay(&journal);
        replay.schedule(step, spec).unwrap_err();
        let Some(Stop::Failed { kind: FailureKind::Nondeterminism, message: text, .. }) = replay.stopped() else {
            panic!("{:?}", replay.stopped())
        };
        assert!(text.contains("recorded:  `a` {\"sleep\":{\"duration_ms\":1}}") && text.contains("attempted:"), "{text}");
    }
}

#[test]
fn the_first_stop_stands() {
    let replay = replay(&[]);
    let _ = replay.suspend(vec![1]);
    let _ = replay.fail(FailureKind::Check, "later");
    replay.schedule("x", sleep(1)).unwrap_err();
    assert_eq!(replay.stopped(), Some(Stop::Suspended(vec![1])));
    assert!(replay.take_commands().is_empty());
}

#[test]
fn a_call_never_made_is_left_over() {
    let journal = [entry(1, "a", sleep(1), None), entry(2, "b", sleep(1), None)];
    let replay = replay(&journal);
    replay.schedule("a", sleep(1)).unwrap();
    assert!(replay.left_over().unwrap().contains("call 2 `b`"));
}

#[test]
fn a_journal_with_a_gap_is_damaged() {
    assert!(Replay::new(known(&[entry(2, "a", sleep(1), None)]), 0, [0; 32]).is_err());
}

#[test]
fn calls_are_bounded() {
    let replay = replay(&[]);
    for call in 1..=CALLS_PER_RUN {
        replay.schedule(&call.to_string(), sleep(1)).unwrap();
    }
    replay.schedule("one more", sleep(1)).unwrap_err();
    assert!(matches!(replay.stopped(), Some(Stop::Failed { kind: FailureKind::FlowLimit, .. })));
}

#[test]
fn recorded_values_come_back_and_new_ones_are_commands() {
    let journal = [entry(1, "t", CallSpec::Now {}, Some(json!(5)))];
    let replay = replay(&journal);
    let again = replay.record("t", CallSpec::Now {}, |_| panic!("recorded before")).unwrap();
    assert_eq!(again, json!(5));
    replay.record("u", CallSpec::Now {}, |call| Ok((json!(call), vec![]))).unwrap();
    assert!(matches!(&replay.take_commands()[..], [Command::Record { call: 2, value, .. }] if *value == json!(2)));
}

#[test]
fn answers_of_the_run_before_are_reused_where_name_and_arguments_match() {
    let before = [
        entry(1, "a", sleep(1), Some(json!("first"))),
        entry(2, "b", sleep(2), Some(json!("second"))),
        entry(3, "c", sleep(3), Some(json!({"ok": false, "error": {"kind": "cancelled", "message": ""}}))),
        entry(4, "t", CallSpec::Now {}, Some(json!(5))),
    ];
    let replay = Replay::new(Known { reuse: &before, ..known(&[]) }, 0, [1; 32]).unwrap();
    let a = replay.schedule("a", sleep(1)).unwrap();
    assert_eq!(replay.answer(a).as_deref(), Some(&json!("first")), "at once, in the evaluation that reuses it");
    let b = replay.schedule("b", sleep(9)).unwrap();
    let c = replay.schedule("c", sleep(3)).unwrap();
    assert_eq!((replay.answer(b), replay.answer(c)), (None, None), "other arguments, and a step that was ended with its run");
    assert_eq!(replay.record("t", CallSpec::Now {}, |_| panic!("reused")).unwrap(), json!(5));
    assert!(replay.completed_seq(a).unwrap() < u64::MAX);
    let kinds: Vec<bool> = replay.take_commands().iter().map(|command| matches!(command, Command::Reuse { .. })).collect();
    assert_eq!(kinds, [true, false, false, false], "a time that is reused is recorded");
}

#[test]
fn on_exit_goes_on_after_the_calls_of_the_body() {
    let journal = [entry(1, "a", sleep(1), Some(json!(null))), entry(2, "clean", sleep(1), None)];
    let replay = Replay::new(Known { exit_from: Some(1), ..known(&journal) }, 0, [1; 32]).unwrap();
    assert_eq!(replay.schedule("clean", sleep(1)).unwrap(), 2);
    assert!(replay.left_over().is_none() && replay.take_commands().is_empty());
    replay.schedule("a", sleep(1)).unwrap_err();
    assert!(matches!(replay.stopped(), Some(Stop::Failed { message, .. }) if message.contains("used twice")));
    assert!(Replay::new(Known { exit_from: Some(3), ..known(&journal) }, 0, [1; 32]).is_err());
}
