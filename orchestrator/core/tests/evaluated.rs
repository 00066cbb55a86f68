//! What an evaluation brings beside calls: answers of another run, log lines, dead letters, a journal that does not match.

mod support;

use serde_json::json;
use sortie_core::call::CallSpec;
use sortie_core::effect::Work;
use sortie_core::evaluation::{Command, End, Evaluation, LogLine};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{Entropy, RunId};
use sortie_core::input::{InputBody, Operator};
use sortie_core::limits;
use sortie_core::plan::{Fork, NoticeKind, NotifyRule, RunPlan};
use sortie_core::state::RunState;
use support::flow::Line;
use support::make;
use support::scene::{DEADLINE_MS, Scene, TIMEOUT_MS};

/// A run that is woken, and whose evaluation comes to this.
fn evaluated(scene: &mut Scene, commands: Vec<Command>, end: End, log: Vec<LogLine>) {
    let claim = scene.claim(&Work::Advance);
    let (advance_fence, seen) = scene.world.load_advance().expect("woken");
    let body = InputBody::Evaluated { advance_fence, seen, evaluation: Evaluation { commands, end }, log };
    scene.world.deliver(&scene.run_scope(), body, Some(&claim)).expect("decided");
}

fn fresh(plan: RunPlan) -> Scene {
    let mut scene = Scene::planned(Vec::new(), Vec::new(), RunPlan { limit: None, after_older: true, ..plan });
    let claim = scene.claim(&Work::Start);
    let scope = sortie_core::input::Scope::Admission(scene.world.run().id.clone());
    scene.world.deliver(&scope, InputBody::Start, Some(&claim)).expect("started");
    scene
}

fn reuse(call: u32, spec: CallSpec) -> Command {
    Command::Reuse { call, step: format!("s{call}"), spec, value: json!({ "ok": true }) }
}

#[test]
fn a_fork_takes_answers_over_and_begins_the_rest() {
    let from = RunId::new(1, &Entropy([9; 32]), 0);
    let mut scene = fresh(RunPlan { forked_from: Some(Fork { run: from, calls: 2 }), ..RunPlan::default() });
    let commands = vec![
        reuse(1, make::job(1, &[], TIMEOUT_MS)),
        reuse(2, CallSpec::Now {}),
        Command::Schedule { call: 3, step: "s3".to_owned(), spec: make::wait(TIMEOUT_MS) },
    ];
    evaluated(&mut scene, commands, End::Suspended { waiting_on: vec![3] }, Vec::new());
    assert_eq!((scene.run_state(), scene.world.run().calls, scene.world.run().open_steps), (RunState::Running, 3, 1));
    assert_eq!((scene.world.count("step_reused"), scene.world.count("attempt_scheduled")), (2, 0), "nothing is done again");
}

#[test]
fn a_run_that_is_no_fork_takes_nothing_over() {
    let mut scene = fresh(RunPlan::default());
    evaluated(&mut scene, vec![reuse(1, CallSpec::Now {})], End::Suspended { waiting_on: vec![] }, Vec::new());
    assert_eq!((scene.run_state(), scene.world.count("step_reused")), (RunState::Parked, 0));
}

#[test]
fn log_lines_are_kept_up_to_their_limit_and_counted() {
    let line = |text: String| LogLine { after_call: 0, text };
    let mut scene = fresh(RunPlan::default());
    let many = (0..limits::LOG_LINES - 1).map(|n| line(n.to_string())).collect();
    let wait = Command::Schedule { call: 1, step: "s1".to_owned(), spec: make::wait(TIMEOUT_MS) };
    evaluated(&mut scene, vec![wait], End::Suspended { waiting_on: vec![1] }, many);
    assert_eq!(scene.world.run().logged, limits::LOG_LINES - 1);
    scene.answer(1, "a", Ok(json!(1)));
    let two = vec![line("last".to_owned()), line("one too many".to_owned())];
    evaluated(&mut scene, Vec::new(), End::Returned { value: json!(1) }, two);
    assert_eq!((scene.world.run().logged, scene.world.count("flow_logged")), (limits::LOG_LINES, 2));
    assert_eq!(scene.run_state(), RunState::Succeeded);
}

#[test]
fn a_journal_that_does_not_match_parks_the_run_and_never_fails_it() {
    let rules = vec![NotifyRule { on: vec![NoticeKind::Parked], to: "ops".to_owned() }];
    let mut scene = fresh(RunPlan { notify: rules, ..RunPlan::default() });
    let failure = Failure::new(FailureKind::Nondeterminism, "call 1 is not the recorded one");
    evaluated(&mut scene, Vec::new(), End::Failed { failure: failure.clone(), gave_up: false }, Vec::new());
    assert_eq!((scene.run_state(), scene.world.run().failure.clone()), (RunState::Parked, Some(failure)));
    let seq = scene.world.run().seq;
    assert!(scene.world.is_due(&Work::Notify { what: NoticeKind::Parked, seq }));
    scene.world.deliver(&scene.run_scope(), InputBody::Resume(Operator::named("ann")), None).expect("resumed");
    assert!(scene.world.is_due(&Work::Advance), "a repaired engine evaluates it again");
}

#[test]
fn a_dead_letter_is_told_of_as_what_was_asked_for() {
    for (on, told) in [(NoticeKind::Dead, NoticeKind::Dead), (NoticeKind::Failed, NoticeKind::Failed)] {
        let notify = vec![NotifyRule { on: vec![on], to: "ops".to_owned() }];
        let lines = vec![Line::Start(make::job(1, &[], TIMEOUT_MS)), Line::Check(0)];
        let mut scene = Scene::planned(lines, Vec::new(), RunPlan { deadline_ms: DEADLINE_MS, notify, ..RunPlan::default() });
        scene.launch(make::acked(true));
        scene.result(1);
        scene.advance();
        assert_eq!(scene.run_state(), RunState::Dead);
        let seq = scene.world.run().seq;
        assert_eq!(scene.world.due.keys().cloned().collect::<Vec<_>>(), [Work::Notify { what: told, seq }.key()]);
    }
}
