//! The port: what the program asks of its store, in use-case methods. SQLite implements it; PostgreSQL will.
//!
//! Every mutation is one transaction that is on disk before its future resolves. Decisions are made by
//! `sortie_core::decide` inside that transaction, never by an adapter.

mod catalog;
mod engine;
mod hosts;
mod logs;
mod operations;
mod reads;
mod resources;
mod triggers;
mod vault;
mod workers;

pub use catalog::Catalog;
pub use engine::Engine;
pub use hosts::Hosts;
pub use logs::Logs;
pub use operations::Operations;
pub use reads::Reads;
pub use resources::Resources;
pub use triggers::Triggers;
pub use vault::Vault;
pub use workers::Workers;

use crate::error::StoreError;
use crate::model::{IdempotentAnswer, Installation};
use sortie_core::ids::Ms;
use std::future::Future;
use std::pin::Pin;

/// A future of the port.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The store of one installation: all parts of it, and what concerns it as a whole.
pub trait Store: Engine + Reads + Catalog + Hosts + Vault + Resources + Logs + Triggers + Operations + Workers {
    /// Ids, epoch and schema of this store.
    fn installation(&self) -> Fut<'_, Installation>;
    /// Why nothing is written any more, once that is so for good (F016): the process is to end, and the next one looks at the file.
    /// Never answers otherwise.
    fn given_up(&self) -> Fut<'_, String>;
    /// Commit something small: whether callbacks can be taken (F010).
    fn writable(&self) -> Fut<'_, ()>;

    /// The answer given to an idempotency key before; [`StoreError::Conflict`] where the key came with another request digest.
    fn idempotent(&self, key: &str, request_digest: &str) -> Fut<'_, Option<IdempotentAnswer>>;
    /// Remember an answer; the first one stands.
    fn remember(&self, key: &str, request_digest: &str, answer: IdempotentAnswer, at: Ms) -> Fut<'_, IdempotentAnswer>;
    /// Write a consistent copy of the store to a file that is not there yet.
    fn backup(&self, to: &std::path::Path) -> Fut<'_, ()>;
    /// Commit what is queued, checkpoint, close. Later calls answer [`StoreError::Unavailable`].
    fn close(&self) -> Fut<'_, ()>;
}
