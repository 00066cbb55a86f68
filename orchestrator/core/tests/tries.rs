//! Steps that the server itself performs: tries, their key, their budget, and a server that dies between two of them.

mod support;

use serde_json::json;
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, TryOutcome};
use sortie_core::limits;
use sortie_core::state::RunState;
use support::flow::Line;
use support::scene::{Scene, TIMEOUT_MS};
use support::{make, steps};

fn calling(attempts: u32) -> Scene {
    Scene::of(vec![Line::Start(steps::http(attempts, TIMEOUT_MS)), Line::All(vec![0])])
}

#[test]
fn the_first_try_that_succeeds_is_the_answer() {
    let mut scene = calling(3);
    assert_eq!(scene.world.due_at(&Work::Try(1)), Some(make::START));
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::done(201));
    let value = scene.value(1);
    assert_eq!((value["ok"].clone(), value["status"].clone(), value["attempts"].clone()), (json!(true), json!(201), json!(1)));
    assert!(!scene.world.is_due(&Work::Timer(Timer::Step(1))));
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn every_try_of_a_step_carries_the_same_key_and_that_of_another_step_a_different_one() {
    let mut scene =
        Scene::of(vec![Line::Start(steps::http(3, TIMEOUT_MS)), Line::Start(steps::http(3, TIMEOUT_MS)), Line::All(vec![0, 1])]);
    let (one, first) = scene.try_starts(1);
    scene.try_ends(1, one, steps::failed(FailureKind::Http, None));
    scene.fire(&Timer::Retry(1));
    let (two, second) = scene.try_starts(1);
    assert_eq!((one, two), (1, 2));
    assert_eq!(first, second);
    assert_ne!(scene.try_starts(2).1, first);
}

#[test]
fn a_failure_that_is_not_worth_it_or_one_too_many_is_the_answer() {
    let mut scene = calling(3);
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::failed(FailureKind::Policy, None));
    assert_eq!((scene.error(1).as_str(), scene.value(1)["attempts"].clone()), ("policy", json!(1)));
    let mut scene = calling(2);
    for _ in 0..2 {
        assert_eq!(scene.world.count("step_completed"), 0);
        if scene.world.is_due(&Work::Timer(Timer::Retry(1))) {
            scene.fire(&Timer::Retry(1));
        }
        let (number, _) = scene.try_starts(1);
        scene.try_ends(1, number, steps::failed(FailureKind::Http, None));
    }
    let value = scene.value(1);
    assert_eq!((scene.error(1).as_str(), &value["attempts"], &value["status"]), ("http", &json!(2), &json!(503)));
}

#[test]
fn f046_retry_after_is_honoured_up_to_the_longest_pause() {
    for (asked, least, most) in [(20_000, 20_000, 20_000), (0, 0, 4_000), (u64::MAX, 60_000, 60_000)] {
        let mut scene = calling(3);
        let (number, _) = scene.try_starts(1);
        scene.try_ends(1, number, steps::failed(FailureKind::Http, Some(asked)));
        let due = scene.world.due_at(&Work::Timer(Timer::Retry(1))).expect("another try") - scene.world.now;
        assert!((least..=most).contains(&due), "{asked} gave {due}");
    }
}

#[test]
fn a_total_budget_and_the_steps_own_limit_end_the_tries() {
    let mut scene = Scene::of(vec![Line::Start(steps::http_within(9, TIMEOUT_MS, 10_000)), Line::All(vec![0])]);
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::failed(FailureKind::Http, Some(10_001)));
    assert_eq!(scene.error(1), "http");
    let mut scene = Scene::of(vec![Line::Start(steps::http(9, 30_000)), Line::All(vec![0])]);
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::failed(FailureKind::Http, Some(30_000)));
    assert_eq!(scene.error(1), "http", "another try would begin when the step is over");
}

