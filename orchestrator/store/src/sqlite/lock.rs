//! One process a store: a lock file beside it, held as long as the store is open (F110).

use crate::error::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The lock of a store; the kernel frees it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Where the lock of a store lies. It is never deleted: two processes would then lock two files.
fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

impl Lock {
    /// Take the lock.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where another process has it or the file cannot be made.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = path_of(store);
        let failed = |e: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {e}", path.display()));
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!("{} is held by another process", path.display()))),
            Err(TryLockError::Error(e)) => Err(failed(&e)),
        }
    }
}
