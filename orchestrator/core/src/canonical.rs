//! Canonical JSON: the same value gives the same bytes.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// JSON text with object keys in order (serde_json's map is ordered) and no white space.
///
/// # Panics
/// Never for the plain values of this crate: their serialisation cannot fail.
#[must_use]
pub fn json(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("plain values serialise");
    value.to_string()
}

/// SHA-256 of bytes, lower-case hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}
