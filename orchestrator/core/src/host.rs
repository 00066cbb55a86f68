//! A machine that jobs run on.

use crate::ids::Ms;
use serde::{Deserialize, Serialize};

/// How results come back from a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMode {
    /// The shim posts; SSH is the fallback.
    #[default]
    Push,
    /// The server collects over SSH on a schedule.
    Pull,
    /// Both.
    Both,
}

/// How the server logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// With the private key in this file; the installation's own identity where the path is empty.
    Key(String),
    /// With the ssh-agent at `SSH_AUTH_SOCK`, by its one key or certificate.
    Agent,
    /// With the ssh-agent, by the key of this fingerprint (`SHA256:...`), as a certificate where the agent holds one of it.
    AgentKey(String),
    /// With an OpenSSH user certificate.
    Certificate {
        /// File of the private key; the installation's own identity where empty; `agent` where the ssh-agent holds it.
        key: String,
        /// File of the certificate.
        certificate: String,
    },
}

impl Default for Login {
    fn default() -> Self {
        Self::Key(String::new())
    }
}

/// How jobs reach a host. One state machine for all of them: each carries the same questions and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LauncherKind {
    /// A short SSH session.
    #[default]
    Ssh,
    /// A process of this machine.
    Local,
    /// A `sortie worker` that comes and asks.
    Worker,
}

impl LauncherKind {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Local => "local",
            Self::Worker => "worker",
        }
    }
}

/// Whether a host is given new jobs, as an operator wants it. Whether it can be reached is seen, not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It is.
    #[default]
    Ready,
    /// It is not; what runs there goes on.
    Draining,
}

/// A machine on the way to a host (`ProxyJump`), nearest to the server first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JumpHost {
    /// Name or IP address, as the machine before it sees it.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// How to log in.
    pub login: Login,
    /// Pinned host keys, as of a host.
    pub host_keys: Vec<String>,
    /// Certificate authorities whose host certificates are taken, as of a host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_cas: Vec<String>,
    /// The name that host certificates must be made out to, where it is not the address (`HostKeyAlias`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
}

/// A machine that jobs run on, as `host add` pinned it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Unique name, `[a-z0-9][a-z0-9-]{0,62}`.
    pub name: String,
    /// Name or IP address to connect to.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Login name.
    pub user: String,
    /// How to log in.
    pub login: Login,
    /// Pinned host keys, OpenSSH public key lines without comment, at least one.
    pub host_keys: Vec<String>,
    /// Absolute path of the pinned state root.
    pub state_root: String,
    /// Random marker in that root; another one is `wrong_machine`.
    pub marker: String,
    /// Labels that flows select by.
    pub labels: Vec<String>,
    /// How results come back.
    #[serde(default)]
    pub callbacks: CallbackMode,
    /// Jobs that may run on it at once; no limit without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// When it was added.
    pub added_at: Ms,
    /// How jobs reach it.
    #[serde(default)]
    pub launcher: LauncherKind,
    /// Whether it is given new jobs.
    #[serde(default)]
    pub state: HostState,
    /// Its machine type as `uname -m` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The alias of the user's ssh_config that it was added by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Machines on the way to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jumps: Vec<JumpHost>,
    /// Certificate authorities (OpenSSH public key lines) whose host certificates are taken; the principal is the address,
    /// or [`Host::key_name`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_cas: Vec<String>,
    /// The name that host certificates must be made out to, where it is not the address (`HostKeyAlias`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// Whether jobs must run as a user of their own there.
    #[serde(default)]
    pub own_user: bool,
    /// Whether the login becomes root by `sudo`, which asks for no password there. Jobs have a user of their own then.
    #[serde(default)]
    pub sudo: bool,
    /// Path of a shim that is installed there; taken where its digest is one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shim: Option<String>,
    /// Free bytes that a job needs there to be started, and under which it is ended.
    #[serde(default)]
    pub disk_floor_bytes: u64,
}
