//! Adding a host: its key is compared with what the operator expects, then its state root and marker are pinned.

use super::connection::{Connection, Endpoint};
use super::fault::nothing;
use super::install::{self, Installed};
use super::launcher::SshLauncher;
use super::pins::{Pins, Trust, fingerprint, key_line};
use super::script::Root;
use super::session::{Asked, Session, Start};
use crate::launcher::AskError;
use sortie_core::failure::FailureKind;
use sortie_core::host::Login;
use sortie_keys::known_hosts::KnownHosts;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::HostFacts;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator expects the host to prove (F080: a key is never believed by itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    Fingerprint(String),
    /// OpenSSH public key lines: one of these, and all of them are pinned.
    Keys(Vec<String>),
    /// A known_hosts file that has the host.
    KnownHosts(PathBuf),
    /// Whatever it shows now. An explicit act, to be recorded by the caller.
    TrustOnFirstUse,
}

/// A host to be added.
#[derive(Clone, Debug)]
pub struct EnrollRequest {
    /// Name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// How to log in.
    pub login: Login,
    /// Without one the host is refused, and the message shows its fingerprint.
    pub expected: Option<Expected>,
    /// State root; without one the host picks `$XDG_STATE_HOME/sortie`, or what comes next that can be executed from.
    pub root: Option<String>,
}

/// What a host is pinned by.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// For `Host.host_keys`.
    pub host_keys: Vec<String>,
    /// For `Host.state_root`.
    pub state_root: String,
    /// For `Host.marker`.
    pub marker: String,
    /// About the machine.
    pub facts: HostFacts,
}

/// The key that a host shows to somebody who does not log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// OpenSSH public key line.
    pub key: String,
    /// Type and `SHA256:...`.
    pub fingerprint: String,
}

impl SshLauncher {
    /// Look at a host's key, to show its fingerprint. Believes nothing and does not log in.
    ///
    /// # Errors
    /// `unreachable`.
    pub async fn scan(&self, address: &str, port: u16) -> Result<Offered, AskError> {
        let key = self.dialer.look(address, port).await?;
        Ok(Offered { key: key_line(&key), fingerprint: fingerprint(&key) })
    }

    /// Log in, put the shim there, make the state root with its marker where there is none, and learn what to pin.
    ///
    /// # Errors
    /// `host_key` where the key is not the expected one, or nothing is expected; else as for every question.
    pub async fn enroll(&self, request: &EnrollRequest) -> Result<Enrolled, AskError> {
        let refuse = |error: String| nothing(FailureKind::Refused, error);
        let root = request.root.as_deref().map(Root::parse).transpose().map_err(refuse)?;
        let trust = trust_of(request)?;
        let endpoint = Endpoint { address: request.address.clone(), port: request.port, user: request.user.clone() };
        let connection = Arc::new(self.dialer.open(&endpoint, &trust, &request.login).await?);
        let result = self.make_marker(&connection, &endpoint.to_string(), root.as_ref()).await;
        let host_keys = match &request.expected {
            Some(Expected::Keys(lines)) => lines.clone(),
            _ => vec![key_line(&connection.host_key)],
        };
        connection.close(&self.dialer.limits).await;
        let facts = result?;
        let state_root = Root::parse(&facts.root).map_err(refuse)?.as_str().to_owned();
        Ok(Enrolled { host_keys, state_root, marker: facts.marker.clone(), facts })
    }

    async fn make_marker(&self, connection: &Arc<Connection>, at: &str, root: Option<&Root>) -> Result<HostFacts, AskError> {
        let start = Start { at, root, limits: &self.dialer.limits };
        let installed = install::start(connection, start, self.shims.first(), &self.shims).await;
        let Installed { mut session, .. } = installed.map_err(|error| error.into_ask_error(at))?;
        let facts = self.doctor(&mut session, at, None, true).await;
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

fn trust_of(request: &EnrollRequest) -> Result<Trust, AskError> {
    let bad = |error: String| nothing(FailureKind::HostKey, error);
    Ok(match &request.expected {
        None => Trust::OnlyLook,
        Some(Expected::TrustOnFirstUse) => Trust::FirstUse,
        Some(Expected::Fingerprint(text)) if text.starts_with("SHA256:") => Trust::Fingerprint(text.trim_end_matches('=').to_owned()),
        Some(Expected::Fingerprint(text)) => return Err(bad(format!("{text:?} is no fingerprint of the form SHA256:..."))),
        Some(Expected::Keys(lines)) => Trust::Pinned(Pins::parse(lines).map_err(bad)?),
        Some(Expected::KnownHosts(path)) => {
            let file = KnownHosts::load(path).map_err(|error| bad(error.to_string()))?;
            Trust::KnownHosts { file, host: request.address.clone(), port: request.port }
        }
    })
}
