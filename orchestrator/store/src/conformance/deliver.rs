//! `deliver`: one decision in one transaction.

use super::world::{World, handed, job, of, sleep, wait};
use crate::StoreError;
use serde_json::json;
use sortie_core::apply::fold;
use sortie_core::decide::{CallbackOutcome, Refusal, Reply};
use sortie_core::effect::{Timer, WorkClass};
use sortie_core::event::EventBody;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{AttemptId, Entropy, RunId, WaitId};
use sortie_core::input::{InputBody, LaunchOutcome, Scope};
use sortie_core::limits::KEPT_CALLBACKS;
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::Spent;

fn outcome(reply: &Reply) -> Option<CallbackOutcome> {
    if let Reply::Callback { outcome, .. } = reply { Some(*outcome) } else { None }
}

pub(super) async fn a_run_is_made_once(world: &World) {
    let wish = world.wish("build");
    let made = world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish.clone())).await;
    assert_eq!((made.run.clone(), made.seq), (wish.run.clone(), 2));
    assert_eq!(
        made.due.iter().map(|(class, _)| *class).collect::<Vec<_>>(),
        [WorkClass::Advance, WorkClass::Timer],
        "the advance, and the deadline"
    );
    let again = world.try_deliver(Scope::New(wish.run.clone()), InputBody::Create(wish.clone()), None).await;
    assert!(matches!(again, Err(StoreError::Refused(Refusal::Exists))), "{again:?}");
    let head = world.store.run(&wish.run).await.unwrap().unwrap().head;
    assert_eq!((head.state, head.seq, head.flow.as_str()), (RunState::Running, 2, "build"));
    let EventBody::RunCreated { input, .. } = &world.journal(&wish.run).await[0].body else { panic!("not created first") };
    assert_eq!(*input, wish.input);
}

pub(super) async fn an_answered_wait_resumes_its_run_once(world: &World) {
    let (run, wait) = world.waiting("ask").await;
    assert_eq!(world.store.run(&run).await.unwrap().unwrap().head.shown_state(), "waiting");
    let first = world.answer(&wait, "d1", Ok(json!({"yes": true}))).await.unwrap();
    assert_eq!(outcome(&first.reply), Some(CallbackOutcome::Accepted));
    assert_eq!(first.due.iter().map(|(class, _)| *class).collect::<Vec<_>>(), [WorkClass::Advance]);
    let before = world.journal(&run).await;
    let again = world.answer(&wait, "d1", Ok(json!({"yes": true}))).await.unwrap();
    let Reply::Callback { outcome: CallbackOutcome::Duplicate, first: Some(prior), .. } = &again.reply else {
        panic!("{:?} is no duplicate", again.reply)
    };
    assert_eq!((prior.digest.as_str(), prior.outcome.as_str()), ("d1", "accepted"));
    assert_eq!(world.journal(&run).await, before, "a duplicate adds nothing");
    let other = world.answer(&wait, "d2", Ok(json!({"yes": false}))).await.unwrap();
    assert_eq!(outcome(&other.reply), Some(CallbackOutcome::Conflict));
    let completed = |event: &&sortie_core::event::Event| matches!(event.body, EventBody::StepCompleted { .. });
    assert_eq!(world.journal(&run).await.iter().filter(completed).count(), 1);
}

pub(super) async fn a_refused_input_leaves_no_trace(world: &World) {
    let (run, _) = world.waiting("ask").await;
    let (head, due, journal) = (world.store.run(&run).await.unwrap(), world.store.due(&run).await.unwrap(), world.journal(&run).await);
    let refused = world.evaluated(&run, 999, 2, Vec::new(), sortie_core::evaluation::End::Suspended { waiting_on: vec![1] }).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::Fenced))), "{refused:?}");
    assert_eq!(world.store.run(&run).await.unwrap(), head);
    assert_eq!(world.store.due(&run).await.unwrap(), due);
    assert_eq!(world.journal(&run).await, journal);
}

pub(super) async fn callbacks_are_remembered_and_their_bodies_bounded(world: &World) {
    let (run, wait) = world.waiting("ask").await;
    for n in 0..KEPT_CALLBACKS + 3 {
        let reply = world.answer(&wait, &format!("bad{n}"), Err("not an object".to_owned())).await.unwrap().reply;
        assert_eq!(outcome(&reply), Some(CallbackOutcome::Invalid));
    }
    world.answer(&wait, "good", Ok(json!({}))).await.unwrap();
    let rows = world.store.callbacks(&run).await.unwrap();
    assert_eq!(rows.len(), KEPT_CALLBACKS as usize + 1, "those that answer nothing are bounded");
    assert_eq!(rows.iter().filter(|row| row.body.is_some()).count(), KEPT_CALLBACKS as usize);
    assert_eq!(rows[0].id, "bad0");
    assert_eq!(rows[0].body.as_deref(), Some(&b"the exact bytes"[..]));
    let last = rows.last().unwrap();
    assert_eq!((last.id.as_str(), last.outcome.as_str(), &last.body), ("good", "accepted", &None), "an accepted one is in the journal");
}

