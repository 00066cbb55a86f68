//! Lists and numbers that operators ask for.

use super::world::{World, wait};
use crate::model::{Beat, BeatKind, RunFilter};
use serde_json::json;
use sortie_core::evaluation::End;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::plan::{Fork, Parent};

async fn ids(world: &World, filter: RunFilter) -> Vec<RunId> {
    world.store.runs(RunFilter { limit: 10, ..filter }).await.unwrap().into_iter().map(|row| row.head.id).collect()
}

async fn failed(world: &World, flow: &str) -> RunId {
    let run = world.run(flow).await;
    let load = world.store.load_advance(&run).await.unwrap().unwrap();
    let end = End::Failed { failure: Failure::new(FailureKind::Fail, "no"), gave_up: false };
    world.evaluated(&run, load.head.advance_fence, load.head.wake_seq, Vec::new(), end).await.unwrap();
    run
}

pub(super) async fn failures_are_found_and_counted_by_kind_and_time(world: &World) {
    let old = failed(world, "a").await;
    world.pass(10_000_000);
    let since = world.now();
    let (new, other) = (failed(world, "a").await, failed(world, "b").await);
    let of = |since, flow: Option<&str>| RunFilter {
        failure: Some(FailureKind::Fail),
        since,
        flow: flow.map(str::to_owned),
        ..RunFilter::default()
    };
    assert_eq!(ids(world, of(None, None)).await, [other.clone(), new.clone(), old]);
    assert_eq!(ids(world, of(Some(since), None)).await, [other, new.clone()]);
    assert_eq!(ids(world, of(Some(since), Some("a"))).await, std::slice::from_ref(&new));
    assert!(ids(world, RunFilter { failure: Some(FailureKind::Poison), ..RunFilter::default() }).await.is_empty());
    let counts = world.store.failure_counts(since).await.unwrap();
    assert_eq!(
        counts.iter().map(|count| (count.kind, count.flow.as_str(), count.runs)).collect::<Vec<_>>(),
        [(FailureKind::Fail, "a", 1), (FailureKind::Fail, "b", 1)]
    );
    assert_eq!(world.store.failure_counts(0).await.unwrap()[0].runs, 2);
}

pub(super) async fn runs_are_found_by_what_started_them(world: &World) {
    let parent = world.run("a").await;
    let mut wish = world.wish("a");
    wish.plan.trigger = "schedule:2026-01-01T00:00:00Z".to_owned();
    let scheduled = world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run;
    let mut wish = world.wish("b");
    wish.plan.trigger = "child".to_owned();
    wish.plan.parent = Some(Parent { run: parent.clone(), call: 1 });
    let child = world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run;
    let by = |trigger: &str| RunFilter { trigger: Some(trigger.to_owned()), ..RunFilter::default() };
    assert_eq!(ids(world, by("schedule")).await, std::slice::from_ref(&scheduled));
    assert_eq!(ids(world, by("schedule:2026-01-01T00:00:00Z")).await, [scheduled]);
    assert!(ids(world, by("webhook")).await.is_empty());
    assert_eq!(ids(world, by("manual")).await, std::slice::from_ref(&parent));
    assert_eq!(ids(world, RunFilter { parent: Some(parent.clone()), ..RunFilter::default() }).await, [child]);
    world.deliver(Scope::Run(parent.clone()), InputBody::Cancel(Operator::named("a"))).await;
    assert!(!world.store.delete_run(&parent).await.unwrap(), "a run that it has started is open");
}

pub(super) async fn runs_since_a_time_are_found(world: &World) {
    for _ in 0..5 {
        world.run("a").await;
    }
    world.pass(10_000_000);
    let since = world.now();
    let mut late = vec![world.run("a").await, world.run("a").await];
    late.reverse();
    assert_eq!(ids(world, RunFilter { since: Some(since), ..RunFilter::default() }).await, late);
    assert!(ids(world, RunFilter { since: Some(since + 1_000), ..RunFilter::default() }).await.is_empty());
    assert_eq!(world.store.sweep(Some(&late[1]), 10).await.unwrap(), [late[0].clone()]);
    assert_eq!(world.store.sweep(None, 3).await.unwrap().len(), 3);
}

pub(super) async fn the_oldest_waits_come_first_and_go_when_answered(world: &World) {
    let (first, wait_of_first) = world.waiting("a").await;
    world.pass(1_000);
    let (second, _) = world.waiting("b").await;
    let oldest = world.store.oldest_waits(10).await.unwrap();
    assert_eq!(oldest.iter().map(|wait| (&wait.run, wait.flow.as_str())).collect::<Vec<_>>(), [(&first, "a"), (&second, "b")]);
    assert_eq!(oldest[0].since, world.store.event(&first, oldest[0].step.spec_seq).await.unwrap().unwrap().at);
    world.answer(&wait_of_first, "d", Ok(json!({}))).await.unwrap();
    assert_eq!(world.store.oldest_waits(10).await.unwrap()[0].run, second);
}

pub(super) async fn the_chain_of_a_journal_is_verified_and_its_past_shown(world: &World) {
    let (run, wait) = world.waiting("a").await;
    let before = world.store.verify_journal(&run).await.unwrap().unwrap();
    world.answer(&wait, "d", Ok(json!({}))).await.unwrap();
    let after = world.store.verify_journal(&run).await.unwrap().unwrap();
    assert_ne!(before, after);
    let journal = world.journal(&run).await;
    assert_eq!(world.store.history_until(&run, 1, 3, 10).await.unwrap(), journal[1..3]);
}

pub(super) async fn an_evaluation_sees_reports_and_what_it_may_reuse(world: &World) {
    let (from, wait_id) = world.waiting("a").await;
    world.answer(&wait_id, "d", Ok(json!({"n": 1}))).await.unwrap();
    let mut wish = world.wish("a");
    wish.plan.forked_from = Some(Fork { run: from.clone(), calls: 1 });
    let fork = world.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run;
    let load = world.store.load_advance(&fork).await.unwrap().unwrap();
    assert_eq!(load.reuse.iter().map(|entry| (entry.call, &entry.spec)).collect::<Vec<_>>(), [(1, &wait())]);
    assert_eq!((load.head.plan.forked_from.unwrap().run, load.head.crashes), (from, 1), "a claim counts until it is answered");
    world.store.forgive_advance(&fork, load.head.advance_fence).await.unwrap();
    assert_eq!(world.store.run(&fork).await.unwrap().unwrap().head.crashes, 0);
    let (run, attempt) = world.launching("vm").await;
    for (kind, n) in [(BeatKind::Progress, 1), (BeatKind::Checkpoint, 2), (BeatKind::Heartbeat, 3)] {
        let beat = Beat { attempt: attempt.clone(), seq: 1, at: world.now(), skew_ms: 0, data: json!(n), kind };
        world.store.beat(beat).await.unwrap();
    }
    world.result(&attempt, "m", "d").await;
    let reports = world.store.load_advance(&run).await.unwrap().unwrap().reports;
    assert_eq!((reports[&1].progress.clone(), reports[&1].checkpoint.clone()), (Some(json!(1)), Some(json!(2))));
}
