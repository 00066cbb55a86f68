//! A host as this side sees it: validated, and the key under which its lane is found.

use super::connection::Endpoint;
use super::fault::nothing;
use super::pins::{Pins, Trust};
use super::script::Root;
use crate::launcher::AskError;
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, Login};

/// What makes two hosts the same for a connection. Names, labels and markers do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    endpoint: Endpoint,
    agent: bool,
    key_file: String,
    host_keys: Vec<String>,
    root: Root,
}

/// A host, ready to be reached.
#[derive(Debug)]
pub struct Target {
    /// Where and as whom.
    pub endpoint: Endpoint,
    /// How to log in.
    pub login: Login,
    /// Its pinned keys.
    pub trust: Trust,
    /// Its pinned state root.
    pub root: Root,
    /// For messages: name and address.
    pub at: String,
}

/// The key of a host, or why it cannot be reached as it stands.
///
/// # Errors
/// `refused`: a state root that could not stand in a header line.
pub fn lane_key(host: &Host) -> Result<LaneKey, AskError> {
    let root = Root::parse(&host.state_root).map_err(|error| nothing(FailureKind::Refused, format!("host {}: {error}", host.name)))?;
    let (agent, key_file) = match &host.login {
        Login::Key(path) => (false, path.clone()),
        Login::Agent => (true, String::new()),
        Login::AgentKey(fingerprint) => (true, fingerprint.clone()),
        Login::Certificate { key, certificate } => (false, format!("{key}\0{certificate}")),
    };
    let endpoint = Endpoint { address: host.address.clone(), port: host.port, user: host.user.clone() };
    Ok(LaneKey { endpoint, agent, key_file, host_keys: host.host_keys.clone(), root })
}

impl Target {
    /// Read a host.
    ///
    /// # Errors
    /// `host_key`: nothing is pinned that could be accepted. `refused`: its state root.
    pub fn of(host: &Host) -> Result<Self, AskError> {
        let LaneKey { endpoint, root, .. } = lane_key(host)?;
        let pins = Pins::parse(&host.host_keys).map_err(|error| nothing(FailureKind::HostKey, format!("host {}: {error}", host.name)))?;
        let at = format!("{} ({endpoint})", host.name);
        Ok(Self { endpoint, login: host.login.clone(), trust: Trust::Pinned(pins), root, at })
    }
}
