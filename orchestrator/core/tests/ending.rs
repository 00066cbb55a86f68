//! How runs and jobs are ended: cancel in every state, stops that cannot be verified, losers, retries, evaluations.

mod support;

use serde_json::json;
use sortie_core::decide::{Refusal, Reply};
use sortie_core::effect::{Timer, Work};
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, LaunchOutcome, Stopped};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState, StopReason};
use support::flow::{Line, evaluate};
use support::scene::{Scene, TIMEOUT_MS};
use support::{Not, make};

#[test]
fn cancel_before_the_launch_ends_the_run_at_once() {
    let mut scene = Scene::job_in(AttemptState::Scheduled);
    scene.cancel();
    assert_eq!((scene.run_state(), scene.world.state(1)), (RunState::Cancelled, AttemptState::Stopped));
    assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
}

#[test]
fn cancel_of_a_job_on_a_host_ends_it_there_first() {
    use AttemptState::{LaunchUnknown, Launched, Launching, Running, Suspect};
    for state in [Launching, LaunchUnknown, Launched, Running, Suspect] {
        let mut scene = Scene::job_in(state);
        scene.cancel();
        assert_eq!((scene.run_state(), scene.world.state(1)), (RunState::Ending, AttemptState::Stopping), "{}", state.as_str());
        assert_eq!(scene.world.newest(1).stopping, Some(StopReason::Cancelled));
        scene.gone();
        assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
        assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
    }
}

#[test]
fn cancel_while_stopping_and_during_a_backoff() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    scene.cancel();
    assert_eq!(scene.run_state(), RunState::Ending);
    scene.gone();
    assert_eq!((scene.run_state(), scene.world.count("attempt_stopping")), (RunState::Cancelled, 1));
    let mut scene = Scene::job_in(AttemptState::Lost);
    scene.cancel();
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Cancelled, "cancelled"));
    assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
}

#[test]
fn cancel_closes_waits_and_sleeps_and_asking_twice_is_asking_once() {
    let sleep = sortie_core::call::CallSpec::Sleep { duration_ms: 9_000 };
    let mut scene = Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::Start(sleep), Line::All(vec![0, 1])]);
    scene.cancel();
    assert_eq!(scene.run_state(), RunState::Cancelled);
    let length = scene.world.journal.len();
    assert_eq!(scene.cancel(), Reply::Nothing);
    assert_eq!((scene.world.journal.len(), scene.world.count("run_ended")), (length, 1));
}

#[test]
fn i14_a_cancelled_run_takes_no_result() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.cancel();
    assert_eq!(scene.result(0), sortie_core::decide::CallbackOutcome::Late);
    assert_eq!(scene.run_state(), RunState::Cancelled);
    assert!(!scene.advance());
}

#[test]
fn what_could_not_be_verified_is_a_debt_that_outlives_the_run() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.cancel();
    scene.fire(&Timer::StopAnswer(scene.id()));
    assert_eq!((scene.run_state(), scene.value(1)["stopped"].clone()), (RunState::Cancelled, json!(false)));
    assert!(scene.world.newest(1).debt);
    let length = scene.world.journal.len();
    for _ in 0..10 {
        let before = scene.world.now;
        scene.stop(Err(make::failure(FailureKind::Unreachable)));
        let pause = scene.world.due_at(&Work::Stop(scene.id())).expect("asked again") - before.max(scene.world.now);
        assert!(pause >= limits::REACH_BACKOFF_CAP_MS.cast_signed() / 2, "asked at once again: {pause}");
    }
    assert_eq!(scene.world.journal.len(), length, "asking is no event");
    scene.gone();
    assert!(!scene.world.newest(1).debt);
    assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
    assert_eq!(scene.run_state(), RunState::Cancelled);
}

#[test]
fn a_stop_is_asked_again_until_nothing_is_left() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    scene.stop(Ok(Stopped::Alive));
    scene.stop(Err(make::failure(FailureKind::Unreachable)));
    assert_eq!(scene.world.state(1), AttemptState::Stopping);
    scene.gone();
    assert_eq!(scene.world.state(1), AttemptState::Stopped);
}

