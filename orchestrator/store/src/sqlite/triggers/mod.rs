//! Schedules, webhooks, outside events, children, releases. One file per table, or per question that joins several.

pub(super) mod fire;
pub(super) mod hook_delivery;
pub(super) mod link;
pub(super) mod live;
pub(super) mod outside_event;
pub(super) mod schedule;
