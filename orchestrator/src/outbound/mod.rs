//! What the server itself sends: HTTP within the policy, no redirects, no proxies, bounded in time and size.

pub mod limits;
pub mod policy;
pub mod resolve;
pub mod retry_after;

use limits::CONNECT_MS;
use policy::Policy;
use reqwest::header::HeaderMap;
use resolve::{Guarded, Lookup, SystemLookup};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// Sends. Each connection is its own: none is kept for the next request, so that each is resolved and checked.
pub struct Outbound {
    guarded: Guarded,
    /// One client without private addresses, one with.
    clients: [OnceLock<reqwest::Client>; 2],
}

/// A request.
pub struct Request {
    /// In upper case.
    pub method: reqwest::Method,
    /// Where to.
    pub url: Url,
    /// What stands above the body.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How large the body of the answer may be, in bytes.
    pub response_bytes: u64,
    /// Whether private addresses are allowed.
    pub allow_private: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What stands above the body.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no answer. Never quotes a URL, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The destination is not allowed.
    #[error("{0}")]
    Policy(String),
    /// Nothing came, or it broke off.
    #[error("{0}")]
    Unreachable(String),
    /// Not in time.
    #[error("no answer within {0} ms")]
    TimedOut(u128),
    /// More than was asked for.
    #[error("the answer has more than {0} bytes")]
    TooLarge(u64),
}

impl Outbound {
    /// Within this policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// With another resolver.
    #[must_use]
    pub fn with_lookup(policy: Policy, lookup: Arc<dyn Lookup>) -> Self {
        Self { guarded: Guarded { policy: Arc::new(policy), lookup, allow_private: false }, clients: [OnceLock::new(), OnceLock::new()] }
    }

    /// The addresses of a host that may be connected to.
    ///
    /// # Errors
    /// [`Fault::Policy`] or [`Fault::Unreachable`].
    pub async fn addresses(&self, host: &Host<&str>, port: u16, allow_private: bool) -> Result<Vec<SocketAddr>, Fault> {
        let guarded = self.guarded(allow_private);
        let found = match host {
            Host::Domain(name) => guarded.addresses(name).await?,
            Host::Ipv4(address) => vec![(*address).into()],
            Host::Ipv6(address) => vec![(*address).into()],
        };
        found.iter().try_for_each(|address| guarded.check(&host.to_string(), *address))?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Send a request and read its answer.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        let timeout = request.timeout;
        let asked = tokio::time::timeout(timeout, self.exchange(request)).await;
        asked.unwrap_or(Err(Fault::TimedOut(timeout.as_millis())))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Fault> {
        let Request { method, url, headers, body, timeout: _, response_bytes, allow_private } = request;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(Fault::Policy(format!("requests go to http and https, not to {}", url.scheme())));
        }
        // A name is resolved by the client, through the same guard. An address is connected to as it is: checked here.
        match url.host() {
            None => return Err(Fault::Policy("the URL names no host".to_owned())),
            Some(Host::Domain(_)) => {}
            Some(host) => drop(self.addresses(&host, 0, allow_private).await?),
        }
        let sent = self.client(allow_private)?.request(method, url).headers(headers).body(body).send().await;
        let mut answer = sent.map_err(|error| fault(&error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
            if (body.len() + chunk.len()) as u64 > response_bytes {
                return Err(Fault::TooLarge(response_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    fn guarded(&self, allow_private: bool) -> Guarded {
        Guarded { allow_private, ..self.guarded.clone() }
    }

    fn client(&self, allow_private: bool) -> Result<&reqwest::Client, Fault> {
        let place = &self.clients[usize::from(allow_private)];
        if let Some(client) = place.get() {
            return Ok(client);
        }
        crypto();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(CONNECT_MS))
            .user_agent(concat!("sortie/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(self.guarded(allow_private)))
            .build()
            .map_err(|error| Fault::Unreachable(format!("no client: {error}")))?;
        Ok(place.get_or_init(|| client))
    }
}

/// Name the TLS backend, once for the process.
pub fn crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default(); // an error means: already done
}

/// What caused an error, from the outside in.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| Error::source(*cause))
}

/// The cause of a failed request, without its URL.
fn fault(error: &reqwest::Error) -> Fault {
    let mut causes = causes(error);
    if let Some(ours) = causes.find_map(|cause| cause.downcast_ref::<Fault>()) {
        return ours.clone();
    }
    if error.is_timeout() {
        return Fault::TimedOut(u128::from(CONNECT_MS));
    }
    let last = self::causes(error).last();
    let what = if error.is_connect() { "cannot connect" } else { "the exchange broke off" };
    Fault::Unreachable(last.map_or_else(|| what.to_owned(), |last| format!("{what}: {last}")))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
