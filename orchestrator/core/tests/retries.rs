//! Attempts of jobs beyond the first: budgets, held runs, earlier lives, slots, early ends, and a job that stays unheard.

mod support;

use serde_json::json;
use sortie_core::call::{CallSpec, JobSpec};
use sortie_core::decide::Reply;
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::FailureKind;
use sortie_core::input::{InputBody, Operator, ResultSaid, Said, Scope, Stopped, Verdict};
use sortie_core::limits;
use sortie_core::state::{AttemptState, RunState, StopReason};
use sortie_core::view::{Spent, StepKind};
use support::flow::Line;
use support::scene::{Scene, TIMEOUT_MS};
use support::{make, of};

fn job(change: impl FnOnce(&mut JobSpec)) -> Scene {
    let on = [FailureKind::Exit, FailureKind::Stalled, FailureKind::Budget];
    let CallSpec::Job(mut spec) = make::job(3, &on, TIMEOUT_MS) else { unreachable!() };
    change(&mut spec);
    Scene::of(vec![Line::Start(CallSpec::Job(spec)), Line::All(vec![0])])
}

#[test]
fn a_total_budget_ends_the_attempts() {
    for (total_ms, again) in [(Some(0), false), (Some(100_000), true), (None, true)] {
        let mut scene = job(|spec| spec.retry.total_ms = total_ms);
        scene.launch(make::acked(true));
        scene.world.now += 5_000;
        scene.result(1);
        assert_eq!(scene.world.is_due(&Work::Timer(Timer::Retry(1))), again, "{total_ms:?}");
        assert_eq!(scene.world.step(1).is_open(), again);
    }
}

#[test]
fn a_held_run_begins_no_attempt_and_goes_on_where_it_was() {
    let mut scene = job(|_| {});
    scene.pause();
    let id = scene.id();
    assert_eq!(scene.starting(), Reply::Nothing);
    assert_eq!(scene.world.state(1), AttemptState::Scheduled);
    scene.world.due.remove(&Work::Launch(id.clone()).key());
    scene.resume();
    assert!(scene.world.is_due(&Work::Launch(id)));
    scene.launch(make::acked(true));
    scene.pause();
    scene.result(1);
    scene.fire(&Timer::Retry(1));
    assert_eq!(scene.world.count("attempt_scheduled"), 1);
    scene.resume();
    scene.fire(&Timer::Retry(1));
    assert_eq!(scene.world.count("attempt_scheduled"), 2);
}

#[test]
fn a_launch_waits_for_a_slot_and_leaves_nothing_behind() {
    let mut scene = job(|_| {});
    let id = scene.id();
    let starting = |slots| InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(0), slots };
    let length = scene.world.journal.len();
    scene.world.host_open = Some(2);
    for full in [1, 2] {
        assert_eq!(scene.world.deliver(&of(&id), starting(Some(full)), None), Ok(Reply::NoSlot));
    }
    assert_eq!((scene.world.journal.len(), scene.world.state(1)), (length, AttemptState::Scheduled));
    for free in [Some(3), None] {
        let mut scene = job(|_| {});
        scene.world.host_open = Some(2);
        let id = scene.id();
        let body = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(0), slots: free };
        assert!(matches!(scene.world.deliver(&of(&id), body, None), Ok(Reply::Launch(_))));
        let again = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(0), slots: Some(1) };
        assert!(matches!(scene.world.deliver(&of(&id), again, None), Ok(Reply::Launch(_))), "it has its slot: asking again takes none");
    }
}

/// A run that failed with its first call's job ended on its host, and is let go on from there.
fn reset() -> (Scene, sortie_core::ids::AttemptId) {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    let old = scene.id();
    let operator = Operator::named("ada");
    let scope = Scope::Whole(scene.world.run().id.clone());
    let reply = scene.world.deliver(&scope, InputBody::Reset { from: Some(1), operator }, None);
    assert_eq!(reply, Ok(Reply::Done));
    scene.advance();
    (scene, old)
}

#[test]
fn a_step_that_was_begun_anew_waits_for_the_end_of_the_attempt_before() {
    let (mut scene, old) = reset();
    let new = scene.id();
    assert_ne!(new, old);
    assert!(!scene.world.is_due(&Work::Launch(new.clone())), "promise 2: the one before may still run");
    let claim = scene.claim(&Work::Stop(old.clone()));
    let gone = InputBody::StopEnded { attempt: old.clone(), outcome: Ok(Stopped::Gone { evidence: "finished".to_owned() }) };
    scene.world.deliver(&of(&old), gone, Some(&claim)).expect("decided");
    assert!(scene.world.is_due(&Work::Launch(new)));
    scene.launch(make::acked(true));
    assert_eq!(scene.result(0).as_str(), "accepted");
}

#[test]
fn what_an_attempt_of_an_earlier_life_says_is_late_and_answers_nothing() {
    let (mut scene, old) = reset();
    let outcome = make::outcome(&scene.post_of(&old, "result", "r0", make::said_result(0), "callback"));
    assert_eq!(outcome.as_str(), "late");
    assert!(scene.world.step(1).is_open());
    assert_eq!(scene.world.view.attempts[&old].state, AttemptState::Stopped, "its result proves that nothing is left");
    assert!(scene.world.is_due(&Work::Launch(scene.id())), "so the next one may begin");
    let fences: Vec<u64> = [&old, &scene.id()].map(|id| scene.world.view.attempts[id].fence).to_vec();
    assert!(fences[0] < fences[1]);
}

