//! The one place that builds adapters and ties them together.

use crate::clock::Clock;
use crate::config::{Config, Home};
use crate::driver::Driver;
use crate::launcher::Launcher;
use sortie_keys::CachedVerifier;
use sortie_store::Store;
use sortie_store::model::Installation;
use std::sync::Arc;

/// Everything a part of the running program may need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Where the installation lives.
    pub home: Home,
    /// How it is configured.
    pub config: Arc<Config>,
    /// Who it is.
    pub installation: Installation,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Keys and the tokens verified lately.
    pub tokens: Arc<CachedVerifier>,
    /// Reaches hosts.
    pub launcher: Arc<dyn Launcher>,
    /// Delivers inputs and does due work.
    pub driver: Driver,
    /// The clock.
    pub clock: Clock,
}
