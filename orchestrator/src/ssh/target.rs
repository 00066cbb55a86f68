//! A host as this side sees it: validated, and the key under which its lane is found.

use super::connection::Endpoint;
use super::fault::nothing;
use super::limits::{JUMPS, Limits};
use super::pins::{Pins, Trust};
use super::script::Root;
use super::session::Start;
use super::way::{Hop, HopKey, Way};
use crate::launcher::AskError;
use crate::shim::Arch;
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, JumpHost, Login};

/// What makes two hosts the same for a connection. Names, labels and markers do not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// The host last.
    way: Vec<HopKey>,
    root: Root,
    shim: Option<String>,
    sudo: bool,
}

/// A host, ready to be reached.
#[derive(Debug)]
pub struct Target {
    /// Where, as whom, through what, and what must be shown on the way.
    pub way: Way,
    /// Its pinned state root.
    pub root: Root,
    /// A shim that was installed there by others, where one is to be used.
    pub shim: Option<Root>,
    /// Whether the login becomes root by `sudo`.
    pub sudo: bool,
    /// Its machine type, where it is known.
    pub arch: Option<Arch>,
    /// For messages: name and address.
    pub at: String,
}

/// One server of a host's row.
struct Pinned<'a> {
    address: &'a str,
    port: u16,
    user: &'a str,
    login: &'a Login,
    host_keys: &'a [String],
    host_cas: &'a [String],
    key_name: Option<&'a str>,
}

impl<'a> Pinned<'a> {
    fn host(host: &'a Host) -> Self {
        let Host { address, port, user, login, host_keys, host_cas, key_name, .. } = host;
        Self { address, port: *port, user, login, host_keys, host_cas, key_name: key_name.as_deref() }
    }

    fn jump(jump: &'a JumpHost) -> Self {
        let JumpHost { address, port, user, login, host_keys, host_cas, key_name } = jump;
        Self { address, port: *port, user, login, host_keys, host_cas, key_name: key_name.as_deref() }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint { address: self.address.to_owned(), port: self.port, user: self.user.to_owned() }
    }

    fn key(&self) -> HopKey {
        let login = match self.login {
            Login::Key(path) => format!("key\0{path}"),
            Login::Agent => "agent".to_owned(),
            Login::AgentKey(fingerprint) => format!("agent\0{fingerprint}"),
            Login::Certificate { key, certificate } => format!("certificate\0{key}\0{certificate}"),
        };
        let authorities = self.host_cas.iter().map(|line| format!("@cert-authority {line}"));
        let name = self.key_name.map(|name| format!("name {name}"));
        HopKey { endpoint: self.endpoint(), login, pinned: self.host_keys.iter().cloned().chain(authorities).chain(name).collect() }
    }

    fn hop(&self) -> Result<Hop, String> {
        let name = self.key_name.unwrap_or(self.address);
        let pins = Pins::with_authorities(self.host_keys, self.host_cas, name)?;
        Ok(Hop { endpoint: self.endpoint(), login: self.login.clone(), trust: Trust::Pinned(pins), key: Some(self.key()) })
    }
}

/// The key of a host, or why it cannot be reached as it stands.
///
/// # Errors
/// `refused`: a state root that could not stand in a header line.
pub fn lane_key(host: &Host) -> Result<LaneKey, AskError> {
    let root = Root::parse(&host.state_root).map_err(|error| nothing(FailureKind::Refused, format!("host {}: {error}", host.name)))?;
    let way = host.jumps.iter().map(Pinned::jump).chain([Pinned::host(host)]).map(|server| server.key()).collect();
    Ok(LaneKey { way, root, shim: host.shim.clone(), sudo: host.sudo })
}

/// The way to a host as it is pinned.
///
/// # Errors
/// `host_key`: nothing is pinned that could be accepted. `refused`: too many machines on the way.
pub fn way(host: &Host) -> Result<Way, AskError> {
    if host.jumps.len() > JUMPS {
        let message = format!("host {}: {} machines on the way are more than the {JUMPS} that are passed", host.name, host.jumps.len());
        return Err(nothing(FailureKind::Refused, message));
    }
    let hop = |server: Pinned<'_>| {
        let at = server.endpoint();
        server.hop().map_err(|error| nothing(FailureKind::HostKey, format!("host {} ({at}): {error}", host.name)))
    };
    let jumps = host.jumps.iter().map(|jump| hop(Pinned::jump(jump))).collect::<Result<_, _>>()?;
    Ok(Way { jumps, host: hop(Pinned::host(host))? })
}

impl Target {
    /// Read a host.
    ///
    /// # Errors
    /// As [`way`]. `refused`: its state root, or the path of its shim.
    pub fn of(host: &Host) -> Result<Self, AskError> {
        let refused = |error: String| nothing(FailureKind::Refused, format!("host {}: {error}", host.name));
        let root = Root::parse(&host.state_root).map_err(refused)?;
        let shim = host.shim.as_deref().map(Root::parse).transpose().map_err(|error| refused(format!("its shim: {error}")))?;
        let way = way(host)?;
        let at = format!("{} ({})", host.name, way.host.endpoint);
        let arch = host.arch.as_deref().and_then(|machine| Arch::from_uname("Linux", machine));
        Ok(Self { way, root, shim, sudo: host.sudo, arch, at })
    }

    /// What sessions there are started with.
    pub(super) fn start<'a>(&'a self, limits: &'a Limits) -> Start<'a> {
        Start { at: &self.at, root: Some(&self.root), installed: self.shim.as_ref(), sudo: self.sudo, limits }
    }
}
