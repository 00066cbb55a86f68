//! Workers that come and ask for work.

use super::world::World;
use crate::{Store, StoreError};
use sortie_core::host::{Host, LauncherKind};
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(fresh, a_worker_is_found_by_its_token_and_goes_with_its_host, another_process_raises_the_fence_and_the_same_one_does_not,);
}

fn host(name: &str) -> Host {
    Host { name: name.to_owned(), launcher: LauncherKind::Worker, ..Host::default() }
}

pub(super) async fn a_worker_is_found_by_its_token_and_goes_with_its_host(world: &World) {
    let store = &world.store;
    store.add_worker(host("far"), "aa", 1).await.unwrap();
    assert!(matches!(store.add_worker(host("far"), "bb", 2).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.worker_by_digest("bb").await.unwrap(), None, "nothing of the second one was kept");
    assert!(store.put_worker_token("far", "cc", 3).await.unwrap());
    assert!(!store.put_worker_token("near", "dd", 3).await.unwrap());
    assert_eq!(store.worker_by_digest("aa").await.unwrap(), None, "the old token is refused at once");
    let row = store.worker_by_digest("cc").await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.fence, row.token_at, row.seen_at), ("far", 0, 3, None));
    assert!(store.remove_host("far").await.unwrap());
    assert_eq!(store.worker_by_digest("cc").await.unwrap(), None);
    assert!(store.workers().await.unwrap().is_empty());
}

pub(super) async fn another_process_raises_the_fence_and_the_same_one_does_not(world: &World) {
    let store = &world.store;
    store.add_worker(host("far"), "aa", 1).await.unwrap();
    let labelled = Host { labels: vec!["gpu".to_owned()], ..host("far") };
    assert_eq!(store.take_worker(labelled.clone(), "one", 2).await.unwrap(), 1);
    assert_eq!(store.take_worker(labelled.clone(), "one", 3).await.unwrap(), 1);
    assert_eq!(store.take_worker(labelled.clone(), "two", 4).await.unwrap(), 2);
    assert_eq!(store.host("far").await.unwrap(), Some(labelled));
    let rows = store.workers().await.unwrap();
    assert_eq!((rows[0].instance.as_deref(), rows[0].seen_at), (Some("two"), Some(4)));
    assert!(matches!(store.take_worker(host("none"), "one", 5).await, Err(StoreError::NotFound(_))));
}
