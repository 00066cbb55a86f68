//! The proof secret of an attempt: signs its callbacks on the VM and our receipts here.

use crate::limits::PROOF_SIGNATURES;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

const VERSION: &str = "v1,";

/// 32 bytes, derived from a root's generation and an attempt's id: nothing to store, and known before the first
/// callback can come. Signatures have the form of Standard Webhooks.
#[derive(Clone)]
pub struct ProofSecret(Zeroizing<[u8; 32]>);

impl ProofSecret {
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// `v1,<base64>`: HMAC-SHA256 of the message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        format!("{VERSION}{}", STANDARD.encode(hmac::sign(&self.key(), message)))
    }

    /// Whether one of the space-separated signatures is ours. Versions that are not known are passed over;
    /// more than [`PROOF_SIGNATURES`] are refused unread.
    #[must_use]
    pub fn verify(&self, message: &[u8], header: &str) -> bool {
        let signatures: Vec<&str> = header.split(' ').take(PROOF_SIGNATURES + 1).collect();
        if signatures.len() > PROOF_SIGNATURES {
            return false;
        }
        let key = self.key();
        // Every signature is looked at, so that the time does not say which one was right.
        signatures.iter().fold(false, |found, signature| {
            let tag = signature.strip_prefix(VERSION).and_then(|text| STANDARD.decode(text).ok());
            tag.is_some_and(|tag| hmac::verify(&key, message, &tag).is_ok()) | found
        })
    }

    /// For the launch frame: standard base64 with padding.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice())
    }
}

impl fmt::Debug for ProofSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
