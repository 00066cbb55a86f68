//! Machines.

use super::world::{World, job};
use crate::StoreError;
use crate::model::{Beat, BeatKind, HostHealth};
use serde_json::Value;
use sortie_core::call::HostSelector;
use sortie_core::effect::WorkClass;
use sortie_core::host::{CallbackMode, Host, HostState, Login};

fn host(name: &str) -> Host {
    Host {
        name: name.to_owned(),
        address: "10.0.0.7".to_owned(),
        port: 22,
        user: "agent".to_owned(),
        login: Login::Key(String::new()),
        host_keys: vec!["ssh-ed25519 AAAA".to_owned()],
        state_root: "/var/lib/sortie".to_owned(),
        marker: "m".to_owned(),
        labels: vec!["builder".to_owned()],
        callbacks: CallbackMode::Push,
        slots: None,
        added_at: 1,
        ..Host::default()
    }
}

pub(super) async fn hosts_are_added_replaced_and_removed(world: &World) {
    let store = &world.store;
    store.add_host(host("b")).await.unwrap();
    store.add_host(host("a")).await.unwrap();
    assert!(matches!(store.add_host(Host { port: 2222, ..host("a") }).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.hosts().await.unwrap(), [host("a"), host("b")]);
    let moved = Host { callbacks: CallbackMode::Pull, ..host("a") };
    store.put_host(moved.clone()).await.unwrap();
    assert_eq!(store.host("a").await.unwrap(), Some(moved));
    assert!(matches!(store.put_host(host("c")).await, Err(StoreError::NotFound(_))));
    assert!(store.remove_host("a").await.unwrap());
    assert!(!store.remove_host("a").await.unwrap());
    assert_eq!(store.host("a").await.unwrap(), None);
}

pub(super) async fn a_host_with_open_attempts_stays(world: &World) {
    world.store.add_host(host("vm")).await.unwrap();
    let (run, attempt) = world.launching("vm").await;
    let open = world.store.open_attempts().await.unwrap();
    assert_eq!(open.iter().map(|(of, row)| (of, &row.id)).collect::<Vec<_>>(), [(&run, &attempt)]);
    assert!(matches!(world.store.remove_host("vm").await, Err(StoreError::Conflict(_))));
    world.result(&attempt, "m", "r").await;
    assert!(world.store.remove_host("vm").await.unwrap());
}

pub(super) async fn what_was_seen_of_a_host_goes_with_it(world: &World) {
    let store = &world.store;
    store.add_host(host("a")).await.unwrap();
    let seen = HostHealth { last_ok: Some(1), error: Some("no route".to_owned()), orphans: 2, ..HostHealth::default() };
    store.put_host_health("a", HostHealth::default()).await.unwrap();
    store.put_host_health("a", seen.clone()).await.unwrap();
    store.put_host_health("gone", seen.clone()).await.unwrap();
    assert_eq!(store.host_health().await.unwrap().into_iter().collect::<Vec<_>>(), [("a".to_owned(), seen)]);
    store.remove_host("a").await.unwrap();
    assert!(store.host_health().await.unwrap().is_empty());
}

pub(super) async fn what_is_open_on_a_host_is_listed_with_its_last_sign_of_life(world: &World) {
    let store = &world.store;
    store.add_host(host("vm")).await.unwrap();
    let (run, attempt) = world.launching("vm").await;
    world.launching("other").await;
    let seen = async || {
        store.open_on_host("vm").await.unwrap().into_iter().map(|open| (open.run, open.attempt.id, open.last_seen)).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [(run.clone(), attempt.clone(), None)]);
    let beat = |seq, at| Beat { attempt: attempt.clone(), seq, at, skew_ms: 0, data: Value::Null, kind: BeatKind::Heartbeat };
    store.beat(beat(7, 70)).await.unwrap();
    store.beat(beat(0, 80)).await.unwrap();
    assert_eq!(seen().await, [(run.clone(), attempt.clone(), Some(80))], "what was seen over SSH counts as of its time");
    store.beat(beat(7, 90)).await.unwrap();
    assert_eq!(seen().await, [(run.clone(), attempt.clone(), Some(80))], "and takes no number from what is posted");
    store.beat(beat(8, 95)).await.unwrap();
    assert_eq!(seen().await, [(run, attempt.clone(), Some(95))]);
    world.result(&attempt, "m", "r").await;
    assert!(seen().await.is_empty());
}

pub(super) async fn a_draining_host_has_no_slot_to_give(world: &World) {
    let store = &world.store;
    let draining = Host { state: HostState::Draining, ..host("vm") };
    store.add_host(draining).await.unwrap();
    let run = world.run("a").await;
    world.advance(&run, vec![("work", job("vm"))]).await;
    let claim = world.claim(WorkClass::Launch, world.now()).await.remove(0);
    let on = HostSelector::Name("vm".to_owned());
    assert!(store.hold(claim, &on, world.now()).await.unwrap(), "it is waited for");
    assert_eq!(store.release_held(world.now()).await.unwrap(), 0);
    store.put_host(host("vm")).await.unwrap();
    assert_eq!(store.release_held(world.now()).await.unwrap(), 1);
}
