//! Bounds on handshakes at once: per address and port (sshd's `MaxStartups`), and of the whole process.

use super::limits::{HANDSHAKES, HANDSHAKES_PER_HOST};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type PerHost = HashMap<(String, u16), Weak<Semaphore>>;

/// The gates of one launcher.
#[derive(Debug)]
pub struct Gates {
    all: Arc<Semaphore>,
    per_host: Mutex<PerHost>,
}

/// Leave to do one handshake, until dropped.
pub struct Permit {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Gates {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(HANDSHAKES)), per_host: Mutex::default() }
    }
}

impl Gates {
    /// Wait for leave. First the host's gate: one slow host must not hold the gate of all.
    pub async fn enter(&self, address: &str, port: u16) -> Permit {
        let host = self.of(address, port);
        Permit { _host: acquire(host).await, _all: acquire(Arc::clone(&self.all)).await }
    }

    fn of(&self, address: &str, port: u16) -> Arc<Semaphore> {
        let mut gates = self.per_host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&(address.to_owned(), port)).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Semaphore::new(HANDSHAKES_PER_HOST));
        gates.insert((address.to_owned(), port), Arc::downgrade(&gate));
        gate
    }
}

async fn acquire(gate: Arc<Semaphore>) -> OwnedSemaphorePermit {
    gate.acquire_owned().await.expect("gates are never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_host_lets_in_four_and_forgets_itself() {
        let gates = Gates::default();
        let mut inside = Vec::new();
        for _ in 0..HANDSHAKES_PER_HOST {
            inside.push(gates.enter("vm", 22).await);
        }
        assert_eq!(gates.of("vm", 22).available_permits(), 0);
        assert_eq!(gates.of("vm", 23).available_permits(), HANDSHAKES_PER_HOST, "another port is another server");
        drop(inside);
        assert_eq!(gates.of("vm", 22).available_permits(), HANDSHAKES_PER_HOST);
        assert_eq!(gates.per_host.lock().unwrap().len(), 1, "unused gates are forgotten");
    }
}
