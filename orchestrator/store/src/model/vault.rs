//! Operators, secrets, connections. The plain values.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_core::ids::Ms;

/// Somebody who operates the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRow {
    /// Name; the actor of what they do.
    pub name: String,
    /// What they may do and decide; `*` is everything.
    pub roles: Vec<String>,
    /// SHA-256 of their token, hex. The token itself is nowhere.
    pub digest: String,
    /// When they were added.
    pub added_at: Ms,
    /// By whom.
    pub added_by: String,
    /// When their token was made.
    pub token_at: Ms,
}

/// A secret, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Name.
    pub name: String,
    /// From 1; rises with every value, also over a removal.
    pub version: u64,
    /// Generation of the root that it is sealed under.
    pub root: u64,
    /// What is sealed.
    pub sealed: Vec<u8>,
    /// When it was set.
    pub at: Ms,
    /// By whom.
    pub actor: String,
}

impl std::fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretRow").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

/// Where the server itself sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Name.
    pub name: String,
    /// `webhook`, `slack`, `smtp` or `http`.
    pub kind: String,
    /// Its fields; secrets by name.
    pub data: Value,
    /// When it was added or changed.
    pub at: Ms,
    /// By whom.
    pub actor: String,
}
