//! Adding a host: its key, and those of the machines on the way, are compared with what the operator expects; then its state
//! root and marker are pinned.

use super::connection::{Connection, Endpoint};
use super::fault::nothing;
use super::install::{self, Installed};
use super::launcher::SshLauncher;
use super::limits::{AUTHORITIES, JUMPS};
use super::pins::{Pins, Trust, key_line, split_revoked};
use super::script::Root;
use super::session::{Asked, Session, Start};
use super::way::{Hop, Way};
use crate::launcher::AskError;
use sortie_core::failure::FailureKind;
use sortie_core::host::{JumpHost, Login};
use sortie_keys::known_hosts::KnownHosts;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::HostFacts;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator expects a machine to prove (F080: a key is never believed by itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    Fingerprint(String),
    /// OpenSSH public key lines: one of these, and all of them are pinned.
    Keys(Vec<String>),
    /// OpenSSH public key lines of authorities: a certificate by one of these, and all of them are pinned. A line that begins
    /// with `@revoked ` names a key that must not be shown.
    Authorities(Vec<String>),
    /// known_hosts files that have the machine, or an authority for it.
    KnownHosts(Vec<PathBuf>),
    /// Whatever it shows now. An explicit act, to be recorded by the caller.
    TrustOnFirstUse,
}

/// A machine to be reached for the first time.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Name or IP address, as the machine before it sees it.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// How to log in.
    pub login: Login,
    /// Without one the machine is refused, and the message shows its fingerprint.
    pub expected: Option<Expected>,
    /// The name that it has in known_hosts and in certificates, where that is not the address (`HostKeyAlias`).
    pub key_name: Option<String>,
}

/// A host to be added.
#[derive(Clone, Debug, Default)]
pub struct EnrollRequest {
    /// The host.
    pub host: Place,
    /// Machines on the way to it, nearest first.
    pub jumps: Vec<Place>,
    /// State root; without one the host picks `$XDG_STATE_HOME/sortie`, or what comes next that can be executed from.
    pub root: Option<String>,
    /// Path of a shim that is installed there; none is sent then.
    pub shim: Option<String>,
    /// Whether the login becomes root by `sudo`, for [`Host::sudo`](sortie_core::host::Host::sudo).
    pub sudo: bool,
}

/// What a host is pinned by.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// For `Host.host_keys`.
    pub host_keys: Vec<String>,
    /// For `Host.host_cas`.
    pub host_cas: Vec<String>,
    /// For `Host.jumps`.
    pub jumps: Vec<JumpHost>,
    /// For `Host.state_root`.
    pub state_root: String,
    /// For `Host.marker`.
    pub marker: String,
    /// For `Host.arch`: the machine type, as the host says it.
    pub arch: Option<String>,
    /// About the machine.
    pub facts: HostFacts,
}

/// What a machine that was reached is pinned by.
struct Pinned {
    host_keys: Vec<String>,
    host_cas: Vec<String>,
}

impl Place {
    fn endpoint(&self) -> Endpoint {
        Endpoint { address: self.address.clone(), port: self.port, user: self.user.clone() }
    }

    /// What certificates must be made out to.
    fn name(&self) -> &str {
        self.key_name.as_deref().unwrap_or(&self.address)
    }

    /// The name and port under which known_hosts has it: an alias stands there without a port, as OpenSSH writes it.
    fn known_as(&self) -> (&str, u16) {
        self.key_name.as_deref().map_or((self.address.as_str(), self.port), |name| (name, 22))
    }

    pub(super) fn hop(&self) -> Result<Hop, AskError> {
        Ok(Hop { endpoint: self.endpoint(), login: self.login.clone(), trust: self.trust()?, key: None })
    }

    fn trust(&self) -> Result<Trust, AskError> {
        let bad = |error: String| nothing(FailureKind::HostKey, format!("{}: {error}", self.endpoint()));
        Ok(match &self.expected {
            None => Trust::OnlyLook(None),
            Some(Expected::TrustOnFirstUse) => Trust::FirstUse,
            Some(Expected::Fingerprint(text)) if text.starts_with("SHA256:") => Trust::Fingerprint(text.trim_end_matches('=').to_owned()),
            Some(Expected::Fingerprint(text)) => return Err(bad(format!("{text:?} is no fingerprint of the form SHA256:..."))),
            Some(Expected::Keys(lines)) => Trust::Pinned(Pins::parse(lines).map_err(bad)?),
            Some(Expected::Authorities(lines)) => {
                if lines.len() > AUTHORITIES {
                    return Err(bad(format!("{} lines are more than {AUTHORITIES} authorities and revoked keys", lines.len())));
                }
                let (revoked, authorities) = split_revoked(lines);
                Trust::Pinned(Pins::with_authorities(&revoked, &authorities, self.name()).map_err(bad)?)
            }
            Some(Expected::KnownHosts(paths)) => {
                let file = KnownHosts::load_all(paths).map_err(|error| bad(error.to_string()))?;
                let (host, port) = self.known_as();
                Trust::KnownHosts { file, host: host.to_owned(), port, name: self.name().to_owned() }
            }
        })
    }

