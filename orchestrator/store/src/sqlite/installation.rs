//! Whose store this is, and the fences of claims.

use crate::model::Installation;
use crate::sql::sqlite;
use rusqlite::{Connection, params};

/// Make the installation, if there is none.
pub(super) fn create(db: &Connection, id: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("installation", "insert"))?.execute([id]).map(drop)
}

/// The installation.
pub(super) fn get(db: &Connection, schema: u32) -> rusqlite::Result<Installation> {
    db.prepare_cached(sqlite!("installation", "get"))?.query_row([], |row| Ok(Installation { id: row.get(0)?, epoch: row.get(1)?, schema }))
}

/// Take `n` fences that no claim has had; the first of them.
pub(super) fn next_fences(db: &Connection, n: u64) -> rusqlite::Result<u64> {
    let last: u64 = db.prepare_cached(sqlite!("installation", "next_fences"))?.query_row(params![n], |row| row.get(0))?;
    Ok(last - n + 1)
}
