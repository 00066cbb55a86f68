//! OpenSSH's known_hosts: is this host the one it was before?
//!
//! | what is recorded for the host | key shown | verdict |
//! | --- | --- | --- |
//! | this key behind `@revoked` | this | `Revoked`, whatever else is recorded |
//! | this key | this | `Valid` |
//! | other keys, of whatever type, also of types that we do not know | this | `Changed` |
//! | nothing, or certificate authorities alone | this | `Unknown` |
//!
//! `Changed` is more than OpenSSH says when a known host shows a key of a type that is not recorded: a naive client
//! would enrol it and so follow a downgrade (F081). Keys are compared by their bytes; comments do not count.

mod append;
mod line;
mod pattern;

pub use append::Appended;

use crate::limits::KNOWN_HOSTS_BYTES;
use crate::pin::offerable;
use crate::private_file::FileError;
use line::{Line, Marker};
use pattern::Target;
use russh::keys::{Algorithm, PublicKey};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// What known_hosts, or the pins of a host, say about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeyVerdict {
    /// Recorded for this host.
    Valid {
        /// Where, from 1.
        line: usize,
    },
    /// The host is known, by other keys.
    Changed {
        /// By which.
        recorded: Vec<RecordedKey>,
    },
    /// The key is marked as revoked.
    Revoked {
        /// Where, from 1.
        line: usize,
    },
    /// Nothing is recorded for this host.
    Unknown,
}

/// A key that is recorded for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedKey {
    /// Where, from 1.
    pub line: usize,
    /// Name of its type, also of one that we do not know.
    pub algorithm: String,
    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
}

impl RecordedKey {
    pub(crate) fn new(line: usize, key: &PublicKey) -> Option<Self> {
        Some(Self { line, algorithm: key.algorithm().to_string(), fingerprint: line::fingerprint(&key.to_bytes().ok()?) })
    }

    fn of(line: &Line) -> Self {
        Self { line: line.number, algorithm: line.algorithm.clone(), fingerprint: line::fingerprint(&line.blob) }
    }
}

/// Why a known_hosts file cannot be read or added to.
#[derive(Debug, thiserror::Error)]
pub enum KnownHostsError {
    /// Something about the file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Would be read as a pattern, a marker or several names.
    #[error("`{0}` cannot be a host name in known_hosts")]
    Host(String),
    /// Revoked for this host: adding it would not make it valid.
    #[error("the key is revoked for this host in line {0}")]
    Revoked(usize),
    /// A key that has no line form.
    #[error("the key cannot be written as a line")]
    Key,
}

/// A known_hosts file, read.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    ignored: Vec<usize>,
}

impl KnownHosts {
    /// Reads a file. One that is missing knows nobody.
    ///
    /// # Errors
    /// Where the file cannot be read, or is too large.
    pub fn load(path: &Path) -> Result<Self, KnownHostsError> {
        Ok(Self::parse(&read(path)?))
    }

    /// Reads several files as one, in their order; lines are numbered through.
    ///
    /// # Errors
    /// As [`KnownHosts::load`].
    pub fn load_all<P: AsRef<Path>>(paths: &[P]) -> Result<Self, KnownHostsError> {
        let mut bytes = Vec::new();
        for path in paths {
            bytes.extend(read(path.as_ref())?);
            bytes.push(b'\n');
        }
        Ok(Self::parse(&bytes))
    }

    /// Reads the bytes of a file. Lines that are not understood count for nothing; see [`KnownHosts::ignored`].
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut known = Self::default();
        for (at, raw) in bytes.split(|b| *b == b'\n').enumerate() {
            match Line::parse(at + 1, raw) {
                Ok(Some(line)) => known.lines.push(line),
                Ok(None) => {}
                Err(()) => known.ignored.push(at + 1),
            }
        }
        known
    }

    /// Numbers of the lines that are neither blank, nor comments, nor understood.
    #[must_use]
    pub fn ignored(&self) -> &[usize] {
        &self.ignored
    }

    /// Judges the key that `host` shows on `port`.
    #[must_use]
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> HostKeyVerdict {
        let Ok(blob) = key.to_bytes() else { return HostKeyVerdict::Unknown };
        if let Some(line) = self.revoked(host, port, &blob) {
            return HostKeyVerdict::Revoked { line };
        }
        let recorded: Vec<&Line> = self.matching(host, port, Marker::None).collect();
        if let Some(line) = recorded.iter().find(|line| line.blob == blob) {
            return HostKeyVerdict::Valid { line: line.number };
        }
        match recorded.is_empty() {
            true => HostKeyVerdict::Unknown,
            false => HostKeyVerdict::Changed { recorded: recorded.into_iter().map(RecordedKey::of).collect() },
        }
    }

    /// What the client may offer for a host, so that the server cannot show a key of another type. Empty where no key
    /// that we could use is recorded.
    #[must_use]
    pub fn algorithms_for(&self, host: &str, port: u16) -> Vec<Algorithm> {
        offerable(self.matching(host, port, Marker::None).filter_map(|line| line.algorithm.parse().ok()))
    }

    /// The keys that are recorded for a host, `@cert-authority` and `@revoked` left out.
    #[must_use]
    pub fn recorded_for(&self, host: &str, port: u16) -> Vec<RecordedKey> {
        self.matching(host, port, Marker::None).map(RecordedKey::of).collect()
    }

    /// Certificate authorities that may speak for a host, revoked ones left out. See [`crate::host_cert::judge`].
    #[must_use]
    pub fn authorities_for(&self, host: &str, port: u16) -> Vec<PublicKey> {
        let trusted = self.matching(host, port, Marker::CertAuthority).filter(|line| self.revoked(host, port, &line.blob).is_none());
        trusted.filter_map(|line| PublicKey::from_bytes(&line.blob).ok()).collect()
    }

    /// Keys behind `@revoked` that count for a host, under its bare name too.
    #[must_use]
    pub fn revoked_for(&self, host: &str, port: u16) -> Vec<PublicKey> {
        let (here, bare) = (Target::new(host, port), Target::new(host, pattern::DEFAULT_PORT));
        let revoked = self.lines.iter().filter(|line| line.marker == Marker::Revoked);
        let for_host = revoked.filter(|line| line.hosts.matches(&here) || line.hosts.matches(&bare));
        for_host.filter_map(|line| PublicKey::from_bytes(&line.blob).ok()).collect()
    }

    /// Revocation is looked for under the bare name too: a key that was lost is lost on every port.
    fn revoked(&self, host: &str, port: u16, blob: &[u8]) -> Option<usize> {
        let (here, bare) = (Target::new(host, port), Target::new(host, pattern::DEFAULT_PORT));
        let mut revoked = self.lines.iter().filter(|line| line.marker == Marker::Revoked && line.blob == blob);
        revoked.find(|line| line.hosts.matches(&here) || line.hosts.matches(&bare)).map(|line| line.number)
    }

    fn matching(&self, host: &str, port: u16, marker: Marker) -> impl Iterator<Item = &Line> {
        let target = Target::new(host, port);
        self.lines.iter().filter(move |line| line.marker == marker && line.hosts.matches(&target))
    }
}

/// The bytes of the file, none where it is missing.
fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        file => file.map_err(FileError::io(path))?,
    };
    let mut bytes = Vec::new();
    file.take(KNOWN_HOSTS_BYTES + 1).read_to_end(&mut bytes).map_err(FileError::io(path))?;
    if bytes.len() as u64 > KNOWN_HOSTS_BYTES {
        return Err(FileError::TooLarge(path.into(), KNOWN_HOSTS_BYTES));
    }
    Ok(bytes)
}
