//! Why the store did not do something: final errors and those worth another try are different variants.

use sortie_core::decide::Refusal;

/// Why the store did not do something. Nothing was written then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The claim is not held any more.
    #[error("the claim on this work has passed to somebody else")]
    Fenced,
    /// Somebody else was first; the message says what stands.
    #[error("{0}")]
    Conflict(String),
    /// No such thing.
    #[error("{0} not found")]
    NotFound(String),
    /// Queue full, disk full, locked, closing: try again later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The file is not what it should be: another installation, a newer schema, damage.
    #[error("the store is unusable: {0}")]
    Unusable(String),
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
