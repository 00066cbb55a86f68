//! One SSH connection, from name look-up (or a channel of the machine before) to login, each phase with its own limit.

use super::fault::{self, Phase, nothing};
use super::gate::{Gates, Permit};
use super::handler::{Client, ClientError, Seen, Shown};
use super::limits::{self, Limits};
use super::login::{self, Identities};
use super::pins::Trust;
use super::way::{Hop, Jumps};
use super::wire::{self, KillSwitch, Wire};
use super::{algorithms, dial};
use crate::clock::Clock;
use crate::launcher::AskError;
use russh::client::{self, Handle};
use russh::keys::{Algorithm, PublicKey};
use russh::{ChannelOpenFailure, Disconnect, SshId};
use sortie_core::failure::FailureKind;
use sortie_keys::revocation::RevocationList;
use std::borrow::Cow;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// For people: why a server may drop connections, and what to do about it.
const WHY_DROPPED: &str = "its MaxStartups, or a penalty for this address? See PerSourcePenaltyExemptList in its sshd_config";

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
    /// Connections to machines on the way, shared by the hosts behind them.
    pub jumps: Jumps,
    /// File of revoked keys, read for every connection.
    pub revoked: Option<PathBuf>,
    /// For the windows of certificates.
    pub clock: Clock,
    /// Time limits.
    pub limits: Limits,
}

/// A connection that is logged in.
pub struct Connection {
    handle: Handle<Client>,
    switch: KillSwitch,
    /// The key that the host proved.
    pub host_key: PublicKey,
    /// The authority that vouched for it, where the host showed a certificate.
    pub authority: Option<PublicKey>,
    /// The connection that this one runs through; held while this one is.
    via: Option<Arc<Self>>,
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

    /// Say goodbye and close; the socket is closed in any case. So is what it ran through, where nothing else does.
    pub async fn close(self: Arc<Self>, limits: &Limits) {
        let mut closing = Some(self);
        while let Some(connection) = closing {
            let goodbye = async {
                let _gone_already = connection.handle.disconnect(Disconnect::ByApplication, "", "").await;
                while !connection.is_closed() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let _in_time = timeout(limits.goodbye, goodbye).await;
            connection.kill();
            // Only the last one that ran through it closes it; where two leave at once, dropping it does.
            closing = connection.via.clone().filter(|via| Arc::strong_count(via) == 2);
        }
    }

    /// A channel of this connection to another server, for a connection through it.
    async fn open_tunnel(&self, to: &Endpoint) -> Result<(Wire, KillSwitch), AskError> {
        let opened = self.handle.channel_open_direct_tcpip(to.address.clone(), to.port.into(), "127.0.0.1", 0).await;
        match opened {
            Ok(channel) => Ok(wire::over_channel(channel.into_stream(), &self.switch)),
            Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited)) => {
                let message =
                    format!("{to}: the machine before it forwards no connections for this login (AllowTcpForwarding, PermitOpen)");
                Err(nothing(FailureKind::Refused, message))
            }
            Err(error) => Err(nothing(FailureKind::Unreachable, format!("{to}: the machine before it cannot reach it ({error})"))),
        }
    }

    /// Something came that was asked for: what was read until now is paid for.
    pub fn heard(&self) {
        self.switch.heard();
    }

    /// Close without a word: the peer breaks the rules.
    pub fn kill(&self) {
        self.switch.kill();
    }
}