fn race() -> Scene {
    let on = [FailureKind::Lost];
    let lines = vec![
        Line::Start(make::job(2, &on, TIMEOUT_MS)),
        Line::Start(make::wait(TIMEOUT_MS)),
        Line::Start(make::wait(TIMEOUT_MS)),
        Line::Any(vec![0, 1, 2]),
        Line::All(vec![0, 1, 2]),
    ];
    Scene::of(lines)
}

#[test]
fn losers_are_stopped_and_answered() {
    let mut scene = race();
    scene.launch(make::acked(true));
    scene.answer(2, "a", Ok(json!(1)));
    scene.advance();
    assert_eq!((scene.world.state(1), scene.error(3).as_str()), (AttemptState::Stopping, "superseded"));
    scene.gone();
    scene.advance();
    assert_eq!((scene.run_state(), scene.error(1).as_str()), (RunState::Succeeded, "superseded"));
}

#[test]
fn a_loser_that_is_between_attempts_is_not_tried_again() {
    let mut scene = race();
    scene.launch(make::acked(true));
    scene.fire(&Timer::Started(scene.id()));
    scene.probed(Ok(sortie_core::input::Verdict::Gone));
    scene.answer(2, "a", Ok(json!(1)));
    scene.advance();
    assert_eq!(scene.error(1), "superseded");
    assert!(!scene.world.is_due(&Work::Timer(Timer::Retry(1))));
}

#[test]
fn a_loser_that_is_answered_while_the_flow_is_evaluated_does_not_hold_up_the_run() {
    let mut scene = race();
    scene.launch(make::acked(true));
    scene.answer(2, "a", Ok(json!(1)));
    let (advance_fence, seen) = scene.world.load_advance().expect("woken");
    let evaluation = evaluate(&scene.lines, &scene.world.journal);
    scene.answer(3, "b", Ok(json!(2)));
    scene.result(0);
    let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
    assert_eq!(scene.world.deliver(&scene.run_scope(), body, None), Ok(Reply::Done));
    assert_eq!((scene.value(3)["ok"].clone(), scene.value(1)["ok"].clone()), (json!(true), json!(true)));
    assert!(scene.advance(), "what came meanwhile is looked at");
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn a_job_is_tried_as_often_as_asked_and_for_the_failures_asked() {
    let mut scene = Scene::job(3);
    for number in 1..=3 {
        assert_eq!(scene.world.newest(1).number, number);
        scene.launch(make::acked(true));
        scene.result(1);
        if number < 3 {
            scene.fire(&Timer::Retry(1));
        }
    }
    assert_eq!((scene.error(1).as_str(), scene.value(1)["attempts"].clone()), ("exit", json!(3)));
    let mut scene = Scene::job(3);
    scene.launch(LaunchOutcome::Refused(make::failure(FailureKind::Auth)));
    assert_eq!((scene.error(1).as_str(), scene.world.count("retry_scheduled")), ("auth", 0));
}

#[test]
fn an_end_that_the_server_ordered_for_want_of_time_is_not_tried_again() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    scene.gone();
    assert_eq!(scene.world.count("retry_scheduled"), 0);
}

#[test]
fn a_run_that_returns_ends_its_open_jobs_first() {
    let mut scene = Scene::of(vec![Line::Start(make::job(1, &[], TIMEOUT_MS)), Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![1])]);
    scene.launch(make::acked(true));
    scene.answer(2, "a", Ok(json!(1)));
    scene.advance();
    assert_eq!((scene.run_state(), scene.world.state(1)), (RunState::Ending, AttemptState::Stopping));
    scene.gone();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn a_flow_that_fails_fails_its_run() {
    let scene = Scene::of(vec![Line::Now, Line::Start(make::wait(TIMEOUT_MS)), Line::Fail]);
    assert_eq!((scene.run_state(), scene.error(2).as_str()), (RunState::Failed, "cancelled"));
    assert_eq!(scene.world.run().failure.as_ref().map(|failure| failure.kind), Some(FailureKind::FlowError));
}

