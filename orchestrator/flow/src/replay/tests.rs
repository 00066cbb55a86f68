//! Replay without Starlark: the table at the head of the module, cell by cell.

use super::*;
use serde_json::json;

fn sleep(duration_ms: u64) -> CallSpec {
    CallSpec::Sleep { duration_ms }
}

fn entry(call: u32, step: &str, spec: CallSpec, value: Option<Json>) -> JournalEntry {
    JournalEntry { call, step: step.into(), spec, completed_seq: value.as_ref().map(|_| u64::from(call)), value }
}

fn replay(journal: &[JournalEntry]) -> Replay<'_> {
    Replay::new(journal, 0, [1; 32]).unwrap()
}

#[test]
fn a_new_call_is_scheduled_and_a_recorded_one_is_not() {
    let journal = [entry(1, "a", sleep(1), Some(json!(null)))];
    let replay = replay(&journal);
    assert_eq!(replay.schedule("a", sleep(1)).unwrap(), 1);
    assert_eq!(replay.answer(1), Some(&json!(null)));
    assert!(!replay.crossed(1) && !replay.crossed(2));
    assert_eq!(replay.schedule("b", sleep(2)).unwrap(), 2);
    assert!(replay.crossed(2));
    assert_eq!(replay.take_commands(), vec![Command::Schedule { call: 2, step: "b".into(), spec: sleep(2) }]);
}

#[test]
fn another_step_or_other_arguments_are_nondeterminism() {
    let journal = [entry(1, "a", sleep(1), None)];
    for (step, spec) in [("b", sleep(1)), ("a", sleep(2)), ("a", CallSpec::Now {})] {
        let replay = replay(&journal);
        replay.schedule(step, spec).unwrap_err();
        let Some(Stop::Failed(FailureKind::Nondeterminism, text)) = replay.stopped() else { panic!("{:?}", replay.stopped()) };
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
    assert!(Replay::new(&[entry(2, "a", sleep(1), None)], 0, [0; 32]).is_err());
}

#[test]
fn calls_are_bounded() {
    let replay = replay(&[]);
    for call in 1..=CALLS_PER_RUN {
        replay.schedule(&call.to_string(), sleep(1)).unwrap();
    }
    replay.schedule("one more", sleep(1)).unwrap_err();
    assert!(matches!(replay.stopped(), Some(Stop::Failed(FailureKind::FlowLimit, _))));
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
