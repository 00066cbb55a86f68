//! Numbered, checksummed migrations, each in a transaction of its own.

use crate::error::StoreError;
use crate::sql::sqlite;
use data_encoding::HEXLOWER;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

/// A step of the schema.
struct Migration {
    number: u32,
    name: &'static str,
    text: &'static str,
}

/// In order, without gaps. An applied one never changes: its checksum is recorded.
const MIGRATIONS: [Migration; 10] = [
    Migration { number: 1, name: "start", text: include_str!("../../sql/sqlite/migrations/0001_start.sql") },
    Migration { number: 2, name: "engine", text: include_str!("../../sql/sqlite/migrations/0002_engine.sql") },
    Migration { number: 3, name: "vault", text: include_str!("../../sql/sqlite/migrations/0003_vault.sql") },
    Migration { number: 4, name: "resources", text: include_str!("../../sql/sqlite/migrations/0004_resources.sql") },
    Migration { number: 5, name: "triggers", text: include_str!("../../sql/sqlite/migrations/0005_triggers.sql") },
    Migration { number: 6, name: "operations", text: include_str!("../../sql/sqlite/migrations/0006_operations.sql") },
    Migration { number: 7, name: "hosts", text: include_str!("../../sql/sqlite/migrations/0007_hosts.sql") },
    Migration { number: 8, name: "logs", text: include_str!("../../sql/sqlite/migrations/0008_logs.sql") },
    Migration { number: 9, name: "workers", text: include_str!("../../sql/sqlite/migrations/0009_workers.sql") },
    Migration { number: 10, name: "agents", text: include_str!("../../sql/sqlite/migrations/0010_agents.sql") },
];

/// The schema of this program.
pub(super) const SCHEMA: u32 = MIGRATIONS[MIGRATIONS.len() - 1].number;

/// A migration as recorded.
type Applied = (u32, String, String);

fn checksum(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

/// Apply what is missing.
///
/// # Errors
/// [`StoreError::Unusable`] where the file was written by a newer program (F113) or a recorded migration is not the one this
/// program has.
pub(super) fn migrate(db: &Connection) -> Result<(), StoreError> {
    let objects: u64 = db.query_row(sqlite!("connection", "objects"), [], |row| row.get(0))?;
    if objects == 0 {
        // Only then: opening a store writes nothing, so that it can be read on a full disk (F013).
        in_transaction(db, || {
            db.execute_batch(sqlite!("connection", "application"))?;
            Ok(db.execute_batch(sqlite!("migration", "create"))?)
        })?;
    }
    let applied: Vec<Applied> = db
        .prepare(sqlite!("migration", "all"))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (index, (number, name, recorded)) in applied.iter().enumerate() {
        match MIGRATIONS.get(index) {
            Some(known) if known.number == *number && checksum(known.text) == *recorded => {}
            Some(_) => return Err(StoreError::Unusable(format!("migration {number} ({name}) is not the one this program has"))),
            None => {
                return Err(StoreError::Unusable(format!(
                    "its schema is {number} ({name}), newer than this program's {SCHEMA}: run a newer program"
                )));
            }
        }
    }
    let missing = &MIGRATIONS[applied.len()..];
    if missing.is_empty() {
        return Ok(());
    }
    // A table that others refer to cannot be rebuilt while they are looked at; so they are at the end instead.
    db.execute_batch(sqlite!("connection", "unchecked"))?;
    missing.iter().try_for_each(|migration| apply(db, migration))?;
    Ok(db.execute_batch(sqlite!("connection", "checked"))?)
}

fn apply(db: &Connection, migration: &Migration) -> Result<(), StoreError> {
    in_transaction(db, || {
        db.execute_batch(migration.text)?;
        db.execute(sqlite!("migration", "insert"), params![migration.number, migration.name, checksum(migration.text)])?;
        if db.prepare(sqlite!("connection", "violations"))?.exists([])? {
            return Err(StoreError::Unusable(format!(
                "migration {} ({}) leaves rows that refer to none",
                migration.number, migration.name
            )));
        }
        Ok(())
    })
}

/// All of it or nothing.
pub(super) fn in_transaction<T>(db: &Connection, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    db.execute_batch(sqlite!("connection", "begin"))?;
    let done = work().and_then(|value| {
        db.execute_batch(sqlite!("connection", "commit"))?;
        Ok(value)
    });
    if done.is_err() && !db.is_autocommit() {
        db.execute_batch(sqlite!("connection", "rollback"))?;
    }
    done
}
