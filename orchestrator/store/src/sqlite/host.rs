//! Machines that jobs run on.

use super::attempt;
use super::codec::{json, to_json};
use crate::error::StoreError;
use crate::model::HostHealth;
use crate::sql::sqlite;
use rusqlite::{Connection, OptionalExtension, params};
use sortie_core::host::Host;
use std::collections::BTreeMap;

/// Add a host.
pub(super) fn add(db: &Connection, host: &Host) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("host", "insert"))?.execute(params![host.name, to_json(host)?])?;
    if rows == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("there is a host {} already", host.name))) }
}

/// Replace a host.
pub(super) fn put(db: &Connection, host: &Host) -> Result<(), StoreError> {
    let rows = db.prepare_cached(sqlite!("host", "update"))?.execute(params![host.name, to_json(host)?])?;
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound(format!("host {}", host.name))) }
}

/// One host.
pub(super) fn get(db: &Connection, name: &str) -> rusqlite::Result<Option<Host>> {
    db.prepare_cached(sqlite!("host", "get"))?.query_row([name], |row| json(row, 0)).optional()
}

/// All hosts by name.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Host>> {
    db.prepare_cached(sqlite!("host", "all"))?.query_map([], |row| json(row, 0))?.collect()
}

/// Remove a host that no open attempt is on.
pub(super) fn remove(db: &Connection, name: &str) -> Result<bool, StoreError> {
    let open = attempt::open_on_host(db, name)?;
    if open > 0 {
        return Err(StoreError::Conflict(format!("{open} attempts on host {name} are not over")));
    }
    db.prepare_cached(sqlite!("host_health", "delete"))?.execute([name])?;
    Ok(db.prepare_cached(sqlite!("host", "delete"))?.execute([name])? == 1)
}

/// What was last seen of each host.
pub(super) fn health(db: &Connection) -> rusqlite::Result<BTreeMap<String, HostHealth>> {
    db.prepare_cached(sqlite!("host_health", "all"))?.query_map([], |row| Ok((row.get(0)?, json(row, 1)?)))?.collect()
}

/// Keep what was seen of a host, if it is still there.
pub(super) fn put_health(db: &Connection, name: &str, health: &HostHealth) -> rusqlite::Result<()> {
    db.prepare_cached(sqlite!("host_health", "put"))?.execute(params![name, to_json(health)?])?;
    Ok(())
}