impl Dialer {
    /// Connect and log in to one server. A handshake that it drops before the login is tried again after a pause, some times; then the
    /// server is left alone for longer, whoever asks (F089).
    ///
    /// # Errors
    /// `unreachable`, `host_key`, `auth` or `refused`; in each case nothing was sent.
    pub(super) async fn open_hop(&self, hop: &Hop, via: Option<Arc<Connection>>) -> Result<Connection, AskError> {
        let mut tries = 1;
        loop {
            match self.try_open(hop, via.as_ref(), tries).await {
                Ok(connection) => return Ok(Connection { via, ..connection }),
                Err((error, true)) if tries < self.limits.handshake_tries => {
                    tracing::debug!(endpoint = %hop.endpoint, tries, %error, "handshake dropped, trying again");
                    tokio::time::sleep(pause(self.limits.handshake_pause, tries)).await;
                    tries += 1;
                }
                Err((mut error, busy)) => {
                    if busy {
                        self.gates.shut(&hop.endpoint.address, hop.endpoint.port, self.limits.penalty);
                        let pause = self.limits.penalty.as_secs();
                        error.message.push_str(&format!(", {tries} times; it is left alone for {pause} s ({WHY_DROPPED})"));
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn try_open(&self, hop: &Hop, via: Option<&Arc<Connection>>, tries: u32) -> Result<Connection, (AskError, bool)> {
        let Hop { endpoint, login, trust, .. } = hop;
        let now = u64::try_from(self.clock.now_s()).unwrap_or(0);
        let credential = timeout(self.limits.auth, self.identities.credential(login, now)).await;
        let silent = |_| (nothing(FailureKind::Unreachable, "the ssh-agent gives no answer; the host is not asked without it"), false);
        let credential = credential.map_err(silent)?.map_err(|e| (e, false))?;
        // Before anything is held or connected, as the credential.
        let revoked = self.revoked().await.map_err(|error| (error, false))?;
        let _permit = self.enter(endpoint).await.map_err(|error| (error, false))?;
        let started = Instant::now();
        let (wire, switch) = self.dial(endpoint, via).await.map_err(|error| (error, false))?;
        let connected = Instant::now();
        let (mut handle, shown) = self.exchange_keys(endpoint, trust, revoked, wire, &switch).await?;
        let exchanged = Instant::now();
        let logged_in = timeout(self.limits.auth, login::log_in(&mut handle, endpoint, credential)).await;
        logged_in.map_err(|_| (fault::timed_out(&endpoint.to_string(), Phase::Auth, self.limits.auth), false))??;
        switch.logged_in();
        let timings = Timings { connect: connected - started, kex: exchanged - connected, auth: exchanged.elapsed(), tries };
        tracing::debug!(%endpoint, ?timings, "connected");
        let Shown { key: host_key, authority, .. } = shown;
        Ok(Connection { handle, switch, host_key, authority, via: None, timings })
    }

    async fn enter(&self, endpoint: &Endpoint) -> Result<Permit, AskError> {
        self.gates.enter(&endpoint.address, endpoint.port).await.map_err(|shut| {
            let left = shut.0.as_secs() + 1;
            let what = "the host dropped connections before the login, and is left alone";
            nothing(FailureKind::Unreachable, format!("{endpoint}: {what} for {left} s more ({WHY_DROPPED})"))
        })
    }

    async fn dial(&self, endpoint: &Endpoint, via: Option<&Arc<Connection>>) -> Result<(Wire, KillSwitch), AskError> {
        let late = |_| fault::timed_out(&endpoint.to_string(), Phase::Connect, self.limits.connect);
        if let Some(via) = via {
            return timeout(self.limits.connect, via.open_tunnel(endpoint)).await.map_err(late)?;
        }
        let tcp = timeout(self.limits.connect, dial::dial(&endpoint.address, endpoint.port)).await.map_err(late)?;
        let unreachable = |error: std::io::Error| nothing(FailureKind::Unreachable, format!("{endpoint}: no connection: {error}"));
        wire::over_tcp(tcp.map_err(unreachable)?).map_err(unreachable)
    }

    async fn exchange_keys(
        &self,
        endpoint: &Endpoint,
        trust: &Trust,
        revoked: Option<RevocationList>,
        wire: Wire,
        switch: &KillSwitch,
    ) -> Result<(Handle<Client>, Shown), (AskError, bool)> {
        let seen = Seen::default();
        match self.greet(trust, wire, switch, &seen, revoked).await {
            Ok(Ok(handle)) => match seen.get() {
                Some(shown) => Ok((handle, shown)),
                None => Err((nothing(FailureKind::HostKey, format!("{endpoint}: the host showed no key")), false)),
            },
            Ok(Err(error)) => Err(fault::handshake(&endpoint.to_string(), trust, seen.get(), &error)),
            Err(phase) => {
                let limit = if phase == Phase::Banner { self.limits.banner } else { self.limits.kex };
                let mut error = fault::timed_out(&endpoint.to_string(), phase, limit);
                if !switch.heard_something() {
                    error.message.push_str("; something listens there and says nothing");
                }
                Err((error, false))
            }
        }
    }

    /// Banner and key exchange; the banner has a limit of its own within that of both.
    async fn greet(
        &self,
        trust: &Trust,
        wire: Wire,
        switch: &KillSwitch,
        seen: &Seen,
        revoked: Option<RevocationList>,
    ) -> Result<Result<Handle<Client>, ClientError>, Phase> {
        let client = Client { trust: trust.clone(), revoked, seen: seen.clone(), clock: self.clock };
        let mut connecting = pin!(client::connect_stream(Arc::new(self.client_config(trust)), wire, client));
        let banner = self.limits.banner.min(self.limits.kex);
        match timeout(banner, &mut connecting).await {
            Ok(connected) => Ok(connected),
            Err(_) if !switch.greeted() => Err(Phase::Banner),
            Err(_) => timeout(self.limits.kex - banner, connecting).await.map_err(|_| Phase::Kex),
        }
    }

    /// The list of revoked keys, where one is configured. Without it no key is believed, and what is to be done waits.
    async fn revoked(&self) -> Result<Option<RevocationList>, AskError> {
        let Some(path) = self.revoked.clone() else { return Ok(None) };
        let name = path.display().to_string();
        // A file may be one that never ends to be opened: a pipe, a share that is away.
        let read = timeout(self.limits.connect, tokio::task::spawn_blocking(move || RevocationList::load(&path))).await;
        let fault = match read {
            Ok(Ok(Ok(list))) => return Ok(Some(list)),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it cannot be read within {} s", self.limits.connect.as_secs()),
        };
        Err(nothing(FailureKind::Unreachable, format!("{name} (revoked_host_keys of config.toml): {fault}; no host is asked without it")))
    }

    fn client_config(&self, trust: &Trust) -> client::Config {
        client::Config {
            client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-sortie_", env!("CARGO_PKG_VERSION")))),
            preferred: algorithms::preferred(trust.algorithms(), trust.takes_certificates()),
            keepalive_interval: Some(self.limits.keepalive),
            keepalive_max: self.limits.keepalives,
            channel_buffer_size: limits::CHANNEL_MESSAGES,
            nodelay: true,
            ..client::Config::default()
        }
    }

    /// Look at a key of a host without logging in. sshd counts this against the address, so it is for people's commands only.
    /// With the algorithms to ask for, where not all are meant.
    ///
    /// # Errors
    /// `unreachable`.
    pub(super) async fn look(
        &self,
        endpoint: &Endpoint,
        via: Option<&Arc<Connection>>,
        only: Option<Vec<Algorithm>>,
    ) -> Result<PublicKey, AskError> {
        let _permit = self.enter(endpoint).await?;
        let (wire, switch) = self.dial(endpoint, via).await?;
        let (seen, trust) = (Seen::default(), Trust::OnlyLook(only));
        let result = self.greet(&trust, wire, &switch, &seen, None).await;
        match (seen.get(), result) {
            (Some(shown), _) => Ok(shown.key),
            (None, Ok(Err(error))) => Err(fault::handshake(&endpoint.to_string(), &trust, None, &error).0),
            (None, Ok(Ok(_))) => Err(nothing(FailureKind::HostKey, format!("{endpoint}: the host showed no key"))),
            (None, Err(phase)) => Err(fault::timed_out(&endpoint.to_string(), phase, self.limits.kex)),
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
