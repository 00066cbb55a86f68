//! Names become addresses here and nowhere else: once, all of them checked, and only those are connected to (F073).

use super::Fault;
use super::limits::{ADDRESSES, RESOLVE_MS};
use super::policy::{Denied, Policy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// What a name leads to.
pub type Found<'a> = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Asks for the addresses of a name.
pub trait Lookup: Send + Sync {
    /// All of them.
    fn lookup(&self, host: &str) -> Found<'_>;
}

/// The system's resolver.
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> Found<'_> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Resolves, and gives only what may be connected to.
#[derive(Clone)]
pub struct Guarded {
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// Who knows the addresses.
    pub lookup: Arc<dyn Lookup>,
    /// Whether private addresses are allowed.
    pub allow_private: bool,
}

impl Guarded {
    /// The addresses of a host; one that is not allowed refuses them all.
    ///
    /// # Errors
    /// [`Fault::Policy`] or [`Fault::Unreachable`].
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let asked = tokio::time::timeout(Duration::from_millis(RESOLVE_MS), self.lookup.lookup(host)).await;
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(Fault::Unreachable(format!("{host} cannot be resolved: {error}"))),
            Err(_) => return Err(Fault::Unreachable(format!("{host} was not resolved within {} s", RESOLVE_MS / 1_000))),
        };
        if found.is_empty() || found.len() > ADDRESSES {
            return Err(Fault::Unreachable(format!("{host} has {} addresses", found.len())));
        }
        for address in &found {
            self.check(host, *address)?;
        }
        Ok(found)
    }

    /// Whether this address may be connected to.
    ///
    /// # Errors
    /// [`Fault::Policy`].
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Fault> {
        self.policy.check(host, address, self.allow_private).map_err(|denied: Denied| Fault::Policy(denied.to_string()))
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
