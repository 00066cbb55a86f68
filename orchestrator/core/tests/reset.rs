//! Redrive and retry-from: what is kept, what is opened anew, what is forgotten.

mod support;

use serde_json::json;
use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, Operator};
use sortie_core::plan::{RunLimit, RunPlan, WhenFull};
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::Room;
use support::flow::Line;
use support::make;
use support::scene::{DEADLINE_MS, Scene, TIMEOUT_MS};

/// A run whose checked job has used up its two attempts.
fn dead() -> Scene {
    let mut scene = Scene::checked(2, Vec::new());
    fail(&mut scene, 2);
    assert_eq!(scene.run_state(), RunState::Dead);
    scene
}

fn fail(scene: &mut Scene, attempts: u32) {
    for number in 1..=attempts {
        scene.launch(make::acked(true));
        scene.result(1);
        if number < attempts {
            scene.fire(&Timer::Retry(1));
        }
    }
    scene.advance();
}

#[test]
fn a_redrive_opens_the_failed_step_with_a_fresh_budget_and_no_lower_fence() {
    let mut scene = dead();
    let (fence, old) = (scene.world.newest(1).fence, scene.id());
    scene.world.now += 500_000;
    assert_eq!(scene.reset(None), Reply::Done);
    let newest = scene.world.newest(1).clone();
    assert_eq!((scene.run_state(), newest.number, newest.state), (RunState::Running, 3, AttemptState::Scheduled));
    assert!(newest.fence > fence);
    assert_eq!(scene.world.run().deadline_at, scene.world.now + DEADLINE_MS.cast_signed(), "its time counts again");
    assert_eq!(scene.world.step(1).deadline_at, scene.world.now + TIMEOUT_MS.cast_signed());
    let late = scene.post_of(&old, "result", "other", make::said_result(0), "callback");
    assert_eq!(make::outcome(&late), CallbackOutcome::Conflict, "an attempt of the life before cannot answer the step");
    fail(&mut scene, 2);
    assert_eq!((scene.run_state(), scene.world.newest(1).number), (RunState::Dead, 4), "two attempts again");
    scene.reset(None);
    scene.launch(make::acked(true));
    scene.result(0);
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn f117_redrive_twice_is_redrive_once() {
    let mut scene = dead();
    let seen = Some(scene.world.run().seq);
    let twice = |operator| InputBody::Reset { from: None, operator: Operator { if_seq: seen, ..operator } };
    assert_eq!(scene.operator(twice), Reply::Done);
    let length = scene.world.journal.len();
    assert_eq!(make::refused(&scene.operator(twice)), "not_now");
    assert_eq!(scene.world.journal.len(), length);
    assert_eq!(scene.world.count("run_reset"), 1);
}

#[test]
fn what_the_end_cut_off_is_opened_anew_and_what_was_done_is_kept() {
    let lines = vec![
        Line::Start(make::wait(TIMEOUT_MS)),
        Line::Start(make::wait(TIMEOUT_MS)),
        Line::Start(make::job(1, &[], TIMEOUT_MS)),
        Line::All(vec![0]),
        Line::Check(2),
    ];
    let mut scene = Scene::of(lines);
    scene.answer(1, "a", Ok(json!(1)));
    let id = {
        let sortie_core::view::StepKind::Job(job) = &scene.world.step(3).kind else { panic!("a job") };
        job.attempt.clone().expect("an attempt")
    };
    scene.world.now += 1;
    let scope = support::of(&id);
    let handed = make::handed(scene.world.now);
    let starting = InputBody::LaunchStarting { attempt: id.clone(), handed, slots: None };
    scene.world.deliver(&scope, starting, None).expect("started");
    scene.post_of(&id, "result", "r", make::said_result(1), "callback");
    scene.advance();
    assert_eq!((scene.run_state(), scene.error(2).as_str()), (RunState::Dead, "cancelled"));
    scene.reset(None);
    let open: Vec<u32> = scene.world.view.steps.values().filter(|step| step.is_open()).map(|step| step.call).collect();
    assert_eq!(open, [2, 3]);
    assert_eq!(scene.answer(2, "b", Ok(json!(2))), CallbackOutcome::Accepted, "its address is still good");
}

#[test]
fn retry_from_a_step_forgets_it_and_what_came_after() {
    let lines = vec![
        Line::Start(make::wait(TIMEOUT_MS)),
        Line::All(vec![0]),
        Line::Now,
        Line::Start(make::job(1, &[], TIMEOUT_MS)),
        Line::All(vec![3]),
        Line::Fail,
    ];
    let mut scene = Scene::of(lines);
    scene.answer(1, "a", Ok(json!(1)));
    scene.advance();
    scene.reset(Some(3));
    assert_eq!((scene.world.run().calls, scene.run_state()), (2, RunState::Running));
    assert!(scene.world.step(3).forgotten);
    scene.advance();
    assert_eq!((scene.world.run().calls, scene.world.step(3).is_open()), (3, true));
    for call in [0, 9] {
        assert_eq!(make::refused(&scene.reset(Some(call))), "not_found");
    }
    assert_eq!(make::refused(&scene.reset(None)), "not_now", "nothing has failed");
}

#[test]
fn a_forgotten_job_is_ended_on_its_host_before_its_call_is_launched_again() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let old = scene.id();
    scene.reset(Some(1));
    assert_eq!(scene.world.view.attempts[&old].state, AttemptState::Stopping);
    let late = scene.post_of(&old, "result", "r0", make::said_result(0), "callback");
    assert_eq!(make::outcome(&late), CallbackOutcome::Late);
    scene.advance();
    // The result that came says that nothing of the old job is left.
    assert_eq!(scene.world.view.attempts[&old].state, AttemptState::Stopped);
    scene.launch(make::acked(true));
    scene.result(0);
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);

    let mut scene = Scene::job_in(AttemptState::Running);
    let old = scene.id();
    scene.reset(Some(1));
    scene.advance();
    let new = scene.id();
    assert!(new != old && !scene.world.is_due(&Work::Launch(new.clone())), "the old one may still run");
    let claim = scene.claim(&Work::Stop(old.clone()));
    let outcome = Ok(sortie_core::input::Stopped::Gone { evidence: "finished".to_owned() });
    scene.world.deliver(&support::of(&old), InputBody::StopEnded { attempt: old, outcome }, Some(&claim)).expect("answered");
    assert!(scene.world.is_due(&Work::Launch(new)));
}

