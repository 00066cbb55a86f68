//! What operators ask and do: status, failures, retention, export.

use crate::port::Operations;
use crate::sqlite::SqliteStore;

impl Operations for SqliteStore {}
