//! Runs that wait for jobs.

use super::world::{MIN, NOW, World, says};
use crate::explain::text;
use serde_json::json;
use sortie_core::effect::{Timer, Work};
use sortie_core::state::{AttemptState, RunState, StopReason};
use sortie_core::view::StepKind;

#[test]
fn a_job_that_runs_names_host_last_heartbeat_and_report() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Running);
    world.beat(&attempt, 12_000, json!({ "message": "half done" }));
    world.put(Work::Timer(Timer::Heartbeat(attempt.clone())), NOW + 78_000);
    let explained = world.explained();
    assert!(
        explained.headline.contains("`build`") && explained.headline.contains("it runs on vm; last heard of 12 s ago"),
        "{}",
        explained.headline
    );
    let known = explained.steps[0].attempt.clone().unwrap();
    assert_eq!((known.handed, known.silent_ms, known.report), ("yes", Some(12_000), Some(json!({ "message": "half done" }))));
    assert_eq!(explained.waker.as_ref().unwrap().kind, "heartbeat_limit");
    assert!(explained.defects.is_empty(), "{:?}", explained.defects);
    assert!(says(&explained, &format!("runs logs {} --attempt {attempt}", world.head.id)));
    assert!(text(&explained).contains("vm holds URL and token"), "{}", text(&explained));
}

#[test]
fn a_launch_that_was_not_sent_has_handed_nothing_out() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Scheduled);
    world.put(Work::Launch(attempt), NOW + 500);
    let explained = world.explained();
    let known = explained.steps[0].attempt.clone().unwrap();
    assert_eq!(known.handed, "no");
    assert!(known.handed_text.contains("no host is chosen"));
    assert_eq!(explained.waker.unwrap().kind, "launch");
}

#[test]
fn a_launch_without_an_answer_may_have_handed_it_out() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::LaunchUnknown);
    world.put(Work::Probe(attempt), NOW + 1_000);
    let explained = world.explained();
    assert_eq!(explained.steps[0].attempt.as_ref().unwrap().handed, "maybe");
    assert!(explained.headline.contains("the answer to its launch on vm was lost"), "{}", explained.headline);
    assert!(says(&explained, "host test vm"));
}

#[test]
fn a_host_that_is_away_is_named_with_the_limit() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Scheduled);
    world.attempts[0].handed = Some(super::world::handed());
    world.put(Work::Launch(attempt), NOW + 1_000);
    let explained = world.explained();
    assert!(explained.headline.contains("vm could not be reached") && explained.headline.contains("2 min"), "{}", explained.headline);
    assert!(explained.steps[0].attempt.as_ref().unwrap().handed_text.contains("not one byte"));
    assert!(says(&explained, "host test vm"));
}

#[test]
fn a_suspect_job_says_how_long_it_is_silent() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Suspect);
    world.beat(&attempt, 3 * MIN, json!({}));
    world.put(Work::Probe(attempt), NOW + 1_000);
    let explained = world.explained();
    assert!(explained.headline.contains("last heard of 3 min ago"), "{}", explained.headline);
    assert_eq!(explained.waker.unwrap().kind, "probe");
    assert_eq!(explained.steps[0].attempt.as_ref().unwrap().report, None, "an empty report is none");
}

#[test]
fn progress_is_reported_whatever_was_heard_since() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Running);
    world.progress.insert(attempt.clone(), json!({ "step": 3 }));
    world.beat(&attempt, 1_000, json!({ "silent_ms": 5 }));
    let known = world.explained().steps[0].attempt.clone().unwrap();
    assert_eq!((known.silent_ms, known.report), (Some(1_000), Some(json!({ "step": 3 }))));
}

#[test]
fn a_job_that_is_being_stopped_says_why() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Stopping);
    world.attempts[0].stopping = Some(StopReason::TimedOut);
    world.put(Work::Stop(attempt), NOW);
    let explained = world.explained();
    assert!(explained.headline.contains("being ended on vm (timed_out)"), "{}", explained.headline);
}

#[test]
fn a_backoff_says_when_the_next_attempt_is_due_and_how_many_are_left() {
    let mut world = World::new(RunState::Running);
    world.job(AttemptState::Failed);
    if let StepKind::Job(job) = &mut world.steps[0].kind {
        job.retry_at = Some(NOW + 20_000);
    }
    world.put(Work::Timer(Timer::Retry(1)), NOW + 20_000);
    let explained = world.explained();
    assert!(explained.headline.contains("the next one is due in 20 s, 2 attempts left"), "{}", explained.headline);
    assert_eq!(explained.waker.unwrap().kind, "retry");
}

#[test]
fn a_skewed_clock_of_a_host_is_shown() {
    let mut world = World::new(RunState::Running);
    let attempt = world.job(AttemptState::Running);
    world.beat(&attempt, 1_000, json!({}));
    world.beats.get_mut(&attempt).unwrap().skew_ms = 90_000;
    assert!(text(&world.explained()).contains("90000 ms behind"));
}

#[test]
fn i4_a_waiting_run_without_a_waker_is_shown_as_a_defect() {
    let mut world = World::new(RunState::Running);
    world.job(AttemptState::Running);
    world.due.clear();
    let explained = world.explained();
    assert!(explained.waker.is_none());
    assert!(explained.defects.iter().any(|text| text.contains("nothing will ever wake this run")), "{:?}", explained.defects);
    assert!(text(&explained).contains("DEFECT"));
    let mut paused = World::new(RunState::Paused);
    paused.due.clear();
    assert!(paused.explained().defects.is_empty(), "an operator is a waker");
    let over = World::new(RunState::Succeeded);
    assert!(over.explained().defects.is_empty());
}

#[test]
fn an_open_step_without_a_deadline_is_a_defect() {
    let mut world = World::new(RunState::Running);
    world.job(AttemptState::Running);
    world.due.retain(|claim| claim.work == Work::Timer(Timer::RunDeadline));
    let explained = world.explained();
    assert!(explained.defects.iter().any(|text| text.contains("`build`")), "{:?}", explained.defects);
}

#[test]
fn a_run_about_to_be_evaluated_needs_its_evaluation() {
    let mut world = World::new(RunState::Running);
    world.head.wake_seq = 6;
    assert!(world.explained().headline.contains("about to be evaluated"));
    assert_eq!(world.explained().defects.len(), 1);
    world.put(Work::Advance, NOW);
    assert!(world.explained().defects.is_empty());
}