fn crash(scene: &mut Scene) {
    let claim = scene.claim(&Work::Advance);
    let (advance_fence, _) = scene.world.load_advance().expect("woken");
    let body = InputBody::EvaluationCrashed { advance_fence, message: "killed".to_owned() };
    scene.world.deliver(&scene.run_scope(), body, Some(&claim)).expect("decided");
}

#[test]
fn f116_a_flow_that_kills_its_worker_is_parked_and_its_jobs_go_on() {
    let mut scene = race();
    scene.launch(make::acked(true));
    scene.answer(2, "a", Ok(json!(1)));
    for _ in 0..limits::CRASHES {
        assert_eq!(scene.run_state(), RunState::Running);
        crash(&mut scene);
    }
    assert_eq!(scene.run_state(), RunState::Parked);
    scene.fire(&Timer::Started(scene.id()));
    scene.result(0);
    assert_eq!((scene.run_state(), scene.value(1)["ok"].clone()), (RunState::Parked, json!(true)));
    scene.cancel();
    assert_eq!(scene.run_state(), RunState::Cancelled);
}

#[test]
fn an_evaluation_of_an_older_claim_is_refused_and_one_of_a_run_that_moved_on_is_dropped() {
    let mut scene = race();
    scene.answer(2, "a", Ok(json!(1)));
    let (old, seen) = scene.world.load_advance().expect("woken");
    let (new, _) = scene.world.load_advance().expect("claimed again");
    let evaluation = evaluate(&scene.lines, &scene.world.journal);
    let with = |advance_fence| InputBody::Evaluated { advance_fence, seen, evaluation: evaluation.clone(), log: Vec::new() };
    assert_eq!(scene.must_not(&scene.run_scope(), with(old)), Not::Refused(Refusal::Fenced));
    scene.cancel();
    let before = scene.world.run().clone();
    assert_eq!(scene.world.deliver(&scene.run_scope(), with(new), None), Ok(Reply::Nothing));
    assert_eq!(*scene.world.run(), before, "nothing of it counts as seen");
}

#[test]
fn an_evaluation_that_cannot_be_parks_the_run_instead_of_leaving_it_without_a_waker() {
    let wrong = [
        (vec![Command::Schedule { call: 9, step: "x".to_owned(), spec: make::wait(1) }], End::Suspended { waiting_on: vec![9] }),
        (
            vec![Command::Schedule { call: 4, step: "x".to_owned(), spec: sortie_core::call::CallSpec::Now {} }],
            End::Suspended { waiting_on: vec![4] },
        ),
        (Vec::new(), End::Suspended { waiting_on: vec![77] }),
    ];
    for (commands, end) in wrong {
        let mut scene = race();
        scene.answer(2, "a", Ok(json!(1)));
        let (advance_fence, seen) = scene.world.load_advance().expect("woken");
        let body = InputBody::Evaluated { advance_fence, seen, evaluation: Evaluation { commands, end }, log: Vec::new() };
        scene.world.deliver(&scene.run_scope(), body, None).expect("decided");
        assert_eq!(scene.run_state(), RunState::Parked);
        assert_eq!(scene.world.run().failure.as_ref().map(|failure| failure.kind), Some(FailureKind::Internal));
    }
}

#[test]
fn a_run_that_is_ending_tries_nothing_again() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    while scene.world.state(1) == AttemptState::LaunchUnknown {
        scene.launch(LaunchOutcome::Refused(make::failure(FailureKind::Refused)));
    }
    assert_eq!(scene.world.newest(1).stopping, Some(StopReason::NotStarted));
    scene.cancel();
    scene.gone();
    assert_eq!((scene.run_state(), scene.world.count("retry_scheduled")), (RunState::Cancelled, 0));
}
