//! Hosts, flows and their releases.

use super::Fut;
use crate::model::{DraftPush, FlowRow, ReleaseRow};
use sortie_core::host::Host;

/// Hosts, flows and their releases.
pub trait Catalog: Send + Sync {
    /// Add a host; [`StoreError::Conflict`] where the name is taken.
    fn add_host(&self, host: Host) -> Fut<'_, ()>;
    /// Replace a host of the same name; [`StoreError::NotFound`] where there is none.
    fn put_host(&self, host: Host) -> Fut<'_, ()>;
    /// One host.
    fn host(&self, name: &str) -> Fut<'_, Option<Host>>;
    /// All hosts by name.
    fn hosts(&self) -> Fut<'_, Vec<Host>>;
    /// Remove a host; false where there is none. [`StoreError::Conflict`] while attempts on it are open.
    fn remove_host(&self, name: &str) -> Fut<'_, bool>;

    /// Write the draft. [`StoreError::Conflict`] where the base is not what stands: the draft, or the live release where there is
    /// no draft. Pushing what stands already changes nothing, whatever the base.
    fn push_draft(&self, push: DraftPush) -> Fut<'_, FlowRow>;
    /// One flow.
    fn flow(&self, name: &str) -> Fut<'_, Option<FlowRow>>;
    /// All flows by name.
    fn flows(&self) -> Fut<'_, Vec<FlowRow>>;
    /// Releases of a flow, newest first.
    fn releases(&self, flow: &str) -> Fut<'_, Vec<ReleaseRow>>;
    /// A bundle's files as JSON, by digest.
    fn bundle(&self, digest: &str) -> Fut<'_, Option<String>>;
}