#[test]
fn a_parked_run_goes_on_from_a_step_and_a_paused_one_too() {
    for park in [true, false] {
        let mut scene = Scene::job_in(AttemptState::Scheduled);
        let body = if park { InputBody::Park(make::failure(FailureKind::Internal)) } else { InputBody::Pause(Operator::named("ann")) };
        scene.world.deliver(&scene.run_scope(), body, None).expect("held");
        assert_eq!(scene.reset(Some(1)), Reply::Done);
        assert_eq!((scene.run_state(), scene.world.run().held, scene.world.run().failure.clone()), (RunState::Running, None, None));
        assert!(scene.advance());
    }
}

#[test]
fn a_redrive_waits_for_a_place() {
    let limit = Some(RunLimit { key: "k".to_owned(), at_most: 1, full: WhenFull::Queue });
    let plan = RunPlan { deadline_ms: DEADLINE_MS, limit, ..RunPlan::default() };
    let mut scene = Scene::planned(vec![Line::Start(make::job(1, &[], TIMEOUT_MS)), Line::Check(0)], Vec::new(), plan);
    let claim = scene.claim(&Work::Start);
    let scope = sortie_core::input::Scope::Admission(scene.world.run().id.clone());
    scene.world.deliver(&scope, InputBody::Start, Some(&claim)).expect("started");
    scene.advance();
    fail(&mut scene, 1);
    scene.world.room = Some(Room { running: 1, ..Room::default() });
    assert_eq!(make::refused(&scene.reset(None)), "not_now");
    scene.world.room = Some(Room::default());
    assert_eq!(scene.reset(None), Reply::Done);
}

#[test]
fn a_run_that_no_step_ended_is_not_redriven_by_guessing() {
    let mut scene = Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::Fail]);
    assert_eq!(scene.run_state(), RunState::Failed);
    assert_eq!(make::refused(&scene.reset(None)), "not_now");
    assert_eq!(scene.reset(Some(1)), Reply::Done);
}
