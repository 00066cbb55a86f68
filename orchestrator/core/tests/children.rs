//! Runs that a run has started: made once, answered once, and none left behind.

mod support;

use serde_json::json;
use sortie_core::call::{CallSpec, OnCancel};
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::ids::RunId;
use sortie_core::limits;
use sortie_core::state::{RunOutcome, RunState};
use support::flow::Line;
use support::make;
use support::scene::Scene;
use support::steps::{child, code};

fn parent(on_cancel: OnCancel) -> Scene {
    Scene::of(vec![Line::Start(child(on_cancel)), Line::All(vec![0])])
}

fn made(on_cancel: OnCancel) -> Scene {
    let mut scene = parent(on_cancel);
    scene.child_made(1, Ok(()));
    scene
}

#[test]
fn a_child_answers_with_what_it_returned() {
    let mut scene = parent(OnCancel::Cancel);
    assert!(scene.world.is_due(&Work::Child(1)));
    scene.child_made(1, Ok(()));
    assert_eq!(code(&scene.child_made(1, Ok(()))), "nothing", "made again is there already");
    assert_eq!(scene.world.count("child_started"), 1);
    let run = scene.child_run(1);
    scene.child_ends(1, run.clone(), RunOutcome::Succeeded);
    let value = scene.value(1);
    assert_eq!((&value["ok"], &value["value"], &value["run"]), (&json!(true), &json!(7), &json!(run)));
    assert_eq!(code(&scene.child_ends(1, run, RunOutcome::Failed)), "nothing", "told twice is told once");
}

#[test]
fn a_child_that_failed_or_could_not_be_made_is_a_value() {
    let mut scene = made(OnCancel::Cancel);
    scene.child_ends(1, scene.child_run(1), RunOutcome::Failed);
    assert_eq!((scene.error(1).as_str(), scene.value(1)["outcome"].clone()), ("child", json!("failed")));
    let mut scene = parent(OnCancel::Cancel);
    scene.child_made(1, Err(FailureKind::Child));
    assert_eq!((scene.error(1).as_str(), scene.value(1)["run"].clone()), ("child", json!(null)));
}

#[test]
fn a_child_that_is_over_before_it_is_known_to_be_made_answers_too() {
    let mut scene = parent(OnCancel::Cancel);
    scene.child_ends(1, scene.child_run(1), RunOutcome::Succeeded);
    assert_eq!(scene.value(1)["ok"], json!(true));
    assert!(!scene.world.is_due(&Work::Child(1)));
    assert_eq!(code(&scene.child_made(1, Ok(()))), "nothing");
}

#[test]
fn i12_the_end_of_another_run_answers_nothing() {
    let mut scene = made(OnCancel::Cancel);
    let other = RunId::of_child(&scene.world.run().id, 1, 99, 99, 0);
    assert_eq!(code(&scene.child_ends(1, other, RunOutcome::Succeeded)), "nothing");
    assert!(scene.world.step(1).is_open());
}

#[test]
fn a_timeout_cancels_the_child_and_waits_for_its_end() {
    let mut scene = made(OnCancel::Cancel);
    scene.fire(&Timer::Step(1));
    assert!(scene.world.step(1).is_open() && scene.world.is_due(&Work::CancelChild(1)));
    scene.child_ends(1, scene.child_run(1), RunOutcome::Cancelled);
    let value = scene.value(1);
    assert_eq!((scene.error(1).as_str(), &value["timed_out"], &value["outcome"]), ("timed_out", &json!(true), &json!("cancelled")));
    assert!(!scene.world.is_due(&Work::CancelChild(1)));
}

#[test]
fn a_cancelled_run_ends_when_its_child_is_over() {
    let mut scene = made(OnCancel::Cancel);
    scene.cancel();
    assert_eq!(scene.run_state(), RunState::Ending);
    scene.cancel();
    assert_eq!(scene.world.count("child_stopping"), 1);
    scene.child_ends(1, scene.child_run(1), RunOutcome::Cancelled);
    assert_eq!(scene.run_state(), RunState::Cancelled);
}

#[test]
fn a_child_that_is_abandoned_is_not_waited_for() {
    let mut scene = made(OnCancel::Abandon);
    scene.cancel();
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
    assert!(!scene.world.is_due(&Work::CancelChild(1)));
}

#[test]
fn a_child_that_may_be_under_way_of_being_made_is_cancelled_once_it_is_there() {
    let mut scene = parent(OnCancel::Cancel);
    scene.cancel();
    assert!(scene.world.is_due(&Work::Child(1)), "it is settled first whether there is one");
    assert!(!scene.world.is_due(&Work::CancelChild(1)));
    scene.child_made(1, Ok(()));
    assert!(scene.world.is_due(&Work::CancelChild(1)));
    scene.child_ends(1, scene.child_run(1), RunOutcome::Cancelled);
    assert_eq!(scene.run_state(), RunState::Cancelled);
    let mut scene = parent(OnCancel::Cancel);
    scene.cancel();
    scene.child_made(1, Err(FailureKind::Child));
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
}

#[test]
fn runs_start_runs_only_so_deep() {
    let mut create = make::create(support::scene::DEADLINE_MS);
    create.plan.depth = limits::CHILD_DEPTH;
    let mut scene = Scene::made(vec![Line::Start(child(OnCancel::Cancel)), Line::All(vec![0])], create);
    assert_eq!(scene.error(1), "child");
    assert!(!scene.world.is_due(&Work::Child(1)));
    assert!(scene.advance(), "and the run goes on");
}

#[test]
fn every_child_has_an_id_of_its_own() {
    let both = vec![Line::Start(child(OnCancel::Cancel)), Line::Start(child(OnCancel::Cancel)), Line::All(vec![0, 1])];
    let scene = Scene::of(both);
    assert_ne!(scene.child_run(1), scene.child_run(2));
    assert!(matches!(&scene.world.journal[2].body, sortie_core::event::EventBody::StepScheduled { spec: CallSpec::Child(_), .. }));
}
