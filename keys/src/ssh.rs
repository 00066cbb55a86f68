//! SSH identities: the private keys that the orchestrator logs in with.

use crate::Secret;
use crate::private_file::{self, FileError};
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why an identity cannot be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Something about its file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is encrypted, and no passphrase was given.
    #[error("{} needs a passphrase", .0.display())]
    NeedsPassphrase(PathBuf),
    /// It is encrypted with another passphrase.
    #[error("the passphrase of {} is another", .0.display())]
    WrongPassphrase(PathBuf),
    /// Not a private key that is understood.
    #[error("{} is not a private key in OpenSSH or PEM form", .0.display())]
    Format(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// The comment would break the public key's line.
    #[error("the comment holds a line break or another control character")]
    Comment,
}

/// A private key, ready for `russh`. Printed, it shows its public half.
#[derive(Clone)]
pub struct Identity {
    key: Arc<PrivateKey>,
}

impl Identity {
    /// Makes an Ed25519 key: OpenSSH form, mode 0600, its public line beside it as `.pub`. Replaces nothing.
    ///
    /// # Errors
    /// Where one of the files exists, or the disk refuses.
    pub fn generate(path: &Path, comment: &str) -> Result<Self, IdentityError> {
        if comment.chars().any(char::is_control) {
            return Err(IdentityError::Comment);
        }
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(seed.as_mut_slice()).map_err(|_| IdentityError::Random)?;
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
        let format = |_| IdentityError::Format(path.into());
        let key = PrivateKey::new(pair, comment).map_err(format)?;
        let identity = Self { key: Arc::new(key) };
        let public_path = public_path(path);
        if public_path.symlink_metadata().is_ok() {
            return Err(FileError::Exists(public_path).into());
        }
        let text = identity.key.to_openssh(LineEnding::LF).map_err(format)?;
        private_file::create(path, text.as_bytes(), 0o600)?;
        private_file::create(&public_path, format!("{}\n", identity.public_line()).as_bytes(), 0o644)?;
        private_file::sync_parent(path)?;
        Ok(identity)
    }

    /// Loads a private key: OpenSSH form, or PEM (PKCS#1, PKCS#8) as clouds hand it out.
    ///
    /// # Errors
    /// Where the file is open to others (F072), needs a passphrase or another one, or is no private key.
    pub fn load(path: &Path, passphrase: Option<&Secret>) -> Result<Self, IdentityError> {
        let (bytes, _) = private_file::read(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| IdentityError::Format(path.into()))?;
        let key = if text.contains("-----BEGIN OPENSSH PRIVATE KEY-----") {
            openssh(path, text, passphrase)?
        } else {
            pem(path, text, passphrase)?
        };
        Ok(Self { key: Arc::new(key) })
    }

    /// For `russh`.
    #[must_use]
    pub fn private_key(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.key)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The line for `authorized_keys`.
    #[must_use]
    pub fn public_line(&self) -> String {
        self.key.public_key().to_openssh().unwrap_or_default() // fails only for key types that cannot be loaded
    }

    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({} {})", self.key.algorithm(), self.fingerprint())
    }
}

fn openssh(path: &Path, text: &str, passphrase: Option<&Secret>) -> Result<PrivateKey, IdentityError> {
    let key = PrivateKey::from_openssh(text).map_err(|_| IdentityError::Format(path.into()))?;
    if !key.is_encrypted() {
        return Ok(key);
    }
    let passphrase = passphrase.ok_or_else(|| IdentityError::NeedsPassphrase(path.into()))?;
    key.decrypt(passphrase.expose()).map_err(|error| match error {
        ssh_key::Error::Crypto => IdentityError::WrongPassphrase(path.into()),
        _ => IdentityError::Format(path.into()),
    })
}

fn pem(path: &Path, text: &str, passphrase: Option<&Secret>) -> Result<PrivateKey, IdentityError> {
    let encrypted = text.contains("ENCRYPTED"); // `Proc-Type: 4,ENCRYPTED` or `BEGIN ENCRYPTED PRIVATE KEY`
    let passphrase = match passphrase {
        Some(passphrase) => Some(passphrase.expose_str().ok_or_else(|| IdentityError::WrongPassphrase(path.into()))?),
        None if encrypted => return Err(IdentityError::NeedsPassphrase(path.into())),
        None => None,
    };
    russh::keys::decode_secret_key(text, passphrase).map_err(|_| match encrypted {
        true => IdentityError::WrongPassphrase(path.into()),
        false => IdentityError::Format(path.into()),
    })
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}
