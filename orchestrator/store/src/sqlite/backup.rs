//! A consistent copy while the store is in use.

use crate::error::StoreError;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Copy everything committed to a file that is not there yet.
///
/// All pages in one step: a reader does not hold up the writer, and a copy in several steps would start anew with every commit.
pub(super) fn to_file(db: &Connection, to: &Path) -> Result<(), StoreError> {
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::Conflict(format!("{} exists already", to.display())),
        _ => StoreError::Unavailable(format!("{}: {e}", to.display())),
    };
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(to).map_err(failed)?;
    let copied = copy(db, to).and_then(|()| sync(to).map_err(failed));
    if copied.is_err() {
        // What is there is no backup and must not be taken for one.
        let _ = std::fs::remove_file(to);
    }
    copied
}

fn copy(db: &Connection, to: &Path) -> Result<(), StoreError> {
    let mut target = Connection::open(to)?;
    match Backup::new(db, &mut target)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(StoreError::Unavailable("the store could not be read in one go".to_owned())),
    }
}

fn sync(file: &Path) -> std::io::Result<()> {
    File::open(file)?.sync_all()?;
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
