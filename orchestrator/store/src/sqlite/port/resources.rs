//! Stored artifacts.

use crate::port::Resources;
use crate::sqlite::SqliteStore;

impl Resources for SqliteStore {}
