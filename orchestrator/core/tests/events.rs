//! Outside events, waits that people answer, and sleeps until a time.

mod support;

use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::decide::{Reply, event_subject};
use sortie_core::effect::{Timer, Work};
use sortie_core::input::InputBody;
use support::flow::Line;
use support::make;
use support::scene::{Scene, TIMEOUT_MS};
use support::steps::{code, event};

fn waiting() -> Scene {
    Scene::of(vec![Line::Start(event(TIMEOUT_MS)), Line::All(vec![0])])
}

#[test]
fn an_event_answers_its_step_once_and_is_remembered_as_consumed() {
    let mut scene = waiting();
    assert!(scene.world.is_due(&Work::Event(1)), "one that came early is looked for");
    scene.event_comes(1, "e1");
    let value = scene.value(1);
    assert_eq!((&value["ok"], &value["id"], &value["payload"]), (&json!(true), &json!("e1"), &json!({ "sum": 3 })));
    assert!(scene.world.callbacks.contains_key(&(event_subject("paid", "7"), "e1".to_owned())));
    assert_eq!(scene.world.kinds()[3..5], ["event_received", "step_completed"]);
    assert_eq!(code(&scene.event_comes(1, "e2")), "nothing", "the next one is for the next step");
    assert_eq!(scene.world.callbacks.len(), 1);
    assert!(!scene.world.is_due(&Work::Event(1)));
}

#[test]
fn an_event_that_does_not_come_in_time_is_a_value() {
    let mut scene = waiting();
    scene.fire(&Timer::Step(1));
    assert_eq!((scene.error(1).as_str(), scene.value(1)["timed_out"].clone()), ("timed_out", json!(true)));
    assert_eq!(code(&scene.event_comes(1, "e1")), "nothing");
    assert!(scene.world.callbacks.is_empty(), "and it is not consumed");
}

fn answer(scene: &mut Scene, digest: &str, answer: Result<Value, String>) -> Reply {
    let scope = scene.step_scope(1);
    let body = InputBody::AnswerWait { call: 1, digest: digest.to_owned(), answer, actor: "ada".to_owned() };
    scene.world.deliver(&scope, body, None).expect("decided")
}

#[test]
fn a_person_answers_a_wait_and_the_same_again_changes_nothing() {
    let mut scene = Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])]);
    assert_eq!(code(&answer(&mut scene, "bad", Err("/: no".to_owned()))), "invalid");
    assert!(scene.world.step(1).is_open());
    assert_eq!(code(&answer(&mut scene, "d", Ok(json!(3)))), "done");
    assert_eq!((scene.value(1)["value"].clone(), scene.value(1)["by"].clone()), (json!(3), json!("ada")));
    let length = scene.world.journal.len();
    assert_eq!(code(&answer(&mut scene, "d", Ok(json!(3)))), "nothing");
    assert_eq!(code(&answer(&mut scene, "e", Ok(json!(4)))), "closed");
    assert_eq!(scene.world.journal.len(), length);
    assert_eq!(scene.answer(1, "d", Ok(json!(3))).as_str(), "duplicate", "whichever way it comes");
}

#[test]
fn a_time_that_has_passed_is_over_at_once() {
    for (at, over) in [(make::START - 1, true), (make::START, true), (make::START + 1, false)] {
        let mut scene = Scene::of(vec![Line::Start(CallSpec::SleepUntil { at }), Line::All(vec![0])]);
        assert_eq!(!scene.world.step(1).is_open(), over, "{at}");
        if !over {
            scene.fire(&Timer::Step(1));
        }
        assert_eq!(scene.value(1), Value::Null);
        assert!(scene.advance());
    }
}

#[test]
fn f031_a_sleep_until_a_time_is_bounded_and_a_sleep_outlasts_the_run() {
    let far = make::START + 10 * 366 * 24 * 3_600_000;
    let scene = Scene::of(vec![Line::Start(CallSpec::SleepUntil { at: far }), Line::All(vec![0])]);
    let due = scene.world.due_at(&Work::Timer(Timer::Step(1))).expect("due");
    assert_eq!(due, make::START + sortie_core::limits::LONGEST_MS.cast_signed());
    assert!(due > scene.world.run().deadline_at);
}
