//! Pinned host keys: the keys that a host row names, and nothing else counts.

use crate::known_hosts::{HostKeyVerdict, RecordedKey};
use russh::keys::{Algorithm, PublicKey};
use std::fmt;
use std::str::FromStr;

/// A host key without its comment. Reads from and prints as an OpenSSH public key line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(PublicKey);

/// Not one OpenSSH public key line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an OpenSSH public key line (`ssh-ed25519 AAAA...`)")]
pub struct PinError;

impl Pin {
    /// Pins a key that a server showed.
    #[must_use]
    pub fn new(key: &PublicKey) -> Self {
        Self(PublicKey::new(key.key_data().clone(), ""))
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(russh::keys::HashAlg::Sha256).to_string()
    }

    /// Judges a server's key by the pins of its host. `line` in the answer is the number of the pin, from 1.
    /// No pin at all is `Unknown`.
    #[must_use]
    pub fn check(pins: &[Self], key: &PublicKey) -> HostKeyVerdict {
        if pins.is_empty() {
            return HostKeyVerdict::Unknown;
        }
        if let Some(at) = pins.iter().position(|pin| pin.0.key_data() == key.key_data()) {
            return HostKeyVerdict::Valid { line: at + 1 };
        }
        HostKeyVerdict::Changed { recorded: pins.iter().enumerate().filter_map(|(at, pin)| RecordedKey::new(at + 1, &pin.0)).collect() }
    }

    /// What the client may offer for a host with these pins, so that the server cannot show a key of another type.
    #[must_use]
    pub fn algorithms(pins: &[Self]) -> Vec<Algorithm> {
        offerable(pins.iter().map(|pin| pin.0.algorithm()))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(line: &str) -> Result<Self, PinError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(blob)) = (words.next(), words.next()) else { return Err(PinError) };
        let key = PublicKey::from_openssh(&format!("{algorithm} {blob}")).map_err(|_| PinError)?;
        if line.trim().contains(['\n', '\r']) { Err(PinError) } else { Ok(Self(key)) }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_openssh().map_err(|_| fmt::Error)?.trim_end())
    }
}

/// Signature algorithms for recorded key types, each once. An RSA key signs with SHA-2, never with SHA-1 (F083).
pub(crate) fn offerable(recorded: impl Iterator<Item = Algorithm>) -> Vec<Algorithm> {
    use russh::keys::HashAlg::{Sha256, Sha512};
    let mut out = Vec::new();
    for algorithm in recorded {
        let signed = match algorithm {
            Algorithm::Rsa { .. } => vec![Algorithm::Rsa { hash: Some(Sha512) }, Algorithm::Rsa { hash: Some(Sha256) }],
            Algorithm::Dsa | Algorithm::Other(_) => vec![], // nothing that we would speak
            other => vec![other],
        };
        out.extend(signed.into_iter().filter(|a| !out.contains(a)).collect::<Vec<_>>());
    }
    out
}
