//! Schedules, webhooks, outside events, children, releases.

use crate::port::Triggers;
use crate::sqlite::SqliteStore;

impl Triggers for SqliteStore {}