#[test]
fn f001_a_server_that_dies_in_a_try_makes_the_next_one_with_the_same_key() {
    let mut scene = calling(1);
    let (one, first) = scene.try_starts(1);
    scene.world.now += support::LEASE_MS;
    let (two, second) = scene.try_starts(1);
    assert_eq!((one, two, first == second), (1, 2, true));
    assert_eq!(scene.world.count("try_failed"), 1, "that its end is not known is in the history");
    let late = InputBody::TryEnded { call: 1, number: one, outcome: steps::done(200) };
    assert_eq!(scene.tell(1, late), Reply::Nothing, "the one that was given up says nothing");
    scene.try_ends(1, two, steps::done(200));
    assert_eq!(scene.value(1)["attempts"], json!(2));
}

#[test]
fn the_steps_limit_answers_while_a_try_is_under_way_and_what_comes_of_it_is_nothing() {
    let mut scene = calling(3);
    let (number, _) = scene.try_starts(1);
    scene.fire(&Timer::Step(1));
    assert_eq!((scene.error(1).as_str(), scene.value(1)["timed_out"].clone()), ("timed_out", json!(true)));
    assert!(!scene.world.is_due(&Work::Try(1)));
    let length = scene.world.journal.len();
    assert_eq!(scene.try_ends(1, number, steps::done(200)), Reply::Nothing);
    assert_eq!(scene.world.journal.len(), length);
}

#[test]
fn a_cancelled_run_does_not_wait_for_a_try() {
    let mut scene = calling(3);
    let (number, _) = scene.try_starts(1);
    scene.cancel();
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
    assert_eq!(scene.try_ends(1, number, steps::done(200)), Reply::Nothing);
}

#[test]
fn a_held_run_begins_no_try_and_takes_the_answer_of_one_that_was_under_way() {
    let mut scene = calling(3);
    let claim = scene.claim(&Work::Try(1));
    let scope = scene.step_scope(1);
    scene.pause();
    assert_eq!(scene.world.deliver(&scope, InputBody::TryStarting { call: 1 }, None), Ok(Reply::Nothing));
    scene.world.finish(&claim);
    scene.resume();
    let (number, _) = scene.try_starts(1);
    scene.pause();
    scene.try_ends(1, number, steps::failed(FailureKind::Http, None));
    scene.fire(&Timer::Retry(1));
    assert!(!scene.world.is_due(&Work::Try(1)));
    scene.resume();
    scene.fire(&Timer::Retry(1));
    let (number, _) = scene.try_starts(1);
    scene.pause();
    scene.try_ends(1, number, steps::done(200));
    assert_eq!(scene.value(1)["ok"], json!(true));
}

#[test]
fn f001_a_server_that_dies_in_a_try_of_a_run_that_is_held_meanwhile() {
    let mut scene = calling(3);
    scene.try_starts(1);
    scene.pause();
    scene.world.now += support::LEASE_MS;
    let claim = scene.claim(&Work::Try(1));
    let scope = scene.step_scope(1);
    assert_eq!(scene.world.deliver(&scope, InputBody::TryStarting { call: 1 }, None), Ok(Reply::Nothing));
    scene.world.finish(&claim);
    scene.resume();
    scene.fire(&Timer::Retry(1));
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::done(200));
    assert_eq!(scene.value(1)["ok"], json!(true));
}

#[test]
fn keeping_a_text_is_tried_until_its_limit() {
    let mut scene = Scene::of(vec![Line::Start(steps::artifact()), Line::All(vec![0])]);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Step(1))), Some(make::START + limits::ARTIFACT_MS.cast_signed()));
    let (number, _) = scene.try_starts(1);
    scene.try_ends(1, number, steps::failed(FailureKind::Internal, None));
    scene.fire(&Timer::Retry(1));
    let (number, _) = scene.try_starts(1);
    let kept = json!({ "name": "a", "resource": "res://a", "size": 1, "sha256": "0" });
    scene.try_ends(1, number, TryOutcome::Done(kept));
    assert_eq!(scene.value(1)["resource"], json!("res://a"));
}
