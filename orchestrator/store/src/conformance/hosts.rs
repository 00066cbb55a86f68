//! Machines.

use super::world::World;
use crate::StoreError;
use sortie_core::host::{CallbackMode, Host, Login};

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
