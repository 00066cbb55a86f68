//! Due work: claimed by lease and fence, done at least once, finished by who holds it.

use super::world::{START, World, job, of, wait};
use crate::StoreError;
use serde_json::json;
use sortie_core::effect::{Timer, Work, WorkClass};
use sortie_core::input::{InputBody, Scope};

pub(super) async fn a_claim_hides_work_until_its_lease_ends(world: &World) {
    let run = world.run("build").await;
    let now = world.now();
    assert!(world.claim(WorkClass::Advance, now - 1).await.is_empty(), "nothing is due before its time");
    assert_eq!(world.store.next_due(WorkClass::Advance).await.unwrap(), Some(now));
    let first = world.claim(WorkClass::Advance, now + 5).await;
    assert_eq!((first.len(), &first[0].run, &first[0].work, first[0].due_at), (1, &run, &Work::Advance, now));
    assert!(world.claim(WorkClass::Advance, now + 1_004).await.is_empty(), "leased");
    assert_eq!(world.store.next_due(WorkClass::Advance).await.unwrap(), Some(now + 1_005), "the end of the lease");
    let second = world.claim(WorkClass::Advance, now + 1_005).await;
    assert_eq!((second.len(), second[0].due_at), (1, now), "an expired lease comes back by itself, due when it was asked for");
    assert!(second[0].fence > first[0].fence);
    let late = world.store.finish(first[0].clone()).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    world.store.finish(second[0].clone()).await.unwrap();
    assert_eq!(world.store.next_due(WorkClass::Advance).await.unwrap(), None);
    assert_eq!(world.store.due(&run).await.unwrap().len(), 2, "the deadline of the run and the time from which it is overdue stay");
}

/// F012: a process that died leaves no run waiting for its leases.
pub(super) async fn f012_claims_of_a_dead_process_are_given_back(world: &World) {
    world.run("build").await;
    let now = world.now();
    let old = world.claim(WorkClass::Advance, now).await.remove(0);
    world.store.give_back(WorkClass::Timer, i64::MAX).await.unwrap();
    world.store.give_back(WorkClass::Advance, now + 999).await.unwrap();
    assert!(world.claim(WorkClass::Advance, now + 1).await.is_empty(), "neither another class nor a longer lease is given back");
    world.store.give_back(WorkClass::Advance, now + 1_000).await.unwrap();
    let new = world.claim(WorkClass::Advance, now + 1).await.remove(0);
    assert_eq!((new.due_at, &new.work), (now, &old.work), "due when it was asked for");
    let late = world.store.finish(old).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    world.store.finish(new).await.unwrap();
}

pub(super) async fn a_put_survives_the_claim_before_it(world: &World) {
    let run = world.run("ask").await;
    world.advance(&run, vec![("a", wait()), ("b", wait())]).await;
    let (a, b) = (world.wait_of_call(&run, 1).await, world.wait_of_call(&run, 2).await);
    world.answer(&a, "d", Ok(json!(1))).await.unwrap();
    let claim = world.claim(WorkClass::Advance, world.now()).await.remove(0);
    world.answer(&b, "d", Ok(json!(2))).await.unwrap();
    let finished = world.store.finish(claim.clone()).await;
    assert!(matches!(finished, Err(StoreError::Fenced)), "{finished:?}");
    let postponed = world.store.postpone(claim, START * 2).await;
    assert!(matches!(postponed, Err(StoreError::Fenced)), "{postponed:?}");
    assert_eq!(world.claim(WorkClass::Advance, world.now()).await.len(), 1, "what the second answer asked for is still due");
}

