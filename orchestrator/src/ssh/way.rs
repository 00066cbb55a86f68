//! The way to a host: the machines before it (`ProxyJump`), each logged in to by its own key, and connections to them shared.
//!
//! A connection is kept by what is connected through it: with the last one it closes. Nothing is held for hours.

use super::connection::{Connection, Dialer, Endpoint};
use super::limits::SHARED;
use super::pins::Trust;
use crate::launcher::AskError;
use sortie_core::host::Login;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// One server to log in to.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where and as whom.
    pub endpoint: Endpoint,
    /// How to log in.
    pub login: Login,
    /// What it must show.
    pub trust: Trust,
    /// What makes two of them the same, so that a connection can be shared; nothing is shared where nothing is pinned yet.
    pub key: Option<HopKey>,
}

/// What makes two servers the same for a connection: where, as whom, by which keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HopKey {
    /// Where and as whom.
    pub endpoint: Endpoint,
    /// How to log in, as text.
    pub login: String,
    /// Pinned keys, authorities and the name that certificates are made out to.
    pub pinned: Vec<String>,
}

/// The way to a host.
#[derive(Clone, Debug)]
pub struct Way {
    /// Machines before it, nearest to us first.
    pub jumps: Vec<Hop>,
    /// The host itself.
    pub host: Hop,
}

/// A connection to a machine on the way, where there is one, and why there was none.
#[derive(Default)]
struct Slot {
    live: Weak<Connection>,
    failed: Option<(Instant, AskError)>,
}

/// Connections to machines on the way, by the whole way to them.
#[derive(Default)]
pub struct Jumps(Mutex<HashMap<Vec<HopKey>, Arc<tokio::sync::Mutex<Slot>>>>);

impl std::fmt::Debug for Jumps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jumps(..)")
    }
}

impl Jumps {
    fn slot(&self, key: Vec<HopKey>) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= SHARED {
            // A slot that nobody waits for, with a connection that is gone, is worth nothing.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|slot| slot.live.strong_count() > 0));
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Dialer {
    /// Connect and log in, through the machines on the way. A shared connection that turns out to be dead is replaced once.
    ///
    /// # Errors
    /// `unreachable`, `host_key`, `auth` or `refused`; in each case nothing was sent.
    pub async fn open(&self, way: &Way) -> Result<Connection, AskError> {
        let mut replaced = false;
        loop {
            let via = self.through(&way.jumps).await?;
            match self.open_hop(&way.host, via.clone()).await {
                Err(_) if !replaced && via.as_ref().is_some_and(|via| via.is_closed()) => replaced = true,
                result => return result,
            }
        }
    }

    /// A connection to the last of these machines; none where there is none.
    ///
    /// # Errors
    /// As [`Dialer::open`], with the machine that could not be passed.
    pub async fn through(&self, jumps: &[Hop]) -> Result<Option<Arc<Connection>>, AskError> {
        let mut via = None;
        for (at, hop) in jumps.iter().enumerate() {
            let connection = self.shared(&jumps[..=at], hop, via).await;
            via = Some(connection.map_err(|error| AskError { message: format!("on the way there: {}", error.message), ..error })?);
        }
        Ok(via)
    }

    /// The shared connection to the last of these machines, through `via`. One is made at a time; those who waited for a try that failed are
    /// told so, and do not try again one after the other.
    async fn shared(&self, jumps: &[Hop], last: &Hop, via: Option<Arc<Connection>>) -> Result<Arc<Connection>, AskError> {
        let key: Option<Vec<HopKey>> = jumps.iter().map(|hop| hop.key.clone()).collect();
        let Some(key) = key else { return Ok(Arc::new(self.open_hop(last, via).await?)) };
        let asked = Instant::now();
        let slot = self.jumps.slot(key);
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.live.upgrade().filter(|connection| !connection.is_closed()) {
            return Ok(connection);
        }
        if let Some((_, error)) = slot.failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(error.clone());
        }
        match self.open_hop(last, via).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Slot { live: Arc::downgrade(&connection), failed: None };
                Ok(connection)
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