    /// What to pin, once it was reached.
    fn pins(&self, trust: &Trust, connection: &Connection) -> Pinned {
        let (shown, by_certificate) = (key_line(&connection.host_key), connection.authority.is_some());
        match (&self.expected, trust) {
            (Some(Expected::Keys(lines)), _) => Pinned { host_keys: lines.clone(), host_cas: vec![] },
            (Some(Expected::Authorities(lines)), _) => {
                let (host_keys, host_cas) = split_revoked(lines);
                Pinned { host_keys, host_cas }
            }
            (_, Trust::KnownHosts { file, host, port, .. }) => {
                let revoked = file.revoked_for(host, *port).into_iter().map(|key| format!("@revoked {}", key_line(&key)));
                let authorities: Vec<String> = file.authorities_for(host, *port).iter().map(key_line).collect();
                let (own, host_cas) = if by_certificate { (None, authorities) } else { (Some(shown), vec![]) };
                Pinned { host_keys: own.into_iter().chain(revoked).collect(), host_cas }
            }
            _ => Pinned { host_keys: vec![shown], host_cas: vec![] },
        }
    }
}

impl SshLauncher {
    /// Log in, put the shim there, make the state root with its marker where there is none, and learn what to pin.
    ///
    /// # Errors
    /// `host_key` where a key is not the expected one, or nothing is expected; else as for every question.
    pub async fn enroll(&self, request: &EnrollRequest) -> Result<Enrolled, AskError> {
        let refuse = |error: String| nothing(FailureKind::Refused, error);
        if request.jumps.len() > JUMPS {
            return Err(refuse(format!("{} machines on the way are more than the {JUMPS} that are passed", request.jumps.len())));
        }
        let root = request.root.as_deref().map(Root::parse).transpose().map_err(refuse)?;
        let installed = request.shim.as_deref().map(Root::parse).transpose().map_err(|error| refuse(format!("the shim: {error}")))?;
        let way = Way { jumps: request.jumps.iter().map(Place::hop).collect::<Result<_, _>>()?, host: request.host.hop()? };
        let at = way.host.endpoint.to_string();
        // Each is looked at on its own, since each is pinned by what it showed.
        let (mut via, mut jumps) = (None, Vec::new());
        for (place, hop) in request.jumps.iter().zip(&way.jumps) {
            let connection = self.dialer.open_hop(hop, via).await;
            let connection =
                Arc::new(connection.map_err(|error| AskError { message: format!("on the way to {at}: {}", error.message), ..error })?);
            let Pinned { host_keys, host_cas } = place.pins(&hop.trust, &connection);
            let Place { address, port, user, login, key_name, .. } = place.clone();
            jumps.push(JumpHost { address, port, user, login, host_keys, host_cas, key_name });
            via = Some(connection);
        }
        let connection = Arc::new(self.dialer.open_hop(&way.host, via).await?);
        let Pinned { host_keys, host_cas } = request.host.pins(&way.host.trust, &connection);
        let (root, installed, limits) = (root.as_ref(), installed.as_ref(), &self.dialer.limits);
        let start = Start { at: &at, root, installed, sudo: request.sudo, limits };
        let result = self.make_marker(&connection, start).await;
        connection.close(&self.dialer.limits).await;
        let facts = result?;
        let state_root = Root::parse(&facts.root).map_err(refuse)?.as_str().to_owned();
        let arch = facts.uname.split(' ').next_back().filter(|word| word.len() <= 32).map(str::to_owned);
        Ok(Enrolled { host_keys, host_cas, jumps, state_root, marker: facts.marker.clone(), arch, facts })
    }

    async fn make_marker(&self, connection: &Arc<Connection>, start: Start<'_>) -> Result<HostFacts, AskError> {
        let installed = install::start(connection, start, self.shims.first(), &self.shims).await;
        let Installed { mut session, .. } = installed.map_err(|error| error.into_ask_error(start.at))?;
        let facts = self.doctor(&mut session, start.at, None, true).await;
        session.end().await;
        facts
    }

    /// Ask a session for the facts of its machine.
    pub(super) async fn doctor(
        &self,
        session: &mut Session,
        at: &str,
        marker: Option<String>,
        create_marker: bool,
    ) -> Result<HostFacts, AskError> {
        match session.ask(self.question(at, marker, Verb::Doctor { create_marker })?).await {
            Asked::Done(Ok(Reply::Doctor(facts))) => Ok(facts),
            Asked::Done(Ok(Reply::Refused { message, .. })) => Err(nothing(FailureKind::Refused, format!("{at}: {message}"))),
            Asked::Done(Ok(other)) => Err(nothing(FailureKind::Refused, format!("{at}: the shim answered doctor with {other:?}"))),
            Asked::Done(Err(error)) => Err(error),
            Asked::Unsent(_) => Err(nothing(FailureKind::Unreachable, format!("{at}: the session ended"))),
        }
    }
}
