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
    /// With the ssh-agent at `SSH_AUTH_SOCK`.
    Agent,
}

/// A machine that jobs run on, as `host add` pinned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}
