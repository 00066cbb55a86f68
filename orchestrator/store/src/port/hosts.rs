//! What is known of hosts besides what operators set.

use super::Fut;
use crate::model::{HostHealth, OpenAttempt};
use std::collections::BTreeMap;

/// What is known of hosts besides what operators set.
pub trait Hosts: Send + Sync {
    /// What was last seen of each host of which anything was.
    fn host_health(&self) -> Fut<'_, BTreeMap<String, HostHealth>>;
    /// Keep what was seen of a host; nothing where it was removed.
    fn put_host_health(&self, name: &str, health: HostHealth) -> Fut<'_, ()>;
    /// Attempts on a host that are not over, each with its run and last sign of life.
    fn open_on_host(&self, name: &str) -> Fut<'_, Vec<OpenAttempt>>;
}
