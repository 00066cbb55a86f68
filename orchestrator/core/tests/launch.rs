//! Every outcome of a launch, in every state that it can meet.

mod support;

use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, LaunchOutcome, Said, Stopped};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState};
use support::scene::Scene;
use support::{make, of};

fn unreachable() -> LaunchOutcome {
    LaunchOutcome::Unreachable(make::failure(FailureKind::Unreachable))
}

fn refused(kind: FailureKind) -> LaunchOutcome {
    LaunchOutcome::Refused(make::failure(kind))
}

#[test]
fn what_an_attempt_is_handed_is_committed_before_it_may_be_sent() {
    let mut scene = Scene::job(1);
    let Reply::Launch(attempt) = scene.starting() else { panic!("it may be sent") };
    assert_eq!(attempt.handed, scene.world.newest(1).handed);
    assert!(attempt.handed.is_some());
}

#[test]
fn an_ack_arms_the_wait_for_a_first_sign_of_life() {
    let scene = Scene::job_in(AttemptState::Launched);
    let due = scene.world.due_at(&Work::Timer(Timer::Started(scene.id())));
    assert_eq!(due, Some(scene.world.now + limits::STARTED_MS.cast_signed()));
    assert!(!scene.world.is_due(&Work::Launch(scene.id())));
}

#[test]
fn f076_unreachable_hosts_are_tried_again_and_handed_the_same() {
    let mut scene = Scene::job(1);
    scene.launch(unreachable());
    assert_eq!(scene.world.state(1), AttemptState::Scheduled);
    let first = scene.world.newest(1).handed.clone();
    scene.launch(make::acked(true));
    assert_eq!(scene.world.newest(1).handed, first);
    assert_eq!(scene.world.state(1), AttemptState::Launched);
}

#[test]
fn a_host_that_stays_unreachable_fails_the_attempt_and_the_events_stay_few() {
    let mut scene = Scene::job(1);
    while scene.world.state(1) == AttemptState::Scheduled {
        scene.launch(unreachable());
    }
    assert_eq!(scene.error(1), "unreachable");
    assert!(scene.world.now - make::START >= limits::LAUNCH_MS.cast_signed());
    assert!(scene.world.count("launch_deferred") <= 20, "{}", scene.world.count("launch_deferred"));
}

#[test]
fn a_host_that_is_away_for_a_month_costs_few_events() {
    let sortie_core::call::CallSpec::Job(mut job) = make::job(1, &[], limits::LONGEST_MS) else { panic!("a job") };
    job.launch_ms = limits::LONGEST_MS;
    job.timeout_ms = limits::LONGEST_MS;
    let mut scene = Scene::of(vec![support::flow::Line::Start(sortie_core::call::CallSpec::Job(job)), support::flow::Line::All(vec![0])]);
    while scene.world.now < make::START + 30 * 24 * 3_600_000 {
        scene.launch(unreachable());
    }
    assert!(scene.world.count("launch_deferred") < 200, "{}", scene.world.count("launch_deferred"));
}

#[test]
fn a_deferred_launch_is_cancelled_without_asking_the_host() {
    let mut scene = Scene::job(1);
    scene.launch(unreachable());
    scene.cancel();
    assert_eq!(scene.run_state(), RunState::Cancelled);
    assert!(scene.world.due.is_empty(), "{:?}", scene.world.due);
}

#[test]
fn f001_a_launch_begun_before_a_crash_may_have_been_sent_so_unreachable_is_no_verdict() {
    let mut scene = Scene::job_in(AttemptState::Launching);
    scene.world.now += support::LEASE_MS;
    scene.launch(unreachable());
    assert_eq!(scene.world.state(1), AttemptState::LaunchUnknown);
    while scene.world.now < make::START + 2 * limits::LAUNCH_MS.cast_signed() {
        scene.launch(unreachable());
    }
    assert_eq!(scene.world.state(1), AttemptState::LaunchUnknown, "only the host knows");
    assert_eq!(scene.world.count("launch_unknown"), 1, "said once");
    scene.launch(make::acked(false));
    assert_eq!(scene.world.state(1), AttemptState::Launched);
}

#[test]
fn every_refusal_of_a_first_launch_fails_the_attempt() {
    use FailureKind::{Auth, HostKey, NoHost, Refused, Spawn, WrongMachine};
    for kind in [Auth, HostKey, NoHost, Refused, Spawn, WrongMachine] {
        let mut scene = Scene::job(1);
        scene.launch(refused(kind));
        assert_eq!(scene.error(1), kind.as_str());
        assert_eq!(scene.world.state(1), AttemptState::Failed);
        assert!(scene.advance());
    }
}