pub(super) async fn a_job_goes_its_way(world: &World) {
    let (run, attempt) = world.launching("vm").await;
    let (of_run, step, row) = world.store.attempt(&attempt).await.unwrap().unwrap();
    assert_eq!((of_run, step.name.as_str(), row.state), (run.clone(), "job", AttemptState::Launching));
    assert_eq!(row.handed, Some(handed("vm")));
    let again =
        world.deliver(of(&attempt), InputBody::LaunchStarting { attempt: attempt.clone(), handed: handed("other"), slots: None }).await;
    let Reply::Launch(launch) = again.reply else { panic!("{:?} is no launch", again.reply) };
    assert_eq!(launch.handed, Some(handed("vm")), "a repeat gets what was handed first");
    let acked = LaunchOutcome::Acked { created: true, pid: Some(7), boot_id: Some("b".into()), containment: Some("cgroup".into()) };
    world.deliver(of(&attempt), InputBody::LaunchEnded { attempt: attempt.clone(), outcome: acked }).await;
    assert_eq!(outcome(&world.result(&attempt, "m1", "r1").await.reply), Some(CallbackOutcome::Accepted));
    assert_eq!(outcome(&world.result(&attempt, "m1", "r1").await.reply), Some(CallbackOutcome::Duplicate));
    assert_eq!(outcome(&world.result(&attempt, "m2", "r2").await.reply), Some(CallbackOutcome::Conflict));
    let row = world.store.attempt(&attempt).await.unwrap().unwrap().2;
    assert_eq!((row.state, row.result_digest.as_deref()), (AttemptState::Succeeded, Some("r1")));
    assert!(world.store.open_attempts().await.unwrap().is_empty());
    world.end(&run, json!("done")).await;
    assert_eq!(world.store.run(&run).await.unwrap().unwrap().head.state, RunState::Succeeded);
}

pub(super) async fn unknown_ids_are_not_found(world: &World) {
    let entropy = Entropy([9; 32]);
    let (run, attempt, wait) = (RunId::new(1, &entropy, 0), AttemptId::new(1, &entropy, 0), WaitId::new(1, &entropy, 0));
    let cancel = || InputBody::Cancel(sortie_core::input::Operator::named("a"));
    let scopes = [
        Scope::Run(run.clone()),
        Scope::Step(run.clone(), 1),
        of(&attempt),
        Scope::Wait { wait: wait.clone(), callback: "d".to_owned() },
        Scope::New(run.clone()),
    ];
    for scope in scopes {
        let refused = world.try_deliver(scope.clone(), cancel(), None).await;
        assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{scope:?}: {refused:?}");
    }
    assert_eq!(world.store.run(&run).await.unwrap(), None);
    assert_eq!(world.store.attempt(&attempt).await.unwrap(), None);
    assert_eq!(world.store.wait(&wait).await.unwrap(), None);
    assert!(world.store.history(&run, 0, 10).await.unwrap().is_empty());
    assert!(matches!(world.store.load_advance(&run).await, Err(StoreError::NotFound(_))));
    let known = world.run("build").await;
    let refused = world.try_deliver(Scope::Step(known, 7), InputBody::TimerDue(Timer::Step(7)), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "{refused:?}");
}

/// I17: the stored rows are exactly what the journal folds to, over jobs that are lost, tried again, refused and answered, an
/// answered wait, a sleep and a cancel.
pub(super) async fn rows_are_the_fold_of_the_journal(world: &World) {
    let run = world.run("mixed").await;
    world.advance(&run, vec![("a", job("vm")), ("b", wait()), ("c", sleep()), ("d", job("vm"))]).await;
    is_fold(world, &run).await;
    let attempts: Vec<AttemptId> = world.store.attempts(&run).await.unwrap().into_iter().map(|row| row.id).collect();
    for attempt in &attempts {
        world.deliver(of(attempt), InputBody::LaunchStarting { attempt: attempt.clone(), handed: handed("vm"), slots: None }).await;
    }
    let acked = LaunchOutcome::Acked { created: true, pid: None, boot_id: None, containment: None };
    world.deliver(of(&attempts[0]), InputBody::LaunchEnded { attempt: attempts[0].clone(), outcome: acked }).await;
    world.pass(200_000);
    world.deliver(of(&attempts[0]), InputBody::TimerDue(Timer::Started(attempts[0].clone()))).await;
    is_fold(world, &run).await;
    let lost = InputBody::Probed { attempt: attempts[0].clone(), verdict: Ok(sortie_core::input::Verdict::Gone), used: Spent::default() };
    world.deliver(of(&attempts[0]), lost).await;
    is_fold(world, &run).await;
    world.pass(100_000);
    world.deliver(Scope::Step(run.clone(), 1), InputBody::TimerDue(Timer::Retry(1))).await;
    world.deliver(Scope::Step(run.clone(), 3), InputBody::TimerDue(Timer::Step(3))).await;
    world.answer(&world.wait_of_call(&run, 2).await, "d", Ok(json!({}))).await.unwrap();
    world.result(&attempts[1], "m", "r").await;
    is_fold(world, &run).await;
    let all = world.store.attempts(&run).await.unwrap();
    assert_eq!(all.len(), 3, "the first was tried again");
    assert!(!world.step(&run, 3).await.is_open(), "it has slept");
    let newest = all[2].id.clone();
    let refused = LaunchOutcome::Refused(Failure::new(FailureKind::Refused, "no room"));
    world.deliver(of(&newest), InputBody::LaunchEnded { attempt: newest.clone(), outcome: refused }).await;
    is_fold(world, &run).await;
    world.deliver(Scope::Run(run.clone()), InputBody::Cancel(sortie_core::input::Operator::named("a"))).await;
    is_fold(world, &run).await;
}

async fn is_fold(world: &World, run: &RunId) {
    let journal = world.journal(run).await;
    assert!(journal.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbered without gaps");
    let folded = fold(&journal).unwrap();
    let head = world.store.run(run).await.unwrap().unwrap().head;
    assert_eq!(head.folded(), folded.run.unwrap().folded());
    assert_eq!(world.store.steps(run).await.unwrap(), folded.steps.into_values().collect::<Vec<_>>());
    let mut attempts: Vec<_> = folded.attempts.into_values().collect();
    attempts.sort_by_key(|attempt| attempt.fence);
    assert_eq!(world.store.attempts(run).await.unwrap(), attempts);
}
