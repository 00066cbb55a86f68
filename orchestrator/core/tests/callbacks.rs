//! The table of *Callbacks*, row by row.

mod support;

use serde_json::json;
use sortie_core::decide::CallbackOutcome::{Accepted, Conflict, Duplicate, Invalid, Late};
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{Said, Scope, Verdict};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState, StopReason};
use support::flow::Line;
use support::make;
use support::scene::{Scene, TIMEOUT_MS};

#[test]
fn a_result_is_accepted_from_launching_on_and_resumes_the_run() {
    use AttemptState::{LaunchUnknown, Launched, Launching, Running, Suspect};
    for state in [Launching, LaunchUnknown, Launched, Running, Suspect] {
        let mut scene = Scene::job_in(state);
        assert_eq!(scene.result(0), Accepted, "{}", state.as_str());
        assert_eq!(scene.value(1)["ok"], json!(true));
        assert_eq!(scene.value(1)["host"], json!("vm"));
        assert!(scene.advance());
        assert_eq!(scene.run_state(), RunState::Succeeded);
    }
}

#[test]
fn f037_duplicates_are_told_so_with_the_first_receipt_and_change_nothing() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    let length = scene.world.journal.len();
    for _ in 0..64 {
        let reply = scene.post("result", "r0", make::said_result(0));
        let Reply::Callback { outcome, first, .. } = reply else { panic!("{reply:?}") };
        assert_eq!((outcome, first.expect("the first").outcome.as_str()), (Duplicate, "accepted"));
    }
    assert_eq!(make::outcome(&scene.post("result_again", "r0", make::said_result(0))), Duplicate, "under another id too");
    assert_eq!((scene.world.journal.len(), scene.world.count("step_completed")), (length, 1));
}

#[test]
fn f038_another_body_is_a_conflict_and_the_first_stands() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    assert_eq!(scene.result(1), Conflict, "the same id");
    assert_eq!(make::outcome(&scene.post("other", "r1", make::said_result(1))), Conflict, "another id");
    assert_eq!(scene.value(1)["ok"], json!(true));
    assert_eq!(scene.world.state(1), AttemptState::Succeeded);
}

#[test]
fn kept_callbacks_are_bounded_and_answered_alike() {
    let mut scene = Scene::job_in(AttemptState::Running);
    scene.result(0);
    let remembered = scene.world.callbacks.len();
    for n in 0..100 {
        assert_eq!(make::outcome(&scene.post(&format!("x{n}"), &format!("d{n}"), make::said_result(1))), Conflict);
    }
    let most = usize::try_from(limits::KEPT_CALLBACKS).expect("few");
    assert_eq!(scene.world.count("callback_kept"), most);
    assert_eq!(scene.world.callbacks.len(), remembered + most);
}

#[test]
fn f041_a_result_after_the_step_moved_on_is_late_and_kept() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    scene.gone();
    assert_eq!(scene.error(1), "timed_out");
    assert_eq!(scene.result(0), Late);
    assert_eq!(scene.result(0), Late, "and again");
    assert_eq!((scene.world.count("callback_kept"), scene.error(1)), (1, "timed_out".to_owned()));
}

#[test]
fn a_result_while_stopping_is_late_and_proves_the_stop_only_if_nothing_is_left() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    let mut left = make::result(0);
    left.tree_gone = false;
    assert_eq!(make::outcome(&scene.post("first", "left", Said::Result(left))), Late);
    assert_eq!(scene.world.state(1), AttemptState::Stopping);
    assert_eq!(scene.result(0), Late);
    assert_eq!(scene.world.state(1), AttemptState::Stopped);
    assert_eq!(scene.value(1)["stopped"], json!(true));
}

