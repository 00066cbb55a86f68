//! Looking at keys without believing them: for people who compare fingerprints, when a host is added or set up anew.

use super::algorithms;
use super::connection::Endpoint;
use super::enroll::Place;
use super::launcher::SshLauncher;
use super::pins::{fingerprint, key_line};
use super::target;
use super::way::Hop;
use crate::launcher::AskError;
use russh::keys::{Algorithm, PublicKey};
use sortie_core::host::Host;

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
        let offered = self.look_behind(&jumps, &place.hop()?.endpoint, None).await?;
        Ok(Offered::new(&offered))
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
        let jumps = &way.jumps[..machine.min(way.jumps.len())];
        let mut offered: Vec<Offered> = Vec::new();
        for kind in kinds() {
            match self.look_behind(jumps, &asked, Some(kind)).await {
                Ok(key) => offered.push(Offered::new(&key)),
                // It has no key of this type; one that cannot be reached is said at once.
                Err(error) if error.kind == sortie_core::failure::FailureKind::HostKey => {}
                Err(error) => return Err(error),
            }
        }
        Ok(offered)
    }

    async fn look_behind(&self, jumps: &[Hop], asked: &Endpoint, only: Option<Vec<Algorithm>>) -> Result<PublicKey, AskError> {
        let via = self.dialer.through(jumps).await?;
        let looked = self.dialer.look(asked, via.as_ref(), only).await;
        if let Some(via) = via.filter(|via| std::sync::Arc::strong_count(via) == 1) {
            via.close(&self.dialer.limits).await;
        }
        looked
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
