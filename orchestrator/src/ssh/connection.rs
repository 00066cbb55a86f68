//! One SSH connection, from name look-up to login, each phase with its own limit.

use super::fault::{self, Phase, nothing};
use super::gate::Gates;
use super::handler::{Client, ClientError, Seen};
use super::limits::{self, Limits};
use super::login::{self, Identities};
use super::pins::Trust;
use super::wire::{self, KillSwitch, Wire};
use super::{algorithms, dial};
use crate::launcher::AskError;
use russh::client::{self, Handle};
use russh::keys::PublicKey;
use russh::{Disconnect, SshId};
use sortie_core::failure::FailureKind;
use sortie_core::host::Login;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Where to connect and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.address, self.port)
    }
}

/// How long the phases took, and how often the handshake was tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Name look-up and TCP connect.
    pub connect: Duration,
    /// Banner and key exchange.
    pub kex: Duration,
    /// Login.
    pub auth: Duration,
    /// Handshakes, the last one included.
    pub tries: u32,
}

/// What is needed to reach any host.
#[derive(Debug)]
pub struct Dialer {
    /// Where identities come from.
    pub identities: Identities,
    /// Bounds on handshakes at once.
    pub gates: Gates,
    /// Time limits.
    pub limits: Limits,
}

/// A connection that is logged in.
pub struct Connection {
    handle: Handle<Client>,
    switch: KillSwitch,
    /// The key that the host proved.
    pub host_key: PublicKey,
    /// How long it took.
    pub timings: Timings,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("timings", &self.timings).finish_non_exhaustive()
    }
}

impl Connection {
    /// Whether the connection is known to be dead.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Open a session channel. The caller sets the time limit.
    pub(super) async fn open_channel(&self) -> Result<russh::Channel<client::Msg>, russh::Error> {
        self.handle.channel_open_session().await
    }