#[test]
fn an_invalid_result_rejects_the_attempt_and_is_tried_again_only_where_asked() {
    let mut scene = Scene::job(1);
    scene.launch(make::acked(true));
    assert_eq!(make::outcome(&scene.post("result", "bad", Said::Invalid("/x".to_owned()))), Invalid);
    assert_eq!((scene.world.state(1), scene.error(1).as_str()), (AttemptState::Rejected, "rejected"));
    assert_eq!(make::outcome(&scene.post("result", "bad", Said::Invalid("/x".to_owned()))), Invalid, "again");
    assert_eq!(scene.world.count("attempt_failed"), 1);
    let mut scene = Scene::job_in(AttemptState::Launched);
    scene.post("result", "bad", Said::Invalid("/x".to_owned()));
    scene.fire(&Timer::Retry(1));
    assert_eq!(scene.world.newest(1).number, 2);
}

#[test]
fn f042_nothing_after_the_result_changes_the_attempt() {
    let mut scene = Scene::job_in(AttemptState::Launched);
    scene.result(0);
    let length = scene.world.journal.len();
    assert_eq!(make::outcome(&scene.post("started", "s", Said::Started)), Late);
    assert_eq!(make::outcome(&scene.post("beat", "b", Said::Alive)), Late);
    assert_eq!(scene.world.journal.len(), length);
}

#[test]
fn a_job_that_is_being_ended_is_told_so_in_the_answer_to_a_heartbeat() {
    let mut scene = Scene::job_in(AttemptState::Stopping);
    let Reply::Callback { outcome, stop, .. } = scene.post("beat", "b", Said::Alive) else { panic!("an answer") };
    assert_eq!((outcome, stop), (Accepted, Some(StopReason::TimedOut)));
}

#[test]
fn a_result_during_the_backoff_is_taken_and_the_retry_dropped() {
    let mut scene = Scene::job_in(AttemptState::Lost);
    assert!(scene.world.is_due(&Work::Timer(Timer::Retry(1))));
    assert_eq!(scene.result(0), Accepted);
    assert!(!scene.world.is_due(&Work::Timer(Timer::Retry(1))));
    assert_eq!((scene.value(1)["ok"].clone(), scene.world.count("attempt_scheduled")), (json!(true), 1));
}

#[test]
fn a_result_before_the_next_launch_drops_the_newer_attempt_and_names_the_host_it_ran_on() {
    let mut scene = Scene::job_in(AttemptState::Lost);
    let first = scene.id();
    scene.fire(&Timer::Retry(1));
    let second = scene.id();
    assert_ne!(first, second);
    let reply = scene.post_of(&first, "result", "r0", make::said_result(0), "callback");
    assert_eq!(make::outcome(&reply), Accepted);
    assert_eq!(scene.world.newest(1).state, AttemptState::Stopped);
    assert!(!scene.world.is_due(&Work::Launch(second)));
    assert_eq!(scene.value(1)["host"], json!("vm"));
}

#[test]
fn a_result_after_the_next_launch_began_is_late() {
    let mut scene = Scene::job_in(AttemptState::Lost);
    let first = scene.id();
    scene.fire(&Timer::Retry(1));
    scene.starting();
    let reply = scene.post_of(&first, "result", "r0", make::said_result(0), "callback");
    assert_eq!(make::outcome(&reply), Late);
    assert_eq!(scene.world.state(1), AttemptState::Launching);
}

#[test]
fn a_late_result_that_calls_itself_lost_is_a_failure_and_not_a_contradiction() {
    for kind in [FailureKind::Lost, FailureKind::Interrupted] {
        let mut scene = Scene::job_in(AttemptState::Lost);
        let mut said = make::result(1);
        said.failure = Some(make::failure(kind));
        assert_eq!(make::outcome(&scene.post("result", "r", Said::Result(said))), Accepted);
        assert_eq!(scene.world.state(1), AttemptState::Failed);
    }
}

#[test]
fn a_failed_job_with_leftovers_is_not_tried_again_beside_them() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let mut said = make::result(1);
    said.tree_gone = false;
    scene.post("result", "r", Said::Result(said));
    assert_eq!((scene.error(1).as_str(), scene.value(1)["stopped"].clone()), ("exit", json!(false)));
    assert_eq!(scene.world.count("retry_scheduled"), 0);
}

