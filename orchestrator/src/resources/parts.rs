//! Uploads on their way: one local file each, written at its end only, every piece on disk before it is acknowledged.
//!
//! A part is called after the attempt, the slot and the digest it is to have. All three are of a fixed alphabet that the caller
//! has checked; the artifact's name is no part of it.

use super::limits::{DISK_FLOOR_BYTES, PART_MS};
use sha2::{Digest, Sha256};
use sortie_protocol::bytes::to_hex;
use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The folder of uploads on their way.
#[derive(Clone, Debug)]
pub struct Parts {
    folder: PathBuf,
    /// Those that a request is writing.
    busy: Arc<Mutex<HashSet<PathBuf>>>,
}

/// One upload, held by one request.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    busy: Arc<Mutex<HashSet<PathBuf>>>,
}

/// Why a piece was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The piece belongs elsewhere.
    #[error("the upload stands at {0} bytes")]
    Offset(u64),
    /// More bytes than were announced.
    #[error("more bytes than were announced")]
    TooMany,
    /// The bytes are not those that were announced.
    #[error("the bytes have another digest than was announced; the file was changed while it was uploaded")]
    Digest,
    /// No room, or the disk does not answer.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl Parts {
    /// The folder is made where it is not there.
    ///
    /// # Errors
    /// As the system says.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, busy: Arc::default() })
    }

    /// Hold an upload; `None` while another request does.
    #[must_use]
    pub fn hold(&self, attempt: &str, slot: &str, sha256: &str) -> Option<Part> {
        let path = self.folder.join(format!("{attempt}.{slot}.{sha256}"));
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(path.clone()).then(|| Part { path, busy: Arc::clone(&self.busy) })
    }

    /// Bytes of all parts of an attempt.
    ///
    /// # Errors
    /// As the system says.
    pub fn of_attempt(&self, attempt: &str) -> io::Result<u64> {
        let start = format!("{attempt}.");
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&start) {
                bytes += entry.metadata().map_or(0, |meta| meta.len());
            }
        }
        Ok(bytes)
    }

    /// Parts that nobody went on with, and with `apply` remove them. Says how many there are, and their bytes.
    ///
    /// # Errors
    /// As the system says.
    pub fn stale(&self, now: SystemTime, apply: bool) -> io::Result<(u64, u64)> {
        let (mut parts, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            let age = meta.modified().ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
            if meta.is_file() && age > Duration::from_millis(PART_MS) && (!apply || std::fs::remove_file(entry.path()).is_ok()) {
                parts += 1;
                bytes += meta.len();
            }
        }
        Ok((parts, bytes))
    }

    /// Whether the disk has room for so many bytes twice, part and blob, and the store beside them.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        let free = rustix::fs::statvfs(&self.folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        free.is_ok_and(|free| free >= DISK_FLOOR_BYTES.saturating_add(bytes.saturating_mul(2)))
    }
}

impl Part {
    /// Bytes that are there.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.path.symlink_metadata().map_or(0, |meta| meta.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Write a piece at the end. On disk when this returns; says how many bytes there are.
    ///
    /// # Errors
    /// [`PartError`]; what was there before is there still.
    pub fn append(&self, offset: u64, piece: &[u8], size: u64) -> Result<u64, PartError> {
        let before = self.len();
        if offset != before {
            return Err(PartError::Offset(before));
        }
        let after = before.saturating_add(piece.len() as u64);
        if after > size {
            return Err(PartError::TooMany);
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        if let Err(error) = file.write_all(piece).and_then(|()| file.sync_data()) {
            // Half a piece would be taken for a whole one.
            let _ = file.set_len(before);
            return Err(error.into());
        }
        Ok(after)
    }

    /// Whether these are the bytes that were announced. Others are thrown away.
    ///
    /// # Errors
    /// [`PartError::Digest`], or as the system says.
    pub fn check(&self, sha256: &str) -> Result<(), PartError> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; super::limits::CHUNK_BYTES];
        // A file of no bytes was never written to.
        let mut file = OpenOptions::new().append(true).read(true).create(true).mode(0o600).open(&self.path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        if to_hex(&hash.finalize()) == sha256 {
            return Ok(());
        }
        self.remove()?;
        Err(PartError::Digest)
    }

    /// Throw it away.
    ///
    /// # Errors
    /// As the system says.
    pub fn remove(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::canonical::digest;

    #[test]
    fn an_upload_goes_on_where_it_stopped_and_is_checked_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts::new(folder.path().join("parts")).unwrap();
        let sha256 = digest(b"abcdef");
        let part = parts.hold("att_x", "0", &sha256).unwrap();
        assert!(parts.hold("att_x", "0", &sha256).is_none(), "one request at a time");
        assert_eq!(part.append(0, b"abc", 6).unwrap(), 3);
        assert!(matches!(part.append(0, b"abc", 6), Err(PartError::Offset(3))), "an answer that was lost");
        assert!(matches!(part.append(4, b"ef", 6), Err(PartError::Offset(3))), "a gap");
        assert!(matches!(part.append(3, b"defg", 6), Err(PartError::TooMany)));
        drop(part);
        let part = parts.hold("att_x", "0", &sha256).unwrap();
        assert_eq!((part.len(), parts.of_attempt("att_x").unwrap(), parts.of_attempt("att_").unwrap()), (3, 3, 0));
        assert_eq!(part.append(3, b"def", 6).unwrap(), 6);
        part.check(&sha256).unwrap();
        assert!(matches!(part.check(&digest(b"other")), Err(PartError::Digest)));
        assert!(part.is_empty(), "what has another digest is thrown away");
    }

    #[test]
    fn parts_that_nobody_goes_on_with_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts::new(folder.path().to_owned()).unwrap();
        parts.hold("att_x", "0", "00").unwrap().append(0, b"abc", 6).unwrap();
        let later = SystemTime::now() + Duration::from_millis(PART_MS + 60_000);
        assert_eq!(parts.stale(SystemTime::now(), true).unwrap(), (0, 0));
        assert_eq!(parts.stale(later, false).unwrap(), (1, 3));
        assert_eq!(parts.stale(later, true).unwrap(), (1, 3));
        assert_eq!(parts.stale(later, true).unwrap(), (0, 0));
    }
}