    /// Say goodbye and close; the socket is closed in any case.
    pub async fn close(self: Arc<Self>, limits: &Limits) {
        let goodbye = async {
            let _gone_already = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            while !self.is_closed() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _in_time = timeout(limits.goodbye, goodbye).await;
        self.kill();
    }

    /// Close without a word: the peer breaks the rules.
    pub fn kill(&self) {
        self.switch.kill();
    }
}

impl Dialer {
    /// Connect and log in. A handshake that the server drops before the login is tried again after a pause.
    ///
    /// # Errors
    /// `unreachable`, `host_key` or `auth`; in each case nothing was sent.
    pub async fn open(&self, endpoint: &Endpoint, trust: &Trust, login: &Login) -> Result<Connection, AskError> {
        let mut tries = 1;
        loop {
            match self.try_open(endpoint, trust, login, tries).await {
                Ok(connection) => return Ok(connection),
                Err((error, true)) if tries < self.limits.handshake_tries => {
                    tracing::debug!(%endpoint, tries, %error, "handshake dropped, trying again");
                    tokio::time::sleep(pause(self.limits.handshake_pause, tries)).await;
                    tries += 1;
                }
                Err((mut error, busy)) => {
                    if busy {
                        error.message.push_str(&format!(", {tries} times (its MaxStartups, or a penalty for this address?)"));
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn try_open(&self, endpoint: &Endpoint, trust: &Trust, login: &Login, tries: u32) -> Result<Connection, (AskError, bool)> {
        let credential = timeout(self.limits.auth, self.identities.credential(login)).await;
        let credential =
            credential.map_err(|_| (nothing(FailureKind::Auth, "the ssh-agent gives no answer"), false))?.map_err(|e| (e, false))?;
        let _permit = self.gates.enter(&endpoint.address, endpoint.port).await;
        let started = Instant::now();
        let (wire, switch) = self.dial(endpoint).await.map_err(|error| (error, false))?;
        let connected = Instant::now();
        let (mut handle, host_key) = self.exchange_keys(endpoint, trust, wire, &switch).await?;
        let exchanged = Instant::now();
        let logged_in = timeout(self.limits.auth, login::log_in(&mut handle, endpoint, credential)).await;
        logged_in.map_err(|_| (fault::timed_out(&endpoint.to_string(), Phase::Auth, self.limits.auth), false))??;
        switch.logged_in();
        let timings = Timings { connect: connected - started, kex: exchanged - connected, auth: exchanged.elapsed(), tries };
        tracing::debug!(%endpoint, ?timings, "connected");
        Ok(Connection { handle, switch, host_key, timings })
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<(Wire, KillSwitch), AskError> {
        let dialed = timeout(self.limits.connect, dial::dial(&endpoint.address, endpoint.port)).await;
        let tcp = dialed.map_err(|_| fault::timed_out(&endpoint.to_string(), Phase::Connect, self.limits.connect))?;
        let unreachable = |error: std::io::Error| nothing(FailureKind::Unreachable, format!("{endpoint}: no connection: {error}"));
        wire::wire(tcp.map_err(unreachable)?).map_err(unreachable)
    }

    async fn exchange_keys(
        &self,
        endpoint: &Endpoint,
        trust: &Trust,
        wire: Wire,
        switch: &KillSwitch,
    ) -> Result<(Handle<Client>, PublicKey), (AskError, bool)> {
        let seen = Seen::default();
        let client = Client { trust: trust.clone(), seen: seen.clone() };
        let config = Arc::new(self.client_config(trust));
        match timeout(self.limits.kex, client::connect_stream(config, wire, client)).await {
            Ok(Ok(handle)) => match seen.get() {
                Some((key, _)) => Ok((handle, key)),
                None => Err((nothing(FailureKind::HostKey, format!("{endpoint}: the host showed no key")), false)),
            },
            Ok(Err(error)) => Err(fault::handshake(&endpoint.to_string(), trust, seen.get(), &error)),
            Err(_) => {
                let mut error = fault::timed_out(&endpoint.to_string(), Phase::Kex, self.limits.kex);
                if !switch.heard_something() {
                    error.message.push_str("; something listens there and says nothing");
                }
                Err((error, false))
            }
        }
    }

    fn client_config(&self, trust: &Trust) -> client::Config {
        client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-sortie_", env!("CARGO_PKG_VERSION")))),
            preferred: algorithms::preferred(trust.algorithms()),
            keepalive_interval: Some(self.limits.keepalive),
            keepalive_max: self.limits.keepalives,
            channel_buffer_size: limits::CHANNEL_MESSAGES,
            nodelay: true,
            ..client::Config::default()
        }
    }

    /// Look at the key of a host without logging in. sshd counts this against the address, so it is for `host add` only.
    ///
    /// # Errors
    /// `unreachable`.
    pub async fn look(&self, address: &str, port: u16) -> Result<PublicKey, AskError> {
        let endpoint = Endpoint { address: address.to_owned(), port, user: String::new() };
        let _permit = self.gates.enter(address, port).await;
        let (wire, _switch) = self.dial(&endpoint).await?;
        let seen = Seen::default();
        let trust = Trust::OnlyLook;
        let config = Arc::new(self.client_config(&trust));
        let result =
            timeout(self.limits.kex, client::connect_stream(config, wire, Client { trust: trust.clone(), seen: seen.clone() })).await;
        match (seen.get(), result) {
            (Some((key, _)), _) => Ok(key),
            (None, Ok(Err(error))) => Err(fault::handshake(&endpoint.to_string(), &trust, None, &error).0),
            (None, Ok(Ok(_))) => Err(nothing(FailureKind::HostKey, format!("{address}:{port}: the host showed no key"))),
            (None, Err(_)) => Err(fault::timed_out(&endpoint.to_string(), Phase::Kex, self.limits.kex)),
        }
    }
}

/// Pause after the n-th dropped handshake: doubles, between half and the whole of it.
pub(crate) fn pause(first: Duration, tries: u32) -> Duration {
    let whole = first.saturating_mul(1 << tries.saturating_sub(1).min(8));
    let mut random = [0_u8; 2];
    // Without random bits the pause is merely not spread.
    let _spread = aws_lc_rs::rand::fill(&mut random);
    whole / 2 + whole.mul_f64(f64::from(u16::from_le_bytes(random)) / 131_072.0)
}

impl From<ClientError> for AskError {
    fn from(error: ClientError) -> Self {
        nothing(FailureKind::Unreachable, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stay_within_their_bounds() {
        for tries in 1..20 {
            let whole = Duration::from_millis(200) * (1 << (tries - 1).min(8));
            let pause = pause(Duration::from_millis(200), tries);
            assert!(pause >= whole / 2 && pause <= whole, "{tries}: {pause:?}");
        }
    }
}
