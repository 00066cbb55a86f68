//! What is shown: lists, histories, signs of life.

use super::world::World;
use crate::StoreError;
use crate::model::{Beat, BeatKind, RunCount, RunFilter};
use serde_json::json;
use sortie_core::ids::{Entropy, RunId};
use sortie_core::input::{CallbackFacts, InputBody, Said, Scope};
use sortie_core::state::{AttemptState, StopReason};

async fn ids(world: &World, filter: RunFilter) -> Vec<RunId> {
    world.store.runs(filter).await.unwrap().into_iter().map(|row| row.head.id).collect()
}

pub(super) async fn runs_are_paged_newest_first(world: &World) {
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.run(if n % 2 == 0 { "even" } else { "odd" }).await);
    }
    made.reverse();
    let page = |before: Option<&RunId>, limit| RunFilter { before: before.cloned(), limit, ..RunFilter::default() };
    assert_eq!(ids(world, page(None, 2)).await, made[..2]);
    assert_eq!(ids(world, page(Some(&made[1]), 10)).await, made[2..]);
    let even = RunFilter { flow: Some("even".to_owned()), limit: 10, ..RunFilter::default() };
    assert_eq!(ids(world, even).await, [made[0].clone(), made[2].clone(), made[4].clone()]);
    let unknown = RunId::new(1, &Entropy([1; 32]), 0);
    assert!(matches!(world.store.runs(page(Some(&unknown), 1)).await, Err(StoreError::NotFound(_))));
}

pub(super) async fn waiting_and_running_are_told_apart(world: &World) {
    let (waits, wait) = world.waiting("ask").await;
    let (answered, other) = world.waiting("ask").await;
    world.answer(&other, "d", Ok(json!(1))).await.unwrap();
    let cancelled = world.run("build").await;
    world.deliver(Scope::Run(cancelled.clone()), InputBody::Cancel(sortie_core::input::Operator::named("a"))).await;
    let of = |state: &str, flow: Option<&str>| RunFilter {
        state: Some(state.to_owned()),
        flow: flow.map(str::to_owned),
        limit: 10,
        ..RunFilter::default()
    };
    for flow in [None, Some("ask")] {
        assert_eq!(ids(world, of("waiting", flow)).await, std::slice::from_ref(&waits));
        assert_eq!(ids(world, of("running", flow)).await, std::slice::from_ref(&answered));
    }
    assert_eq!(ids(world, of("cancelled", None)).await, [cancelled]);
    assert!(ids(world, of("cancelled", Some("ask"))).await.is_empty());
    assert!(ids(world, of("no such state", None)).await.is_empty());
    let count = |flow: &str, state: &str| RunCount { flow: flow.to_owned(), state: state.to_owned(), runs: 1 };
    assert_eq!(world.store.run_counts().await.unwrap(), [count("ask", "running"), count("ask", "waiting"), count("build", "cancelled")]);
    let row = world.store.wait(&wait).await.unwrap().unwrap();
    assert_eq!((row.run, row.step.name.as_str(), row.schema), (waits.clone(), "answer", Some(json!({"type": "object"}))));
    assert_eq!(row.scheduled_at, world.store.event(&waits, row.step.spec_seq).await.unwrap().unwrap().at);
}

pub(super) async fn history_is_paged(world: &World) {
    let (run, _) = world.waiting("ask").await;
    let all = world.journal(&run).await;
    assert_eq!(all.len(), 3);
    assert_eq!(world.store.history(&run, 1, 1).await.unwrap(), all[1..2]);
    assert_eq!(world.store.history(&run, 3, 10).await.unwrap(), []);
    assert_eq!(world.store.event(&run, 2).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(world.store.event(&run, 4).await.unwrap(), None);
}

pub(super) async fn beats_keep_the_highest_number(world: &World) {
    let (run, attempt) = world.launching("vm").await;
    let beat = |seq, at, kind| Beat { attempt: attempt.clone(), seq, at, skew_ms: -3, data: json!({"n": seq}), kind };
    let reply = world.store.beat(beat(5, 100, BeatKind::Heartbeat)).await.unwrap();
    assert_eq!((reply.state, reply.stop), (Some(AttemptState::Launching), None));
    world.store.beat(beat(4, 200, BeatKind::Heartbeat)).await.unwrap();
    assert_eq!(world.store.beats(&run).await.unwrap()[&attempt], beat(5, 100, BeatKind::Heartbeat), "a lower number is ignored");
    world.store.beat(beat(1, 300, BeatKind::Progress)).await.unwrap();
    assert_eq!(world.store.beats(&run).await.unwrap()[&attempt], beat(1, 300, BeatKind::Progress), "progress is a row of its own");
    let facts = CallbackFacts { id: "s".to_owned(), digest: "d".to_owned(), via: "callback" };
    let scope = Scope::Attempt { attempt: attempt.clone(), callback: Some("s".to_owned()) };
    world.deliver(scope, InputBody::AttemptCallback { attempt: attempt.clone(), callback: facts, said: Said::Started }).await;
    world.deliver(Scope::Run(run.clone()), InputBody::Cancel(sortie_core::input::Operator::named("a"))).await;
    let reply = world.store.beat(beat(6, 400, BeatKind::Heartbeat)).await.unwrap();
    assert_eq!(world.store.beats(&run).await.unwrap()[&attempt].kind, BeatKind::Heartbeat);
    assert_eq!(world.store.progress(&run).await.unwrap()[&attempt], json!({"n": 1}), "a later heartbeat leaves it");
    assert_eq!((reply.state, reply.stop), (Some(AttemptState::Stopping), Some(StopReason::Cancelled)));
    let unknown = Beat { attempt: sortie_core::ids::AttemptId::new(1, &Entropy([1; 32]), 0), ..beat(1, 1, BeatKind::Heartbeat) };
    let reply = world.store.beat(unknown).await.unwrap();
    assert_eq!((reply.state, reply.stop), (None, None));
}
