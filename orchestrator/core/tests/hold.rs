//! Held runs: paused by operators, parked by the engine; and who wins a race (F117).

mod support;

use serde_json::json;
use sortie_core::decide::{CallbackOutcome, Refusal, Reply};
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, Operator, Said};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState};
use support::flow::{Line, evaluate};
use support::scene::{Scene, TIMEOUT_MS};
use support::{Not, make};

fn crash(scene: &mut Scene) {
    let claim = scene.claim(&Work::Advance);
    let (advance_fence, _) = scene.world.load_advance().expect("woken");
    let body = InputBody::EvaluationCrashed { advance_fence, message: "killed".to_owned() };
    scene.world.deliver(&scene.run_scope(), body, Some(&claim)).expect("decided");
}

#[test]
fn a_paused_run_takes_results_and_goes_on_with_them() {
    let mut scene = Scene::job_in(AttemptState::Running);
    assert_eq!(scene.operator(InputBody::Pause), Reply::Done);
    assert_eq!(scene.result(0), CallbackOutcome::Accepted);
    assert!(!scene.advance(), "nothing is evaluated");
    assert_eq!(scene.operator(InputBody::Resume), Reply::Done);
    assert!(scene.advance());
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn the_time_a_run_is_held_does_not_count() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let before = scene.world.run().deadline_at;
    scene.operator(InputBody::Pause);
    scene.world.now += 900_000;
    scene.operator(InputBody::Resume);
    assert_eq!(scene.world.run().deadline_at, before + 900_000);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::RunDeadline)), Some(before + 900_000));
}

#[test]
fn nothing_new_begins_while_a_run_is_held() {
    let mut scene = Scene::job(2);
    scene.operator(InputBody::Pause);
    assert_eq!(scene.starting(), Reply::Nothing);
    scene.operator(InputBody::Resume);
    scene.launch(make::acked(true));
    scene.result(1);
    scene.operator(InputBody::Pause);
    assert_eq!(scene.fire(&Timer::Retry(1)), Reply::Nothing);
    assert_eq!(scene.world.newest(1).number, 1);
    scene.operator(InputBody::Resume);
    scene.fire(&Timer::Retry(1));
    assert_eq!(scene.world.newest(1).number, 2);
}

#[test]
fn f117_asking_twice_is_asking_once_and_what_comes_too_late_is_told() {
    let mut scene = Scene::job_in(AttemptState::Running);
    assert_eq!(scene.operator(InputBody::Resume), Reply::Nothing);
    scene.operator(InputBody::Pause);
    assert_eq!(scene.operator(InputBody::Pause), Reply::Nothing);
    let length = scene.world.journal.len();
    scene.operator(InputBody::Cancel);
    scene.gone();
    assert_eq!(scene.run_state(), RunState::Cancelled);
    assert!(scene.world.journal.len() > length);
    assert_eq!(scene.operator(InputBody::Cancel), Reply::Nothing);
    assert_eq!(scene.operator(InputBody::Terminate), Reply::Nothing);
    for say in [InputBody::Pause, InputBody::Resume] {
        assert_eq!(make::refused(&scene.operator(say)), "not_now");
    }
    assert_eq!(make::refused(&scene.reset(Some(1))), "not_now", "cancel is final");
}

#[test]
fn f117_a_cancel_of_a_finished_run_is_told_how_it_ended() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    scene.advance();
    for say in [InputBody::Cancel, InputBody::Terminate] {
        let Reply::Refused { code: "not_now", message } = scene.operator(say) else { panic!("it is over") };
        assert!(message.contains("succeeded"), "{message}");
    }
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn f117_a_command_on_another_state_than_the_one_seen_changes_nothing() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let seen = scene.world.run().seq;
    scene.result(0);
    let commands: [fn(Operator) -> InputBody; 3] = [InputBody::Pause, InputBody::Cancel, InputBody::Terminate];
    for command in commands {
        let on = |if_seq| move |operator: Operator| command(Operator { if_seq, ..operator });
        assert_eq!(make::refused(&scene.operator(on(Some(seen)))), "changed");
    }
    let now = scene.world.run().seq;
    assert_eq!(scene.operator(|operator| InputBody::Pause(Operator { if_seq: Some(now), ..operator })), Reply::Done);
}

#[test]
fn f117_an_evaluation_that_comes_while_the_run_is_held_is_made_again() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    let (advance_fence, seen) = scene.world.load_advance().expect("woken");
    let evaluation = evaluate(&scene.lines, &scene.world.journal);
    scene.operator(InputBody::Pause);
    let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
    assert_eq!(scene.world.deliver(&scene.run_scope(), body, None), Ok(Reply::Nothing));
    scene.operator(InputBody::Resume);
    assert!(scene.advance());
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn f116_a_poisoned_run_is_parked_and_a_resume_gives_it_new_chances() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    for round in 1..=2 {
        for _ in 0..limits::CRASHES {
            assert_eq!(scene.run_state(), RunState::Running, "round {round}");
            crash(&mut scene);
        }
        assert_eq!(scene.run_state(), RunState::Parked);
        assert_eq!(scene.world.run().failure.as_ref().map(|failure| failure.kind), Some(FailureKind::Poison));
        assert_eq!(make::refused(&scene.operator(InputBody::Pause)), "not_now");
        scene.operator(InputBody::Resume);
        assert_eq!((scene.world.run().crashes, scene.world.run().failure.clone()), (0, None));
    }
    assert!(scene.advance());
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn an_evaluation_that_the_server_did_not_survive_counts_as_much_as_one_that_killed_its_worker() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    for _ in 0..limits::CRASHES {
        scene.world.load_advance().expect("claimed, and then the process died");
    }
    crash(&mut scene);
    assert_eq!(scene.run_state(), RunState::Parked);
}

#[test]
fn a_run_that_a_sweep_parks_goes_on_with_its_jobs_and_can_be_ended() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let failure = make::failure(FailureKind::Nondeterminism);
    assert_eq!(scene.world.deliver(&scene.run_scope(), InputBody::Park(failure.clone()), None), Ok(Reply::Done));
    assert_eq!(scene.world.deliver(&scene.run_scope(), InputBody::Park(failure), None), Ok(Reply::Nothing));
    scene.post("beat", "b", Said::Alive);
    scene.operator(InputBody::Terminate);
    scene.gone();
    assert_eq!(scene.run_state(), RunState::Cancelled);
    assert_eq!(scene.world.run().failure.as_ref().map(|failure| failure.kind), Some(FailureKind::Terminated));
}

#[test]
fn a_run_that_is_held_while_it_ends_ends_when_it_goes_on() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.cancel();
    scene.operator(InputBody::Pause);
    scene.gone();
    assert_eq!(scene.run_state(), RunState::Paused);
    assert_eq!(make::refused(&scene.operator(InputBody::Cancel)), "not_now");
    scene.operator(InputBody::Resume);
    assert_eq!(scene.run_state(), RunState::Cancelled);
}

#[test]
fn an_evaluation_of_an_older_life_is_fenced() {
    let mut scene = Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])]);
    scene.answer(1, "a", Ok(json!(1)));
    let (advance_fence, seen) = scene.world.load_advance().expect("woken");
    let evaluation = evaluate(&scene.lines, &scene.world.journal);
    scene.reset(Some(1));
    let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
    assert_eq!(scene.must_not(&scene.run_scope(), body), Not::Refused(Refusal::Fenced));
}
