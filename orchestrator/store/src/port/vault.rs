//! Secrets, connections, operators, notices.

/// Secrets, connections, operators, notices.
pub trait Vault: Send + Sync {}
