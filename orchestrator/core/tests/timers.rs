//! Every timer, in time, too early and too late.

mod support;

use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::ids::Ms;
use sortie_core::input::{InputBody, Said, Scope};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState};
use support::flow::Line;
use support::scene::{DEADLINE_MS, Scene, TIMEOUT_MS};
use support::{make, of};

fn sleeping(duration_ms: u64) -> Scene {
    Scene::of(vec![Line::Start(CallSpec::Sleep { duration_ms }), Line::All(vec![0])])
}

#[test]
fn a_sleep_ends_when_it_is_due() {
    let mut scene = sleeping(5_000);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Step(1))), Some(make::START + 5_000));
    scene.fire(&Timer::Step(1));
    assert_eq!(scene.value(1), Value::Null);
    scene.advance();
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn i18_a_timer_that_comes_before_its_time_is_set_again() {
    let mut scene = sleeping(5_000);
    let reply = scene.world.deliver(&scene.world.timer_scope(&Timer::Step(1)), InputBody::TimerDue(Timer::Step(1)), None);
    assert_eq!(reply, Ok(Reply::Nothing));
    assert!(scene.world.step(1).is_open());
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Step(1))), Some(make::START + 5_000));
    let mut scene = Scene::job_in(AttemptState::Lost);
    let due = scene.world.due_at(&Work::Timer(Timer::Retry(1)));
    scene.world.now -= 60_000;
    scene.world.deliver(&scene.world.timer_scope(&Timer::Retry(1)), InputBody::TimerDue(Timer::Retry(1)), None).expect("decided");
    assert_eq!(scene.world.count("attempt_scheduled"), 1);
    assert_eq!(scene.world.due_at(&Work::Timer(Timer::Retry(1))), due);
    scene.world.deliver(&scene.run_scope(), InputBody::TimerDue(Timer::RunDeadline), None).expect("decided");
    assert_eq!(scene.run_state(), RunState::Running);
}

#[test]
fn a_timer_whose_cause_is_gone_does_nothing() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let id = scene.id();
    scene.result(0);
    scene.advance();
    let length = scene.world.journal.len();
    scene.world.now += 10 * DEADLINE_MS.cast_signed();
    let timers = [
        Timer::RunDeadline,
        Timer::Step(1),
        Timer::Retry(1),
        Timer::Started(id.clone()),
        Timer::Heartbeat(id.clone()),
        Timer::StopAnswer(id),
    ];
    for timer in timers {
        let scope = scene.world.timer_scope(&timer);
        assert_eq!(scene.world.deliver(&scope, InputBody::TimerDue(timer.clone()), None), Ok(Reply::Nothing), "{timer:?}");
    }
    assert_eq!(scene.world.journal.len(), length);
}

#[test]
fn nobody_answers_a_wait_in_time() {
    let mut scene = Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])]);
    scene.fire(&Timer::Step(1));
    assert_eq!(scene.error(1), "timed_out");
    assert!(scene.advance());
}

#[test]
fn a_step_is_never_open_longer_than_its_run() {
    let scene = Scene::of(vec![Line::Start(make::wait(10 * DEADLINE_MS)), Line::All(vec![0])]);
    assert_eq!(scene.world.step(1).deadline_at, scene.world.run().deadline_at);
}

#[test]
fn a_job_that_runs_out_of_time_is_ended_and_answered_once_that_is_verified() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    assert!(scene.world.step(1).is_open());
    scene.gone();
    assert_eq!((scene.value(1)["timed_out"].clone(), scene.value(1)["stopped"].clone()), (json!(true), json!(true)));
    assert!(!scene.world.is_due(&Work::Timer(Timer::StopAnswer(scene.id()))));
}

#[test]
fn a_job_that_runs_out_of_time_between_attempts_is_answered_at_once() {
    let mut scene = Scene::job(2);
    scene.world.now = scene.world.step(1).deadline_at - 3 * limits::HEARTBEAT_MS.cast_signed() - 1_000;
    scene.launch(make::acked(true));
    scene.result(1);
    assert!(scene.world.is_due(&Work::Timer(Timer::Retry(1))));
    scene.world.now = scene.world.step(1).deadline_at;
    let claim = scene.world.claim(&Work::Timer(Timer::Step(1))).expect("due");
    scene.world.deliver(&scene.world.timer_scope(&Timer::Step(1)), InputBody::TimerDue(Timer::Step(1)), Some(&claim)).expect("decided");
    assert_eq!(scene.error(1), "timed_out");
    assert!(!scene.world.is_due(&Work::Timer(Timer::Retry(1))));
}