#[test]
fn a_host_that_is_not_there_fails_the_attempt_before_anything_is_handed() {
    let mut scene = Scene::job(1);
    let id = scene.id();
    let claim = scene.claim(&Work::Launch(id.clone()));
    let body = InputBody::LaunchEnded { attempt: id.clone(), outcome: refused(FailureKind::NoHost) };
    scene.world.deliver(&of(&id), body, Some(&claim)).expect("answered");
    assert_eq!(scene.error(1), "no_host");
}

#[test]
fn f077_an_unknown_launch_is_asked_again_and_never_made_anew() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    let id = scene.id();
    scene.launch(LaunchOutcome::Unknown("cut again".to_owned()));
    assert_eq!(scene.world.count("launch_unknown"), 1);
    scene.launch(make::acked(false));
    assert_eq!((scene.id(), scene.world.state(1)), (id, AttemptState::Launched));
}

#[test]
fn refusals_that_say_nothing_of_an_earlier_launch_leave_it_unknown() {
    use FailureKind::{Auth, HostKey, NoHost, Refused, WrongMachine};
    for kind in [Auth, HostKey, NoHost, Refused, WrongMachine] {
        let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
        scene.launch(refused(kind));
        assert_eq!(scene.world.state(1), AttemptState::LaunchUnknown, "{kind}");
    }
}

#[test]
fn an_unknown_launch_whose_command_could_not_start_is_over() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    scene.launch(refused(FailureKind::Spawn));
    assert_eq!(scene.error(1), "spawn");
}

#[test]
fn an_unknown_launch_that_stays_refused_is_ended_on_the_host_before_a_retry() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    while scene.world.state(1) == AttemptState::LaunchUnknown {
        scene.launch(refused(FailureKind::Refused));
    }
    assert_eq!(scene.world.state(1), AttemptState::Stopping);
    assert_eq!(scene.world.count("attempt_scheduled"), 1);
    scene.stop(Ok(Stopped::Alive));
    scene.gone();
    scene.fire(&Timer::Retry(1));
    assert_eq!(scene.world.newest(1).number, 2);
}

#[test]
fn f040_a_callback_before_the_ack_is_accepted_and_the_ack_still_says_what_runs() {
    let mut scene = Scene::job_in(AttemptState::Launching);
    let id = scene.id();
    scene.world.now += support::LEASE_MS;
    let claim = scene.world.claim(&Work::Launch(id.clone())).expect("the launch is under way");
    scene.post("started", "s", Said::Started);
    assert_eq!(scene.world.state(1), AttemptState::Running);
    let acked = InputBody::LaunchEnded { attempt: id.clone(), outcome: make::acked(true) };
    scene.world.deliver(&of(&id), acked, Some(&claim)).expect("the launch is answered");
    assert_eq!(scene.world.state(1), AttemptState::Running);
    assert_eq!(scene.world.count("attempt_launched"), 1);
}

#[test]
fn f078_a_result_before_the_ack_ends_the_attempt_and_the_ack_changes_nothing() {
    let mut scene = Scene::job_in(AttemptState::LaunchUnknown);
    let id = scene.id();
    scene.result(0);
    assert_eq!(scene.world.state(1), AttemptState::Succeeded);
    let length = scene.world.journal.len();
    let acked = InputBody::LaunchEnded { attempt: id.clone(), outcome: make::acked(true) };
    assert_eq!(scene.world.deliver(&of(&id), acked, None), Ok(Reply::Nothing));
    assert_eq!(scene.world.journal.len(), length);
    assert!(!scene.world.is_due(&Work::Launch(id)));
}

#[test]
fn nothing_is_launched_that_is_being_ended() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    let id = scene.id();
    for outcome in [make::acked(true), unreachable(), refused(FailureKind::Refused), LaunchOutcome::Unknown("cut".to_owned())] {
        let body = InputBody::LaunchEnded { attempt: id.clone(), outcome };
        assert_eq!(scene.world.deliver(&of(&id), body, None), Ok(Reply::Nothing));
    }
    let starting = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(0), slots: None };
    assert_eq!(scene.world.deliver(&of(&id), starting, None), Ok(Reply::Nothing));
    assert_eq!(scene.world.state(1), AttemptState::Stopping);
}
