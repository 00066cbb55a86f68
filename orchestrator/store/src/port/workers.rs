//! Workers that come and ask for work.

use super::Fut;
use crate::model::workers::WorkerRow;
use sortie_core::host::Host;
use sortie_core::ids::Ms;

/// Workers that come and ask for work.
pub trait Workers: Send + Sync {
    /// Add a worker and its host in one transaction, with the labels of the host as those that it may serve; [`crate::StoreError::Conflict`] where the name is taken.
    fn add_worker(&self, host: Host, digest: &str, at: Ms) -> Fut<'_, ()>;
    /// Give a worker another token; false where there is none of this name.
    fn put_worker_token(&self, name: &str, digest: &str, at: Ms) -> Fut<'_, bool>;
    /// This process speaks for the worker from now on, with what it says of its host: the fence, which rises where another one
    /// did. [`crate::StoreError::NotFound`] where the worker was removed.
    fn take_worker(&self, host: Host, instance: &str, at: Ms) -> Fut<'_, u64>;
    /// Whose token has this digest (SHA-256, hex).
    fn worker_by_digest(&self, digest: &str) -> Fut<'_, Option<WorkerRow>>;
    /// All workers by name.
    fn workers(&self) -> Fut<'_, Vec<WorkerRow>>;
}