#[test]
fn an_attempt_over_its_budget_is_ended_and_tried_again_where_that_is_wanted() {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    let id = scene.id();
    let stop = |reason| InputBody::StopAttempt { attempt: id.clone(), reason };
    scene.world.deliver(&of(&id), stop(StopReason::Budget), None).expect("decided");
    assert_eq!(scene.world.deliver(&of(&id), stop(StopReason::Silent), None), Ok(Reply::Nothing), "the first reason stands");
    scene.gone();
    assert!(scene.world.is_due(&Work::Timer(Timer::Retry(1))));
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    let id = scene.id();
    let silent = InputBody::StopAttempt { attempt: id.clone(), reason: StopReason::Silent };
    scene.world.deliver(&of(&id), silent, None).expect("decided");
    scene.gone();
    assert_eq!(scene.error(1), "silent");
}

#[test]
fn what_a_lost_attempt_had_used_counts_until_its_result_says_better() {
    let spent = |scene: &Scene| {
        let StepKind::Job(job) = &scene.world.step(1).kind else { panic!("a job") };
        job.spent
    };
    let used = Spent { usd_micros: 700, input_tokens: 50, output_tokens: 5 };
    let mut scene = Scene::job_in(AttemptState::Suspect);
    let first = scene.id();
    scene.probed_having_used(Ok(Verdict::Alive), used);
    assert!(spent(&scene).is_nothing(), "it goes on, and says so itself");
    scene.probed_having_used(Ok(Verdict::Gone), used);
    assert_eq!(spent(&scene), used);
    // Its result comes after all.
    let (digest, last) = ("d".repeat(64), Spent { usd_micros: 900, input_tokens: 60, output_tokens: 6 });
    let said = ResultSaid { result: json!({ "agent": { "usage": last } }), ..make::result(0) };
    let body = InputBody::Adopt { attempt: first.clone(), digest, said, operator: Operator::named("ann") };
    assert_eq!(scene.world.deliver(&Scope::Adopt(first), body, None), Ok(Reply::Done));
    assert_eq!(spent(&scene), last, "the whole of it, and nothing twice");
}

#[test]
fn f109_a_live_job_that_stays_unheard_is_ended_as_stalled() {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    scene.post("started", "s", Said::Started);
    scene.fire(&Timer::Heartbeat(scene.id()));
    // The machine slept: its time counts from when it is found alive.
    scene.world.now += 600_000;
    scene.probed(Ok(Verdict::Alive));
    let found = scene.world.now;
    while scene.world.state(1) == AttemptState::Suspect {
        scene.probed(Ok(Verdict::Alive));
    }
    assert_eq!(scene.world.state(1), AttemptState::Stopping);
    let limit = limits::STALLED_MS.cast_signed();
    assert!((limit..limit + 60_000).contains(&(scene.world.now - found)), "{}", scene.world.now - found);
    assert_eq!(scene.world.count("attempt_alive"), 1, "not an event for each probe");
    scene.gone();
    assert!(scene.world.is_due(&Work::Timer(Timer::Retry(1))), "tried again, as the job asks");
}

#[test]
fn f034_a_job_that_is_heard_of_again_has_its_whole_time_again() {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    scene.post("started", "s", Said::Started);
    for beat in ["one", "two", "three"] {
        scene.fire(&Timer::Heartbeat(scene.id()));
        scene.probed(Ok(Verdict::Alive));
        scene.world.now += limits::STALLED_MS.cast_signed() - 1;
        assert_eq!(scene.world.state(1), AttemptState::Suspect);
        let id = scene.id();
        scene.world.last_seen.insert(id, scene.world.now);
        scene.post(beat, beat, Said::Alive);
        assert_eq!(scene.world.state(1), AttemptState::Running);
    }
}

#[test]
fn f092_a_host_that_is_collected_from_need_not_be_heard_of() {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    scene.fire(&Timer::Started(scene.id()));
    for _ in 0..40 {
        scene.probed(Ok(Verdict::Unheard));
    }
    assert!(scene.world.now > make::START + limits::STALLED_MS.cast_signed());
    assert_eq!((scene.world.state(1), scene.run_state()), (AttemptState::Suspect, RunState::Running));
}

#[test]
fn f036_timers_that_come_together_answer_a_step_once() {
    let mut scene = job(|_| {});
    scene.launch(make::acked(true));
    scene.world.now += TIMEOUT_MS.cast_signed();
    for timer in [Timer::Started(scene.id()), Timer::Step(1), Timer::Step(1), Timer::Started(scene.id())] {
        let scope = scene.world.timer_scope(&timer);
        scene.world.deliver(&scope, InputBody::TimerDue(timer), None).expect("a timer is never refused");
    }
    assert_eq!(scene.world.count("attempt_stopping"), 1);
    scene.gone();
    let answer = Timer::StopAnswer(scene.id());
    let scope = scene.world.timer_scope(&answer);
    assert_eq!(scene.world.deliver(&scope, InputBody::TimerDue(answer), None), Ok(Reply::Nothing));
    assert_eq!((scene.error(1).as_str(), scene.world.count("step_completed")), ("timed_out", 1));
}
