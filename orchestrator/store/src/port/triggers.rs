//! Schedules, webhooks, outside events, children, releases.

/// Schedules, webhooks, outside events, children, releases.
pub trait Triggers: Send + Sync {}
