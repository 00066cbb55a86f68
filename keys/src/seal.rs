//! Sealing: values that are at rest somewhere else, and readable only with a root of this ring.
//!
//! AES-256-GCM under a key that HKDF derives from a root. The name, the version and the installation of a value are
//! authenticated with it: sealed bytes that were moved to another row, an older version or another installation do not open.
//! A retired root opens what was sealed under it. A revoked one does too, by the derived key that is kept of it: the root itself is
//! erased, and nobody loses a value before it was sealed anew.

use crate::ring::KeyRing;
use crate::secret::Secret;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// First byte of what is sealed: the form of the rest.
const FORM: u8 = 1;
/// Bytes of the tag at the end.
const TAG_BYTES: usize = 16;

/// What a sealed value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// Id of the installation.
    pub installation: &'a str,
    /// Name of the value.
    pub name: &'a str,
    /// Its version.
    pub version: u64,
}

/// A sealed value.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Generation of the root.
    pub root: u64,
    /// Form, nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
}

/// Why something was not sealed or opened. Says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The root is not in this ring.
    #[error("it is sealed under root {0}, which this key ring does not have")]
    NoRoot(u64),
    /// Other bytes, another name, version, installation or key.
    #[error("it does not open: it was changed, moved, or sealed by another installation")]
    NotOurs,
    /// The system refused.
    #[error("it could not be sealed")]
    Failed,
}

impl SealContext<'_> {
    /// Every part with its length before it, so that no two contexts are the same bytes.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"sortie-seal-v1".to_vec();
        for part in [self.installation.as_bytes(), self.name.as_bytes(), &self.version.to_be_bytes()] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }
}

impl KeyRing {
    /// Seals a value under the active root.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn seal(&self, context: &SealContext<'_>, value: &Secret) -> Result<Sealed, SealError> {
        let state = self.state();
        let root = state.active_root();
        let key = key(root.seal.as_ref().ok_or(SealError::Failed)?.as_slice())?;
        // Room for the tag from the start: a vector that grew would leave a copy of the value behind.
        let mut text = Vec::with_capacity(value.expose().len() + TAG_BYTES);
        text.extend_from_slice(value.expose());
        let nonce = key.seal_in_place_append_tag(Aad::from(context.bytes()), &mut text).map_err(|_| SealError::Failed)?;
        let bytes = [&[FORM][..], nonce.as_ref(), &text].concat();
        Ok(Sealed { root: root.generation, bytes })
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`SealError`]: another ring, or not exactly what was sealed for this context.
    pub fn open_sealed(&self, context: &SealContext<'_>, sealed: &Sealed) -> Result<Secret, SealError> {
        let state = self.state();
        let root = state.root(sealed.root).and_then(|root| root.seal.as_ref()).ok_or(SealError::NoRoot(sealed.root))?;
        let (form, rest) = sealed.bytes.split_first().ok_or(SealError::NotOurs)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
        if *form != FORM {
            return Err(SealError::NotOurs);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut text = zeroize::Zeroizing::new(text.to_vec());
        let opened = key(root.as_slice())?.open_in_place(nonce, Aad::from(context.bytes()), &mut text).map_err(|_| SealError::NotOurs)?;
        Ok(Secret::new(&*opened))
    }
}

fn key(bytes: &[u8]) -> Result<RandomizedNonceKey, SealError> {
    RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::Failed)
}