#[test]
fn whatever_was_collected_is_acknowledged_on_the_host_even_if_it_was_known() {
    let mut scene = Scene::job_in(AttemptState::Running);
    let id = scene.id();
    scene.post_of(&id, "result", "r0", make::said_result(0), "callback");
    assert!(!scene.world.is_due(&Work::Ack(id.clone())), "the answer was the acknowledgement");
    let reply = scene.post_of(&id, "result", "r0", make::said_result(0), "collect");
    assert_eq!(make::outcome(&reply), Duplicate);
    scene.advance();
    assert!(scene.world.is_due(&Work::Ack(id)), "it outlives the run");
}

#[test]
fn a_suspect_job_that_is_heard_of_is_listened_to_again() {
    let mut scene = Scene::job_in(AttemptState::Suspect);
    scene.post("beat", "b", Said::Alive);
    assert_eq!(scene.world.state(1), AttemptState::Running);
    assert!(!scene.world.is_due(&Work::Probe(scene.id())));
}

fn waiting() -> Scene {
    Scene::of(vec![Line::Start(make::wait(TIMEOUT_MS)), Line::All(vec![0])])
}

#[test]
fn a_wait_is_answered_once() {
    let mut scene = waiting();
    assert_eq!(scene.answer(1, "bad", Err("/: no".to_owned())), Invalid);
    assert_eq!(scene.answer(1, "bad", Err("/: no".to_owned())), Invalid);
    assert_eq!(scene.world.count("callback_kept"), 1, "an open wait stays open, and the repeat leaves nothing");
    assert_eq!(scene.answer(1, "good", Ok(json!(1))), Accepted);
    assert_eq!(scene.answer(1, "good", Ok(json!(1))), Duplicate);
    assert_eq!(scene.answer(1, "other", Ok(json!(2))), Conflict);
    assert_eq!(scene.value(1)["value"], json!(1));
}

#[test]
fn an_answer_to_a_wait_that_was_closed_is_late() {
    let mut scene = waiting();
    scene.fire(&Timer::Step(1));
    assert_eq!(scene.value(1)["timed_out"], json!(true));
    assert_eq!(scene.answer(1, "good", Ok(json!(1))), Late);
}

#[test]
fn an_unknown_attempt_or_wait_is_not_found() {
    let mut scene = waiting();
    let wait = sortie_core::ids::WaitId::new(1, &sortie_core::ids::Entropy([9; 32]), 9);
    let body = sortie_core::input::InputBody::WaitCallback { wait: wait.clone(), digest: "d".to_owned(), answer: Ok(json!(1)) };
    let not = scene.must_not(&Scope::Wait { wait, callback: "d".to_owned() }, body);
    assert_eq!(not, support::Not::Refused(sortie_core::decide::Refusal::NotFound));
}

#[test]
fn every_verdict_of_a_probe() {
    for (verdict, kind) in
        [(Verdict::Gone, "lost"), (Verdict::Unknown, "lost"), (Verdict::Sealed, "lost"), (Verdict::Interrupted, "interrupted")]
    {
        let mut scene = Scene::job_in(AttemptState::Suspect);
        scene.probed(Ok(verdict));
        assert!(scene.world.state(1).is_over());
        assert_eq!(scene.world.state(1).as_str(), kind);
        assert!(scene.world.is_due(&Work::Timer(Timer::Retry(1))));
    }
    for verdict in [Ok(Verdict::Unheard), Ok(Verdict::HasResult), Err(make::failure(FailureKind::Unreachable))] {
        let mut scene = Scene::job_in(AttemptState::Suspect);
        let length = scene.world.journal.len();
        for _ in 0..20 {
            scene.probed(verdict.clone());
        }
        assert_eq!((scene.world.state(1), scene.world.journal.len()), (AttemptState::Suspect, length), "no verdict, and no events");
    }
}
