//! Schedules, webhooks, outside events, children, releases. The plain values.
