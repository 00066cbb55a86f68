//! OpenSSH user certificates: what is shown to a server beside a key, looked at before it is.

use crate::limits::KNOWN_HOSTS_BYTES;
use crate::private_file::FileError;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PublicKey};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why a user certificate is not shown to a server: it would be refused there, with less to say about it.
#[derive(Debug, thiserror::Error)]
pub enum UserCertFault {
    /// Something about its file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not a certificate.
    #[error("{} is no OpenSSH certificate (`ssh-ed25519-cert-v01@openssh.com AAAA...`)", .0.display())]
    Format(PathBuf),
    /// A host certificate.
    #[error("the certificate `{0}` is made for hosts, not for users")]
    NotForUsers(String),
    /// Made for another key.
    #[error("the certificate `{0}` is made for another key than the one that is used with it")]
    OtherKey(String),
    /// Not valid yet.
    #[error("the certificate `{id}` is not valid before {from} (Unix seconds); it is {now} here")]
    NotYet {
        /// Its key id.
        id: String,
        /// First second, Unix.
        from: u64,
        /// Now, Unix seconds.
        now: u64,
    },
    /// Not valid any more.
    #[error("the certificate `{id}` ran out at {until} (Unix seconds); it is {now} here: get a new one")]
    Expired {
        /// Its key id.
        id: String,
        /// First second in which it is not valid, Unix.
        until: u64,
        /// Now, Unix seconds.
        now: u64,
    },
}

/// A user certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCertificate(Certificate);

impl UserCertificate {
    /// One that an agent holds.
    #[must_use]
    pub const fn new(certificate: Certificate) -> Self {
        Self(certificate)
    }

    /// Reads `KEY-cert.pub`.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Self, UserCertFault> {
        let file = std::fs::File::open(path).map_err(FileError::io(path))?;
        let mut text = String::new();
        let format = || UserCertFault::Format(path.into());
        file.take(KNOWN_HOSTS_BYTES).read_to_string(&mut text).map_err(FileError::io(path))?;
        Certificate::from_openssh(text.trim()).map(Self).map_err(|_| format())
    }

    /// The certificate, for `russh`.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        PublicKey::new(self.0.public_key().clone(), "")
    }

    /// Whether it can be shown with this key at this time (Unix seconds). Its names are not looked at: a server may map them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, key: &PublicKey, now: u64) -> Result<(), UserCertFault> {
        let id: String = self.0.key_id().chars().filter(|c| !c.is_control()).take(100).collect();
        if self.0.cert_type() != CertType::User {
            return Err(UserCertFault::NotForUsers(id));
        }
        if self.0.public_key() != key.key_data() {
            return Err(UserCertFault::OtherKey(id));
        }
        let (from, until) = (self.0.valid_after(), self.0.valid_before());
        if now < from {
            return Err(UserCertFault::NotYet { id, from, now });
        }
        if now >= until { Err(UserCertFault::Expired { id, until, now }) } else { Ok(()) }
    }
}
