//! What operators ask and do: status, failures, retention, export.

/// What operators ask and do: status, failures, retention, export.
pub trait Operations: Send + Sync {}
