//! Bounds on handshakes: how many at once per address and port (sshd's `MaxStartups`) and in the whole process; and a pause for an
//! address whose server drops them before the login (a penalty for us, which each further try may prolong).

use super::limits::{HANDSHAKES, HANDSHAKES_PER_HOST};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// An address and a port.
type At = (String, u16);

/// The gates of one launcher.
#[derive(Debug)]
pub struct Gates {
    all: Arc<Semaphore>,
    hosts: Mutex<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    gates: HashMap<At, Weak<Semaphore>>,
    /// Until when nobody dials it.
    shut: HashMap<At, Instant>,
}

/// Leave to do one handshake, until dropped.
#[derive(Debug)]
pub struct Permit {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// The gate is shut for this long yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut(pub Duration);

impl Default for Gates {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(HANDSHAKES)), hosts: Mutex::default() }
    }
}

impl Gates {
    /// Wait for leave. First the host's gate: one slow host must not hold the gate of all.
    ///
    /// # Errors
    /// The host is left alone now, also where that began while this waited.
    pub async fn enter(&self, address: &str, port: u16) -> Result<Permit, Shut> {
        let at = (address.to_owned(), port);
        let gate = self.lock().gate(&at, Instant::now())?;
        let permit = Permit { _host: acquire(gate).await, _all: acquire(Arc::clone(&self.all)).await };
        self.lock().check(&at, Instant::now()).map(|()| permit)
    }

    /// Leave a host alone for a while.
    pub fn shut(&self, address: &str, port: u16, pause: Duration) {
        self.lock().shut((address.to_owned(), port), Instant::now(), pause);
    }

    fn lock(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts {
    fn check(&self, at: &At, now: Instant) -> Result<(), Shut> {
        match self.shut.get(at) {
            Some(until) if *until > now => Err(Shut(*until - now)),
            _ => Ok(()),
        }
    }

    fn gate(&mut self, at: &At, now: Instant) -> Result<Arc<Semaphore>, Shut> {
        self.check(at, now)?;
        if let Some(gate) = self.gates.get(at).and_then(Weak::upgrade) {
            return Ok(gate);
        }
        self.gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Semaphore::new(HANDSHAKES_PER_HOST));
        self.gates.insert(at.clone(), Arc::downgrade(&gate));
        Ok(gate)
    }

    fn shut(&mut self, at: At, now: Instant, pause: Duration) {
        // What is open again is not remembered.
        self.shut.retain(|_, until| *until > now);
        self.shut.insert(at, now + pause);
    }
}

async fn acquire(gate: Arc<Semaphore>) -> OwnedSemaphorePermit {
    gate.acquire_owned().await.expect("gates are never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> At {
        ("vm".to_owned(), port)
    }

    #[tokio::test]
    async fn one_host_lets_in_four_and_forgets_itself() {
        let gates = Gates::default();
        let free = |port: u16| gates.lock().gate(&at(port), Instant::now()).unwrap().available_permits();
        let mut inside = Vec::new();
        for _ in 0..HANDSHAKES_PER_HOST {
            inside.push(gates.enter("vm", 22).await.unwrap());
        }
        assert_eq!(free(22), 0);
        assert_eq!(free(23), HANDSHAKES_PER_HOST, "another port is another server");
        drop(inside);
        assert_eq!(free(22), HANDSHAKES_PER_HOST);
        assert_eq!(gates.lock().gates.len(), 1, "unused gates are forgotten");
    }

    #[test]
    fn f089_a_shut_gate_opens_after_its_pause_and_others_stay_open() {
        let (mut hosts, pause, now) = (Hosts::default(), Duration::from_secs(15), Instant::now());
        hosts.shut(at(22), now, pause);
        assert_eq!(hosts.gate(&at(22), now).unwrap_err(), Shut(pause));
        let later = now + Duration::from_secs(14);
        assert_eq!(hosts.check(&at(22), later), Err(Shut(Duration::from_secs(1))));
        assert!(hosts.gate(&at(23), now).is_ok());
        assert!(hosts.gate(&at(22), now + pause).is_ok());
        hosts.shut(at(23), now + pause, pause);
        assert_eq!(hosts.shut.len(), 1, "what is open again is forgotten");
    }

    #[tokio::test]
    async fn f089_who_waits_at_a_gate_while_it_is_shut_is_told_so() {
        let gates = Gates::default();
        let mut inside = Vec::new();
        for _ in 0..HANDSHAKES_PER_HOST {
            inside.push(gates.enter("vm", 22).await.unwrap());
        }
        let waiting = gates.enter("vm", 22);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        gates.shut("vm", 22, Duration::from_secs(15));
        inside.clear();
        assert!(waiting.await.is_err());
    }
}
