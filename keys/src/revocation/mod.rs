//! Revoked host keys, as OpenSSH's `RevokedHostKeys` names them: a key revocation list (`ssh-keygen -k`), or lines of public keys.
//!
//! A list revokes keys by themselves or by their digests, and certificates by authority and serial number or key id (F082). It is
//! a file of the operator's own machine, so signatures in it count for nothing, as with OpenSSH.

mod krl;

use crate::limits::REVOKED_KEYS_BYTES;
use crate::pin::Pin;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, PublicKey};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::RangeInclusive;
use std::path::Path;

/// Why a list cannot be used. Nothing is connected to without it.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// No such file, no right to read it, or too long.
    #[error("the list of revoked keys cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Neither a key revocation list nor lines of public keys.
    #[error("the list of revoked keys is broken: {0}")]
    Broken(&'static str),
    /// A line that is no public key. One that was meant to be revoked must not be believed for a slip of the pen.
    #[error("line {0} of the list of revoked keys is no public key")]
    Line(usize),
}

/// Which keys and certificates are revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationList {
    /// Keys, as they stand in the base64 of a public key line.
    keys: HashSet<Vec<u8>>,
    sha1: HashSet<Vec<u8>>,
    sha256: HashSet<Vec<u8>>,
    certificates: Vec<RevokedCertificates>,
}

/// Certificates of one authority, or of any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RevokedCertificates {
    /// The authority's key; `None` is any.
    authority: Option<Vec<u8>>,
    serials: Vec<RangeInclusive<u64>>,
    key_ids: HashSet<Vec<u8>>,
}

impl RevocationList {
    /// Read a file. It is read anew for every connection, so that a change counts at once.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub fn load(path: &Path) -> Result<Self, RevocationError> {
        // Opening a pipe would wait for somebody to write.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file").into());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(REVOKED_KEYS_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > REVOKED_KEYS_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {REVOKED_KEYS_BYTES} bytes")).into());
        }
        Self::parse(&bytes)
    }

    /// Read the bytes of a file.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RevocationError> {
        if bytes.starts_with(krl::MAGIC) { krl::parse(bytes).map_err(RevocationError::Broken) } else { Self::lines(bytes) }
    }

    fn lines(bytes: &[u8]) -> Result<Self, RevocationError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RevocationError::Broken("neither a key revocation list nor text"))?;
        let mut list = Self::default();
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let key = line.parse::<Pin>().ok().and_then(|pin| blob(pin.public_key().key_data())).ok_or(RevocationError::Line(at))?;
            list.keys.insert(key);
        }
        Ok(list)
    }

    /// Whether a key is revoked. One that cannot be written down is taken as such: nobody could have named it here.
    #[must_use]
    pub fn has_key(&self, key: &PublicKey) -> bool {
        self.has(key.key_data())
    }

    /// Whether a certificate is revoked, its key, or its authority's.
    #[must_use]
    pub fn has_certificate(&self, certificate: &Certificate) -> bool {
        let signer = certificate.signature_key();
        let (Some(authority), serial) = (blob(signer), certificate.serial()) else { return true };
        let of_authority = self.certificates.iter().filter(|of| of.authority.as_ref().is_none_or(|key| *key == authority));
        let mut found = of_authority.filter(|of| {
            // An authority that does not count its certificates gives each of them the number zero.
            (serial != 0 && of.serials.iter().any(|range| range.contains(&serial))) || of.key_ids.contains(certificate.key_id().as_bytes())
        });
        found.next().is_some() || self.has(certificate.public_key()) || self.has(signer)
    }

    fn has(&self, key: &KeyData) -> bool {
        let Some(key) = blob(key) else { return true };
        let digested = |list: &HashSet<Vec<u8>>, by| !list.is_empty() && list.contains(digest(by, &key).as_ref());
        self.keys.contains(&key) || digested(&self.sha256, &SHA256) || digested(&self.sha1, &SHA1_FOR_LEGACY_USE_ONLY)
    }
}

/// A key as it stands in the base64 of its line.
fn blob(key: &KeyData) -> Option<Vec<u8>> {
    PublicKey::new(key.clone(), "").to_bytes().ok()
}
