//! Runs that stopped: over, ending, set aside.

use super::world::{World, says};
use crate::explain::{advice, text};
use serde_json::json;
use sortie_core::failure::FailureKind;
use sortie_core::state::{AttemptState, RunOutcome, RunState};

#[test]
fn a_dead_letter_is_redriven() {
    let mut world = World::new(RunState::Dead);
    let attempt = world.job(AttemptState::Failed);
    world.steps[0].completed_seq = Some(8);
    world.fail(FailureKind::Check, "step `build` failed: exit: exit code 2");
    let explained = world.explained();
    assert!(explained.headline.contains("gave up") && explained.headline.contains("dead letter"), "{}", explained.headline);
    assert_eq!(explained.next[0].command, format!("sortie dead redrive {}", world.head.id));
    assert!(says(&explained, &format!("runs logs {} --attempt {attempt}", world.head.id)));
    assert_eq!(explained.failure.as_ref().unwrap().advice, advice(FailureKind::Check));
    assert!(explained.waker.is_none() && explained.defects.is_empty());
}

#[test]
fn a_failure_of_a_host_says_to_test_it() {
    for kind in [FailureKind::Unreachable, FailureKind::HostKey, FailureKind::WrongMachine, FailureKind::Auth] {
        let mut world = World::new(RunState::Failed);
        world.job(AttemptState::Failed);
        world.steps[0].completed_seq = Some(8);
        world.fail(kind, "no");
        assert!(says(&world.explained(), "host test vm"), "{kind}");
    }
}

#[test]
fn a_flow_that_raised_is_forked_after_it_is_put_right() {
    let mut world = World::new(RunState::Failed);
    world.fail(FailureKind::FlowError, "flow.star:7: no key `x`\n  more");
    let explained = world.explained();
    assert!(explained.headline.contains("flow_error: flow.star:7: no key `x`."), "{}", explained.headline);
    assert!(says(&explained, &format!("runs fork {}", world.head.id)));
}

#[test]
fn nondeterminism_shows_recorded_against_attempted() {
    let mut world = World::new(RunState::Parked);
    world.fail(FailureKind::Nondeterminism, "call 3: recorded job `a`, attempted job `b`");
    let explained = world.explained();
    assert!(text(&explained).contains("recorded job `a`, attempted job `b`"));
    assert!(says(&explained, "runs replay") && says(&explained, "runs export"));
    assert_eq!(explained.waker.unwrap().kind, "operator");
}

#[test]
fn a_poisoned_run_waits_for_an_operator() {
    let mut world = World::new(RunState::Parked);
    world.fail(FailureKind::Poison, "evaluating it killed the worker 3 times");
    let explained = world.explained();
    assert!(explained.headline.starts_with("Set aside"), "{}", explained.headline);
    assert!(says(&explained, "runs resume") && says(&explained, "runs fork"));
}

#[test]
fn a_late_result_can_be_adopted_unless_the_run_succeeded() {
    let mut world = World::new(RunState::Failed);
    let attempt = world.job(AttemptState::Lost);
    world.steps[0].completed_seq = Some(8);
    world.fail(FailureKind::Lost, "gone");
    world.callback(attempt.as_str(), "late");
    let explained = world.explained();
    assert!(says(&explained, &format!("runs adopt {attempt}")), "{:?}", explained.next);
    assert!(explained.callbacks[0].text.contains("moved on"));
    world.head.state = RunState::Succeeded;
    assert!(!says(&world.explained(), "runs adopt"));
}

#[test]
fn every_outcome_of_a_callback_has_words_and_events_are_none() {
    let mut world = World::new(RunState::Succeeded);
    for outcome in ["accepted", "duplicate", "conflict", "late", "invalid"] {
        world.callback("att_x", outcome);
    }
    world.callback("event:paid:o-7", "accepted");
    let explained = world.explained();
    assert_eq!(explained.callbacks.len(), 5);
    let mut texts: Vec<&str> = explained.callbacks.iter().map(|one| one.text.as_str()).collect();
    texts.dedup();
    assert_eq!(texts.len(), 5);
}

#[test]
fn a_run_that_is_ending_says_what_it_waits_for() {
    let mut world = World::new(RunState::Ending);
    world.head.ending = Some(RunOutcome::Cancelled);
    assert!(world.explained().headline.contains("ending as cancelled"));
    world.job(AttemptState::Running);
    assert!(world.explained().headline.contains("1 open step is stopped first"), "{}", world.explained().headline);
    world.head.exit_from = Some(0);
    assert!(world.explained().headline.contains("its on_exit waits for 1 step"));
}

#[test]
fn a_success_needs_nothing() {
    let explained = World::new(RunState::Succeeded).explained();
    assert!(explained.over && explained.failure.is_none());
    assert_eq!(explained.next.len(), 1, "{:?}", explained.next);
}

#[test]
fn a_child_that_failed_is_the_one_to_explain() {
    let mut world = World::new(RunState::Failed);
    let child = sortie_core::ids::RunId::new(1, &super::world::entropy(5), 0);
    let kind = sortie_core::view::StepKind::Child { run: child.clone(), on_cancel: Default::default(), stopping: None, made: true };
    world.step("deploy", kind, json!({ "child": { "flow": "d", "input": {} } }));
    world.steps[0].completed_seq = Some(8);
    world.fail(FailureKind::Child, "failed");
    assert!(says(&world.explained(), &format!("runs explain {child}")));
}

#[test]
fn every_kind_of_failure_has_advice_of_its_own() {
    let mut all: Vec<&str> = FailureKind::ALL.iter().map(|kind| advice(*kind)).collect();
    assert!(all.iter().all(|text| text.len() > 30 && text.ends_with('.')));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), FailureKind::ALL.len());
}
