//! Adding a host: under a lock, the whole file replaced, every other byte of it as it was.

use super::pattern::Target;
use super::{HostKeyVerdict, KnownHosts, KnownHostsError, read};
use crate::pin::Pin;
use crate::private_file::{self, FileError};
use russh::keys::PublicKey;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What [`KnownHosts::append`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// A line was added.
    Added {
        /// Its number, from 1.
        line: usize,
    },
    /// The key was recorded for the host before.
    Present {
        /// Where, from 1.
        line: usize,
    },
}

impl KnownHosts {
    /// Records a key for a host, in a file of mode 0600 where there was none. Keys recorded before stay: whether a
    /// second one is welcome is for the caller to ask with [`KnownHosts::check`].
    ///
    /// # Errors
    /// Where the name could be read as more than one host, the key is revoked, or the disk refuses.
    pub fn append(path: &Path, host: &str, port: u16, key: &PublicKey) -> Result<Appended, KnownHostsError> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || ",*?!|@#[]".contains(c);
        if host.is_empty() || host.contains(refused) {
            return Err(KnownHostsError::Host(host.escape_default().to_string()));
        }
        let path = resolve(path)?;
        let _lock = private_file::lock(&path)?;
        let mut bytes = read(&path)?;
        match Self::parse(&bytes).check(host, port, key) {
            HostKeyVerdict::Valid { line } => return Ok(Appended::Present { line }),
            HostKeyVerdict::Revoked { line } => return Err(KnownHostsError::Revoked(line)),
            HostKeyVerdict::Changed { .. } | HostKeyVerdict::Unknown => {}
        }
        let key = Pin::new(key).public_key().to_openssh().map_err(|_| KnownHostsError::Key)?;
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let line = bytes.iter().filter(|b| **b == b'\n').count() + 1;
        bytes.extend_from_slice(format!("{} {}\n", Target::new(host, port).as_str(), key.trim_end()).as_bytes());
        let mode = std::fs::metadata(&path).map_or(0o600, |meta| meta.mode() & 0o777);
        private_file::replace(&path, &bytes, mode)?;
        Ok(Appended::Added { line })
    }
}

/// The file itself where `path` is a link to it, so that the link is not what gets replaced.
fn resolve(path: &Path) -> Result<PathBuf, FileError> {
    if path.is_symlink() { path.canonicalize().map_err(FileError::io(path)) } else { Ok(path.into()) }
}
