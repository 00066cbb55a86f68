//! Schedules, webhooks, outside events, children, releases. One file per table.
