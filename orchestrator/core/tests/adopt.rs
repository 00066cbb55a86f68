//! Late results that an operator takes after all.

mod support;

use serde_json::json;
use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::effect::Timer;
use sortie_core::input::Verdict;
use sortie_core::state::{AttemptState, RunState, StopReason};
use support::make;
use support::scene::Scene;

/// The first attempt was given up as lost, and the second one is in this state.
fn second(running: bool) -> (Scene, sortie_core::ids::AttemptId) {
    let mut scene = Scene::job_in(AttemptState::Lost);
    let first = scene.id();
    scene.fire(&Timer::Retry(1));
    if running {
        scene.launch(make::acked(true));
    }
    (scene, first)
}

#[test]
fn a_late_result_is_taken_while_its_step_is_open_and_the_newer_attempt_is_ended() {
    let (mut scene, first) = second(true);
    let newer = scene.id();
    let late = scene.post_of(&first, "result", "r0", make::said_result(0), "callback");
    assert_eq!(make::outcome(&late), CallbackOutcome::Late);
    assert_eq!(scene.adopt(&first, "r0"), Reply::Done);
    assert_eq!(scene.adopt(&first, "r0"), Reply::Nothing, "asking twice is asking once");
    assert_eq!(make::refused(&scene.adopt(&first, "r9")), "not_now");
    let row = &scene.world.view.attempts[&newer];
    assert_eq!((row.state, row.stopping, row.debt), (AttemptState::Stopping, Some(StopReason::Superseded), true));
    assert_eq!((scene.value(1)["ok"].clone(), scene.world.view.attempts[&first].state), (json!(true), AttemptState::Succeeded));
    scene.gone();
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn a_newer_attempt_that_was_not_launched_is_simply_dropped() {
    let (mut scene, first) = second(false);
    scene.adopt(&first, "r0");
    assert_eq!(scene.world.state(1), AttemptState::Stopped);
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn an_attempt_that_goes_on_is_not_adopted_and_one_whose_step_moved_on_is_refused() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let id = scene.id();
    assert_eq!(make::refused(&scene.adopt(&id, "r0")), "not_now");
    let (mut scene, first) = second(true);
    scene.result(0);
    assert_eq!(make::refused(&scene.adopt(&first, "r9")), "not_now");
    scene.advance();
    assert_eq!(make::refused(&scene.adopt(&first, "r9")), "not_now");
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn a_dead_run_is_opened_again_by_the_result_it_died_for() {
    let mut scene = Scene::checked(1, Vec::new());
    let id = scene.id();
    scene.launch(make::acked(true));
    scene.fire(&Timer::Started(id.clone()));
    scene.probed(Ok(Verdict::Gone));
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Dead);
    assert_eq!(scene.adopt(&id, "r0"), Reply::Done);
    assert_eq!((scene.run_state(), scene.world.count("attempt_scheduled")), (RunState::Running, 1), "nothing is tried again");
    scene.advance();
    assert_eq!((scene.run_state(), scene.world.count("run_reset")), (RunState::Succeeded, 1));
    assert_eq!(scene.adopt(&id, "r0"), Reply::Nothing);
}

#[test]
fn an_attempt_of_a_life_before_a_reset_is_not_adopted() {
    let mut scene = Scene::checked(1, Vec::new());
    let id = scene.id();
    scene.launch(make::acked(true));
    scene.fire(&Timer::Started(id.clone()));
    scene.probed(Ok(Verdict::Gone));
    scene.advance();
    scene.reset(None);
    assert_eq!(make::refused(&scene.adopt(&id, "r0")), "not_now");
}
