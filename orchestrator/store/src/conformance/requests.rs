//! Idempotency keys.

use super::world::World;
use crate::StoreError;
use crate::model::IdempotentAnswer;

pub(super) async fn the_first_answer_stands(world: &World) {
    let store = &world.store;
    let answer = |status, body: &str| IdempotentAnswer { status, body: body.to_owned() };
    assert_eq!(store.idempotent("k", "d").await.unwrap(), None);
    assert_eq!(store.remember("k", "d", answer(201, "first"), 1).await.unwrap(), answer(201, "first"));
    assert_eq!(store.remember("k", "d", answer(500, "second"), 2).await.unwrap(), answer(201, "first"));
    assert_eq!(store.idempotent("k", "d").await.unwrap(), Some(answer(201, "first")));
    assert!(matches!(store.idempotent("k", "other").await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.remember("k", "other", answer(200, ""), 3).await, Err(StoreError::Conflict(_))));
}