#[test]
fn f034_silence_is_a_reason_to_ask_and_never_a_verdict() {
    for (state, timer) in [(AttemptState::Launched, true), (AttemptState::Running, false)] {
        let mut scene = Scene::job_in(state);
        let id = scene.id();
        scene.fire(&if timer { Timer::Started(id.clone()) } else { Timer::Heartbeat(id.clone()) });
        assert_eq!(scene.world.state(1), AttemptState::Suspect);
        assert!(scene.world.is_due(&Work::Probe(id)));
        assert_eq!(scene.world.count("attempt_scheduled"), 1);
    }
}

#[test]
fn heartbeats_put_off_suspicion() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let (id, timer) = (scene.id(), Timer::Heartbeat(scene.id()));
    let patience = (limits::HEARTBEAT_MS * limits::HEARTBEATS_MISSED).cast_signed();
    for _ in 0..5 {
        let due = scene.world.due_at(&Work::Timer(timer.clone())).expect("listened for");
        scene.world.last_seen.insert(id.clone(), due - 10);
        scene.fire(&timer);
        assert_eq!(scene.world.state(1), AttemptState::Running);
        assert_eq!(scene.world.due_at(&Work::Timer(timer.clone())), Some(due - 10 + patience));
    }
    scene.fire(&timer);
    assert_eq!(scene.world.state(1), AttemptState::Suspect);
}

#[test]
fn f032_a_clock_that_goes_back_holds_up_nothing_and_the_journal_stays_in_order() {
    const BACK: Ms = 1_000_000_000;
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.world.last_seen.insert(scene.id(), scene.world.now);
    scene.world.now -= BACK;
    scene.result(0);
    assert_eq!(scene.world.due_at(&Work::Advance), Some(scene.world.now), "work is due by the clock that it is claimed by");
    assert!(scene.advance());
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn f032_a_heartbeat_from_the_future_does_not_silence_the_watch() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let (id, timer) = (scene.id(), Timer::Heartbeat(scene.id()));
    scene.world.last_seen.insert(id.clone(), scene.world.now + 1_000_000_000);
    scene.world.deliver(&of(&id), InputBody::TimerDue(timer.clone()), None).expect("decided");
    let patience = (limits::HEARTBEAT_MS * limits::HEARTBEATS_MISSED).cast_signed();
    assert_eq!(scene.world.due_at(&Work::Timer(timer)), Some(scene.world.now + patience));
}

#[test]
fn absurd_limits_do_not_overflow() {
    let CallSpec::Job(mut job) = make::job(2, &[sortie_core::failure::FailureKind::Exit], u64::MAX) else { panic!("a job") };
    (job.heartbeat_ms, job.started_ms, job.launch_ms) = (u64::MAX, u64::MAX, u64::MAX);
    (job.retry.backoff_ms, job.retry.max_backoff_ms) = (u64::MAX, u64::MAX);
    let mut scene = Scene::of(vec![Line::Start(CallSpec::Job(job)), Line::All(vec![0])]);
    scene.launch(make::acked(true));
    scene.post("started", "s", Said::Started);
    scene.result(1);
    assert!(!scene.world.step(1).is_open(), "a retry after the deadline is none");
}

#[test]
fn the_runs_deadline_ends_it_as_timed_out() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.fire(&Timer::RunDeadline);
    assert_eq!(scene.run_state(), RunState::Ending);
    scene.gone();
    assert_eq!(scene.run_state(), RunState::TimedOut);
    assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
}

#[test]
fn a_run_is_made_once() {
    let mut scene = sleeping(1);
    let create = make::create(1);
    let not = scene.must_not(&Scope::New(create.run.clone()), InputBody::Create(create));
    assert_eq!(not, support::Not::Refused(sortie_core::decide::Refusal::Exists));
}
