//! Opening the file: what is refused, and what every connection is set to.

use super::{filesystem, installation, lock::Lock, migrate};
use crate::error::StoreError;
use crate::limits;
use crate::model::Installation;
use crate::sql::sqlite;
use data_encoding::HEXLOWER;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Operations that may wait for the writer.
    pub write_queue: usize,
    /// How long a write waits for another process's lock.
    pub busy: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { write_queue: limits::WRITE_QUEUE, busy: limits::BUSY }
    }
}

/// An open file.
pub(super) struct Opened {
    pub lock: Lock,
    pub writer: Connection,
    pub checkpointer: Connection,
    pub readers: Vec<Connection>,
    pub quick: Connection,
    pub installation: Installation,
}

/// Open the file, or make it.
///
/// # Errors
/// [`StoreError::Unusable`] where this file is not for this program, [`StoreError::Unavailable`] where it may be later.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    if rusqlite::version_number() < limits::SQLITE_FLOOR {
        return Err(StoreError::Unusable(format!("SQLite {} is too old", rusqlite::version())));
    }
    filesystem::check(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new(".")))?;
    let lock = Lock::take(path)?;
    // SQLite gives WAL and shared memory the mode of the file; prompts and results are nobody else's.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?;
    let writer = writer(path, settings)?;
    migrate::migrate(&writer)?;
    migrate::in_transaction(&writer, || Ok(installation::create(&writer, &fresh_id()?)?))?;
    let installation = installation::get(&writer, migrate::SCHEMA)?;
    let readers = (0..limits::READERS).map(|_| reader(path, settings)).collect::<Result<_, _>>()?;
    let quick = reader(path, settings)?;
    let checkpointer = self::writer(path, settings)?;
    Ok(Opened { lock, writer, checkpointer, readers, quick, installation })
}

fn writer(path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(settings.busy)?;
    keep_plans(&db)?;
    check_application(&db, path)?;
    db.execute_batch(sqlite!("connection", "writer"))?;
    let mode: String = db.query_row(sqlite!("connection", "journal_mode"), [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unusable(format!("{} cannot have a write-ahead log here (journal mode {mode})", path.display())));
    }
    Ok(db)
}

/// A connection that cannot write.
fn reader(path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(settings.busy)?;
    keep_plans(&db)?;
    db.execute_batch(sqlite!("connection", "reader"))?;
    Ok(db)
}

/// Prepare each statement once. Without the guarantee of stable plans SQLite would prepare every statement on a partial index
/// anew whenever its parameters change, which cost a fifth of the writer's time.
fn keep_plans(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(limits::STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Refuse a database of another program. One that was never filled is nobody's: making ours was cut short.
fn check_application(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let id: i64 = db.query_row(sqlite!("connection", "application_id"), [], |row| row.get(0))?;
    let objects: u64 = db.query_row(sqlite!("connection", "objects"), [], |row| row.get(0))?;
    if objects == 0 || id == APPLICATION {
        return Ok(());
    }
    Err(StoreError::Unusable(format!("{} is a database of another program", path.display())))
}

/// `sort` in ASCII, as in `connection.sql`.
const APPLICATION: i64 = 0x736F_7274;

/// A fresh installation id: 128 random bits of the operating system.
fn fresh_id() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| StoreError::Unavailable(format!("/dev/urandom: {e}")))?;
    Ok(format!("inst_{}", HEXLOWER.encode(&bytes)))
}
