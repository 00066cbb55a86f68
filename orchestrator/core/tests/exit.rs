//! `on_exit`: after every kind of end, under its own limit, and never changing the outcome.

mod support;

use serde_json::json;
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::InputBody;
use sortie_core::limits;
use sortie_core::plan::RunPlan;
use sortie_core::state::{AttemptState, RunState};
use support::flow::{Line, evaluate_run};
use support::make;
use support::scene::{DEADLINE_MS, Scene, TIMEOUT_MS};

fn waits() -> Vec<Line> {
    vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])]
}

fn scene(exit: Vec<Line>) -> Scene {
    let plan = RunPlan { deadline_ms: DEADLINE_MS, on_exit: true, ..RunPlan::default() };
    Scene::planned(waits(), exit, plan)
}

#[test]
fn it_runs_after_success_cancel_and_deadline_and_the_outcome_stands() {
    type End = fn(&mut Scene);
    let ends: [(End, RunState); 3] = [
        (
            |scene| {
                scene.answer(1, "a", Ok(json!(1)));
                scene.advance();
            },
            RunState::Succeeded,
        ),
        (|scene| drop(scene.cancel()), RunState::Cancelled),
        (|scene| drop(scene.fire(&Timer::RunDeadline)), RunState::TimedOut),
    ];
    for (end, state) in ends {
        let mut scene = scene(waits());
        end(&mut scene);
        assert_eq!((scene.run_state(), scene.world.run().exit_from), (RunState::Ending, Some(1)));
        assert!(scene.advance());
        assert_eq!(scene.cancel(), Reply::Nothing);
        scene.answer(2, "b", Ok(json!(1)));
        assert!(scene.advance());
        assert_eq!((scene.run_state(), scene.world.count("exit_ended")), (state, 1));
        assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
    }
}

#[test]
fn its_failure_is_recorded_and_changes_nothing() {
    let mut scene = scene(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::Fail]);
    scene.answer(1, "a", Ok(json!(1)));
    scene.advance();
    scene.advance();
    assert_eq!((scene.run_state(), scene.world.count("exit_failed"), scene.error(2).as_str()), (RunState::Succeeded, 1, "cancelled"));
}

#[test]
fn its_limit_stops_what_it_has_begun_on_the_hosts_too() {
    let mut scene = scene(vec![Line::Start(make::job(3, &[FailureKind::Exit], TIMEOUT_MS)), Line::All(vec![0])]);
    scene.cancel();
    scene.advance();
    let id = scene.world.newest(2).id.clone();
    let starting = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(scene.world.now), slots: None };
    scene.world.deliver(&support::of(&id), starting, None).expect("begun");
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Exit)), Some(make::START + limits::EXIT_MS.cast_signed()));
    scene.fire(&Timer::Exit);
    assert_eq!((scene.run_state(), scene.world.state(2)), (RunState::Ending, AttemptState::Stopping));
    let outcome = Ok(sortie_core::input::Stopped::Gone { evidence: "finished".to_owned() });
    scene.world.deliver(&support::of(&id), InputBody::StopEnded { attempt: id.clone(), outcome }, None).expect("answered");
    assert_eq!((scene.run_state(), scene.world.count("exit_failed")), (RunState::Cancelled, 1));
}

#[test]
fn its_jobs_are_tried_again() {
    let mut scene = scene(vec![Line::Start(make::job(2, &[FailureKind::Exit], TIMEOUT_MS)), Line::All(vec![0])]);
    scene.cancel();
    scene.advance();
    let id = scene.world.newest(2).id.clone();
    let starting = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(scene.world.now), slots: None };
    scene.world.deliver(&support::of(&id), starting, None).expect("begun");
    scene.post_of(&id, "result", "r", make::said_result(1), "callback");
    scene.fire(&Timer::Retry(2));
    assert_eq!(scene.world.newest(2).number, 2);
}

#[test]
fn terminate_skips_it_before_and_during() {
    let mut early = scene(waits());
    early.operator(InputBody::Terminate);
    assert_eq!((early.run_state(), early.world.count("exit_started")), (RunState::Cancelled, 0));
    let mut late = scene(waits());
    late.answer(1, "a", Ok(json!(1)));
    late.advance();
    late.advance();
    assert_eq!(late.run_state(), RunState::Ending);
    late.operator(InputBody::Terminate);
    assert_eq!(late.run_state(), RunState::Succeeded, "how it ends was decided before");
    let mut held = scene(waits());
    held.cancel();
    held.operator(InputBody::Pause);
    assert_eq!(held.run_state(), RunState::Paused);
    held.operator(InputBody::Terminate);
    assert_eq!(held.run_state(), RunState::Cancelled);
}

#[test]
fn an_evaluation_of_the_body_does_not_pass_for_one_of_on_exit() {
    let mut scene = scene(waits());
    scene.answer(1, "a", Ok(json!(1)));
    let (advance_fence, seen) = scene.world.load_advance().expect("woken");
    let evaluation = evaluate_run(&scene.lines, &scene.exit, &scene.world.journal);
    scene.cancel();
    let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
    scene.must_not(&scene.run_scope(), body);
    assert!(scene.world.run().in_exit());
}

#[test]
fn a_pause_holds_it_and_its_limit() {
    let mut scene = scene(waits());
    scene.cancel();
    scene.operator(InputBody::Pause);
    let before = scene.world.run().deadline_at;
    scene.world.now += 3_600_000;
    scene.operator(InputBody::Resume);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Exit)), Some(before + 3_600_000));
    assert!(scene.advance());
    assert!(scene.world.step(2).is_open());
}

#[test]
fn a_redrive_forgets_what_on_exit_called() {
    let mut scene = Scene::checked(1, waits());
    scene.launch(make::acked(true));
    scene.result(1);
    scene.advance();
    scene.advance();
    scene.answer(2, "b", Ok(json!(1)));
    scene.advance();
    assert_eq!((scene.run_state(), scene.world.run().calls), (RunState::Dead, 2));
    assert_eq!(make::refused(&scene.reset(Some(2))), "not_found");
    scene.reset(None);
    assert_eq!((scene.world.run().calls, scene.world.run().exit_from), (1, None));
    scene.launch(make::acked(true));
    scene.result(0);
    scene.advance();
    assert!(scene.world.run().in_exit(), "it is due after the second end, too");
    scene.advance();
    scene.answer(2, "c", Ok(json!(2)));
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}
