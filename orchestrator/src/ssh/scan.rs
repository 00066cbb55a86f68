//! Looking at keys without believing them: for people who compare fingerprints, when a host is added or set up anew.

use super::algorithms;
use super::connection::{Connection, Endpoint};
use super::enroll::Place;
use super::launcher::SshLauncher;
use super::pins::{fingerprint, key_line};
use super::target;
use crate::launcher::AskError;
use russh::keys::{Algorithm, PublicKey};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use std::sync::Arc;

/// The key that a machine shows to somebody who does not log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// OpenSSH public key line.
    pub key: String,
    /// Type and `SHA256:...`.
    pub fingerprint: String,
}

impl Offered {
    fn new(key: &PublicKey) -> Self {
        Self { key: key_line(key), fingerprint: fingerprint(key) }
    }
}

impl SshLauncher {
    /// Look at the best key of a machine that is reached directly, to show its fingerprint. Does not log in.
    ///
    /// # Errors
    /// `unreachable`.
    pub async fn scan(&self, address: &str, port: u16) -> Result<Offered, AskError> {
        let endpoint = Endpoint { address: address.to_owned(), port, user: String::new() };
        self.dialer.look(&endpoint, None, None).await.map(|key| Offered::new(&key))
    }

    /// Look at the best key of a machine behind others, which are logged in to and must show what is expected of them.
    ///
    /// # Errors
    /// As for every question, for the machines before it; `unreachable`.
    pub async fn scan_behind(&self, jumps: &[Place], place: &Place) -> Result<Offered, AskError> {
        let jumps = jumps.iter().map(Place::hop).collect::<Result<Vec<_>, _>>()?;
        let via = self.dialer.through(&jumps).await?;
        let looked = self.dialer.look(&place.hop()?.endpoint, via.as_ref(), None).await;
        self.leave(via).await;
        looked.map(|key| Offered::new(&key))
    }

    /// All keys that a host shows now, one of each type, whatever is pinned: for a re-key that was planned. `machine` counts
    /// the machines on the way from 0; the number of them is the host itself. Those before it must show what is pinned.
    ///
    /// sshd counts each look as a login that was not completed, so this is for people's commands only.
    ///
    /// # Errors
    /// `unreachable`, or what keeps a machine before it from being passed.
    pub async fn scan_host(&self, host: &Host, machine: usize) -> Result<Vec<Offered>, AskError> {
        let way = target::way(host)?;
        let asked = way.jumps.get(machine).unwrap_or(&way.host).endpoint.clone();
        let via = self.dialer.through(&way.jumps[..machine.min(way.jumps.len())]).await?;
        let mut offered: Vec<Offered> = Vec::new();
        for kind in kinds() {
            match self.dialer.look(&asked, via.as_ref(), Some(kind)).await {
                Ok(key) => offered.push(Offered::new(&key)),
                // It has no key of this type.
                Err(error) if error.kind == FailureKind::HostKey => {}
                Err(error) => {
                    self.leave(via).await;
                    return Err(error);
                }
            }
        }
        self.leave(via).await;
        Ok(offered)
    }

    /// Close what was passed, where nothing else goes through it.
    async fn leave(&self, via: Option<Arc<Connection>>) {
        if let Some(via) = via.filter(|via| Arc::strong_count(via) == 1) {
            via.close(&self.dialer.limits).await;
        }
    }
}

/// Algorithms of one key type each.
fn kinds() -> Vec<Vec<Algorithm>> {
    let mut kinds: Vec<Vec<Algorithm>> = Vec::new();
    for algorithm in algorithms::any_host_key() {
        let same = |other: &Algorithm| matches!((&algorithm, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }));
        match kinds.iter_mut().find(|kind| kind.iter().any(same)) {
            Some(kind) => kind.push(algorithm),
            None => kinds.push(vec![algorithm]),
        }
    }
    kinds
}
