//! Operators, secrets, connections.

use super::world::World;
use crate::model::vault::{ConnectionRow, OperatorRow, SecretRow};
use crate::{Store, StoreError};
use serde_json::json;
use std::sync::Arc;

/// Every check of this part.
pub(super) async fn all(fresh: &impl AsyncFn() -> Arc<dyn Store>) {
    checks!(fresh, operators_are_found_by_their_digest, versions_of_a_secret_only_rise, connections_are_kept_by_name,);
}

fn operator(name: &str, digest: &str) -> OperatorRow {
    OperatorRow {
        name: name.to_owned(),
        roles: vec!["maintainers".to_owned()],
        digest: digest.to_owned(),
        added_at: 1,
        added_by: "operator".to_owned(),
        token_at: 1,
    }
}

pub(super) async fn operators_are_found_by_their_digest(world: &World) {
    let store = &world.store;
    store.add_operator(operator("bo", "aa")).await.unwrap();
    store.add_operator(operator("al", "bb")).await.unwrap();
    assert!(matches!(store.add_operator(operator("bo", "cc")).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.operators().await.unwrap(), [operator("al", "bb"), operator("bo", "aa")]);
    assert_eq!(store.operator_by_digest("aa").await.unwrap().unwrap().name, "bo");
    store.put_operator(operator("bo", "dd")).await.unwrap();
    assert_eq!(store.operator_by_digest("aa").await.unwrap(), None, "the old token is refused at once");
    assert_eq!(store.operator("bo").await.unwrap(), Some(operator("bo", "dd")));
    assert!(matches!(store.put_operator(operator("none", "ee")).await, Err(StoreError::NotFound(_))));
    assert!(store.remove_operator("bo").await.unwrap());
    assert!(!store.remove_operator("bo").await.unwrap());
    assert_eq!(store.operator_by_digest("dd").await.unwrap(), None);
}

fn secret(version: u64, root: u64, sealed: &[u8]) -> SecretRow {
    SecretRow { name: "token".to_owned(), version, root, sealed: sealed.to_vec(), at: 5, actor: "al".to_owned() }
}

pub(super) async fn versions_of_a_secret_only_rise(world: &World) {
    let store = &world.store;
    assert_eq!(store.next_secret_version("token").await.unwrap(), 1);
    assert!(matches!(store.put_secret(secret(2, 1, b"x")).await, Err(StoreError::Conflict(_))));
    store.put_secret(secret(1, 1, b"a")).await.unwrap();
    assert!(matches!(store.put_secret(secret(1, 1, b"b")).await, Err(StoreError::Conflict(_))), "two writers of one version");
    store.put_secret(secret(2, 1, b"c")).await.unwrap();
    assert!(!store.reseal_secret(secret(1, 2, b"d")).await.unwrap(), "a value that was replaced is not put back");
    assert!(store.reseal_secret(secret(2, 2, b"e")).await.unwrap());
    assert_eq!(store.secret("token").await.unwrap(), Some(secret(2, 2, b"e")));
    assert!(store.remove_secret("token", "bo", 9).await.unwrap());
    assert!(!store.remove_secret("token", "bo", 9).await.unwrap());
    assert_eq!(store.secret("token").await.unwrap(), None);
    assert!(store.secrets().await.unwrap().is_empty());
    assert_eq!(store.next_secret_version("token").await.unwrap(), 3, "a version is never used twice");
    store.put_secret(secret(3, 2, b"f")).await.unwrap();
    assert_eq!(store.secrets().await.unwrap(), [secret(3, 2, b"f")]);
}

pub(super) async fn connections_are_kept_by_name(world: &World) {
    let store = &world.store;
    let row = |url: &str| ConnectionRow {
        name: "ops".to_owned(),
        kind: "webhook".to_owned(),
        data: json!({ "url": url }),
        at: 1,
        actor: "al".to_owned(),
    };
    store.put_connection(row("https://a.example/"), false).await.unwrap();
    assert!(matches!(store.put_connection(row("https://b.example/"), false).await, Err(StoreError::Conflict(_))));
    store.put_connection(row("https://c.example/"), true).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), [row("https://c.example/")]);
    assert_eq!(store.connection("ops").await.unwrap(), Some(row("https://c.example/")));
    assert!(store.remove_connection("ops").await.unwrap());
    assert!(!store.remove_connection("ops").await.unwrap());
    assert_eq!(store.connection("ops").await.unwrap(), None);
}
