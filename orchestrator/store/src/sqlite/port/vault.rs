//! Secrets, connections, operators, notices.

use crate::port::Vault;
use crate::sqlite::SqliteStore;

impl Vault for SqliteStore {}