/// The row was finished and put again: the old claim must not fit the new row.
pub(super) async fn work_that_is_finished_and_asked_again_has_another_fence(world: &World) {
    let run = world.run("ask").await;
    world.advance(&run, vec![("a", wait()), ("b", wait())]).await;
    let old = world.claim(WorkClass::Advance, world.now()).await.remove(0);
    world.store.finish(old.clone()).await.unwrap();
    world.answer(&world.wait_of_call(&run, 1).await, "d", Ok(json!(1))).await.unwrap();
    let unclaimed = world.store.finish(old.clone()).await;
    assert!(matches!(unclaimed, Err(StoreError::Fenced)), "{unclaimed:?}");
    let new = world.claim(WorkClass::Advance, world.now()).await.remove(0);
    let late = world.store.finish(old).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    world.store.finish(new).await.unwrap();
}

pub(super) async fn a_delivery_answers_its_claim_or_nothing(world: &World) {
    let run = world.run("build").await;
    world.advance(&run, vec![("a", super::world::sleep())]).await;
    world.pass(1_000_000);
    let later = world.now();
    let timer = |claims: Vec<crate::model::Claim>| claims.into_iter().find(|claim| claim.work == Work::Timer(Timer::Step(1))).unwrap();
    let first = timer(world.claim(WorkClass::Timer, later).await);
    let second = timer(world.claim(WorkClass::Timer, later + 1_000).await);
    let due = || InputBody::TimerDue(Timer::Step(1));
    let scope = || Scope::Step(run.clone(), 1);
    let before = world.journal(&run).await;
    let fenced = world.try_deliver(scope(), due(), Some(first)).await;
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    assert_eq!(world.journal(&run).await, before, "nothing was decided");
    world.try_deliver(scope(), due(), Some(second.clone())).await.unwrap();
    assert!(world.store.due(&run).await.unwrap().iter().all(|work| work.work != second.work), "done and gone");
    let again = world.try_deliver(scope(), due(), Some(second)).await;
    assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
    // A decision that asks for the same key again: the claim goes before the effects come.
    let run = world.run("build").await;
    let claims = world.claim(WorkClass::Advance, world.now()).await;
    let claim = claims.into_iter().find(|claim| claim.run == run).unwrap();
    let load = world.store.load_advance(&run).await.unwrap().unwrap();
    let crashed = InputBody::EvaluationCrashed { advance_fence: load.head.advance_fence, message: "killed".to_owned() };
    world.try_deliver(Scope::Run(run.clone()), crashed, Some(claim)).await.unwrap();
    let due = world.store.due(&run).await.unwrap();
    assert!(due.iter().any(|work| work.work == Work::Advance), "{due:?}");
}

pub(super) async fn postponed_work_comes_back(world: &World) {
    world.run("build").await;
    let now = world.now();
    let claim = world.claim(WorkClass::Advance, now).await.remove(0);
    world.store.postpone(claim.clone(), now + 50).await.unwrap();
    assert!(matches!(world.store.finish(claim).await, Err(StoreError::Fenced)), "it was given back");
    assert!(world.claim(WorkClass::Advance, now + 49).await.is_empty());
    let back = world.claim(WorkClass::Advance, now + 50).await;
    assert_eq!((back.len(), back[0].due_at), (1, now + 50));
}

pub(super) async fn the_end_of_a_run_leaves_only_what_is_owed_to_hosts(world: &World) {
    let (run, attempt) = world.launching("vm").await;
    world.deliver(Scope::Run(run.clone()), InputBody::Cancel(sortie_core::input::Operator::named("a"))).await;
    world.pass(100_000);
    world.deliver(of(&attempt), InputBody::TimerDue(Timer::StopAnswer(attempt.clone()))).await;
    let head = world.store.run(&run).await.unwrap().unwrap().head;
    assert!(head.state.is_over(), "{head:?}");
    let due: Vec<Work> = world.store.due(&run).await.unwrap().into_iter().map(|work| work.work).collect();
    assert_eq!(due, [Work::Stop(attempt)]);
    let other = world.run("build").await;
    world.advance(&other, vec![("a", job("vm"))]).await;
    assert!(world.store.due(&other).await.unwrap().len() > 1, "other runs keep theirs");
}
