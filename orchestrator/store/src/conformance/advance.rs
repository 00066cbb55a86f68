//! `load_advance`: one evaluation counts, and it sees the journal as it was claimed.

use super::world::{World, wait};
use crate::StoreError;
use serde_json::json;
use sortie_core::decide::Refusal;
use sortie_core::evaluation::{Command, End};

pub(super) async fn load_gives_the_journal_and_raises_the_fence(world: &World) {
    let run = world.run("ask").await;
    let first = world.store.load_advance(&run).await.unwrap().unwrap();
    assert_eq!((first.head.advance_fence, first.journal.len()), (1, 0));
    assert_eq!(first.input, json!({"repo": "a", "issue": 7}));
    assert_eq!((first.facts.run.as_str(), first.facts.flow.as_str(), first.facts.release), (run.as_str(), "ask", 1));
    let again = world.store.load_advance(&run).await.unwrap().unwrap();
    assert_eq!(again.head.advance_fence, 2);
    let record = Command::Record {
        call: 2,
        step: "now".to_owned(),
        spec: serde_json::from_value(json!({"now": {}})).unwrap(),
        value: json!(5),
        losers: Vec::new(),
    };
    let schedule = Command::Schedule { call: 1, step: "answer".to_owned(), spec: wait() };
    let end = End::Suspended { waiting_on: vec![1] };
    world.evaluated(&run, 2, again.head.wake_seq, vec![schedule, record], end).await.unwrap();
    assert_eq!(world.store.load_advance(&run).await.unwrap(), None, "it waits");
    world.answer(&world.wait_of(&run).await, "d", Ok(json!({"a": 1}))).await.unwrap();
    let load = world.store.load_advance(&run).await.unwrap().unwrap();
    let calls: Vec<_> = load.journal.iter().map(|entry| (entry.call, entry.step.as_str(), entry.completed_seq)).collect();
    assert_eq!(calls, [(1, "answer", Some(load.head.wake_seq)), (2, "now", Some(4))]);
    assert_eq!(load.journal[0].spec, wait());
    assert!(load.journal[0].value.is_some());
    assert_eq!(load.head, world.store.run(&run).await.unwrap().unwrap().head, "the raised fence is the stored one");
}

pub(super) async fn two_evaluations_of_one_claim_decide_once(world: &World) {
    let run = world.run("ask").await;
    let old = world.store.load_advance(&run).await.unwrap().unwrap();
    let new = world.store.load_advance(&run).await.unwrap().unwrap();
    let schedule = || vec![Command::Schedule { call: 1, step: "answer".to_owned(), spec: wait() }];
    let end = || End::Suspended { waiting_on: vec![1] };
    let late = world.evaluated(&run, old.head.advance_fence, old.head.wake_seq, schedule(), end()).await;
    assert!(matches!(late, Err(StoreError::Refused(Refusal::Fenced))), "{late:?}");
    world.evaluated(&run, new.head.advance_fence, new.head.wake_seq, schedule(), end()).await.unwrap();
    assert_eq!(world.store.steps(&run).await.unwrap().len(), 1);
}

pub(super) async fn events_after_the_claim_belong_to_the_next(world: &World) {
    let run = world.run("ask").await;
    world.advance(&run, vec![("a", wait()), ("b", wait())]).await;
    let (a, b) = (world.wait_of_call(&run, 1).await, world.wait_of_call(&run, 2).await);
    world.answer(&a, "d", Ok(json!(1))).await.unwrap();
    let claimed = world.store.load_advance(&run).await.unwrap().unwrap();
    world.answer(&b, "d", Ok(json!(2))).await.unwrap();
    let end = End::Suspended { waiting_on: vec![2] };
    let done = world.evaluated(&run, claimed.head.advance_fence, claimed.head.wake_seq, Vec::new(), end).await.unwrap();
    assert!(done.due.iter().any(|(class, _)| *class == sortie_core::effect::WorkClass::Advance), "what came meanwhile is evaluated next");
    let next = world.store.load_advance(&run).await.unwrap().unwrap();
    assert!(next.journal.iter().all(|entry| entry.value.is_some()));
}
