//! Which errors of SQLite are worth another try.

use crate::error::StoreError;
use rusqlite::{Error, ErrorCode};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if is_passing(&error) { Self::Unavailable(error.to_string()) } else { Self::Unusable(error.to_string()) }
    }
}

/// Whether the cause may go away by itself: a full disk, a lock, no memory, a disk that does not answer. A broken rule of a
/// table or an undecodable row does not.
fn is_passing(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
        )
    )
}

/// Whether a failed commit leaves the connection fit for the next one: nothing was written for want of room or of the lock.
/// After any other failure, above all of fsync, the state of file and page cache is unknown (F016).
pub(super) fn is_clean_failure(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull))
        || matches!(error, Error::SqliteFailure(failure, _) if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn f015_errors_of_the_disk_are_retryable_and_damage_is_not() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_READONLY] {
            assert!(StoreError::from(failure(code)).is_retryable(), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CONSTRAINT_CHECK] {
            assert!(!StoreError::from(failure(code)).is_retryable(), "{code}");
        }
    }

    #[test]
    fn f016_only_a_want_of_room_or_lock_leaves_the_connection_alive() {
        assert!(is_clean_failure(&failure(ffi::SQLITE_FULL)));
        assert!(is_clean_failure(&failure(ffi::SQLITE_BUSY)));
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT, ffi::SQLITE_CONSTRAINT] {
            assert!(!is_clean_failure(&failure(code)), "{code}");
        }
    }
}
