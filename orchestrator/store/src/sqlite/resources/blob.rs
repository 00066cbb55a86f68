//! Bytes by their digest.

use crate::model::resources::UnnamedBlob;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::ids::Ms;

/// They are about to be kept.
pub(in crate::sqlite) fn touch(db: &Connection, sha256: &str, size: u64, at: Ms) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("blob", "touch"))?.execute(params![sha256, size, at])?;
    Ok(())
}

/// Their size, where they are known.
pub(in crate::sqlite) fn get(db: &Connection, sha256: &str) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached(sqlite!("blob", "get"))?.query_row([sha256], |row| row.get(0)).optional()
}

/// Those that nothing names.
pub(in crate::sqlite) fn unnamed(db: &Connection, after: &str, before: Ms, limit: usize) -> rusqlite::Result<Vec<UnnamedBlob>> {
    db.prepare_cached(sqlite!("blob", "unnamed"))?
        .query_map(params![after, before, limit], |row| Ok(UnnamedBlob { sha256: row.get(0)?, size: row.get(1)? }))?
        .collect()
}

/// Forget them, where nothing names them.
pub(in crate::sqlite) fn forget(db: &Connection, sha256: &str) -> rusqlite::Result<bool> {
    Ok(db.prepare_cached(sqlite!("blob", "delete"))?.execute([sha256])? == 1)
}
