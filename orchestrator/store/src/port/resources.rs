//! Stored artifacts.

/// Stored artifacts.
pub trait Resources: Send + Sync {}
