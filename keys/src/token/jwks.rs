//! Public keys from a JWKS document, for checking tokens on another machine.

use super::fault::TokenFault;
use super::verify::{Expect, VerifiedToken, Verifier};
use crate::encoding::{array_from_base64url, ed25519_kid};
use crate::limits::JWKS_BYTES;
use serde_json::Value;

/// Why a JWKS document gives no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Larger than [`JWKS_BYTES`].
    #[error("the JWKS is larger than {JWKS_BYTES} bytes")]
    TooLarge,
    /// Not `{"keys": [...]}`.
    #[error("not a JWKS: an object with an array `keys` is wanted")]
    Form,
    /// An Ed25519 key that is not what it says.
    #[error("key {0} of the JWKS is damaged: its `kid` is not the hash of its `x`")]
    Damaged(usize),
    /// None for our tokens.
    #[error("the JWKS has no Ed25519 signing key")]
    Empty,
}

impl Verifier {
    /// Takes the Ed25519 signing keys of a JWKS; keys of other kinds are passed over.
    ///
    /// # Errors
    /// Where there is none, or one whose `kid` is not its hash.
    pub fn from_jwks(json: &str) -> Result<Self, JwksError> {
        if json.len() > JWKS_BYTES {
            return Err(JwksError::TooLarge);
        }
        let document: Value = serde_json::from_str(json).map_err(|_| JwksError::Form)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(JwksError::Form)?;
        let mut found = Vec::new();
        for (number, key) in keys.iter().enumerate() {
            let is = |name: &str, wanted: &str| key.get(name).and_then(Value::as_str) == Some(wanted);
            if !(is("kty", "OKP") && is("crv", "Ed25519") && is("use", "sig") && is("alg", "EdDSA")) {
                continue;
            }
            let public = key.get("x").and_then(Value::as_str).and_then(array_from_base64url).ok_or(JwksError::Damaged(number))?;
            let kid = ed25519_kid(&public);
            if !is("kid", &kid) {
                return Err(JwksError::Damaged(number));
            }
            found.push((kid, public));
        }
        if found.is_empty() { Err(JwksError::Empty) } else { Ok(Self::new(found.into_iter())) }
    }
}

/// Checks a token against a JWKS document, without a ring.
///
/// # Errors
/// Where the document gives no keys; inside, what is wrong with the token.
pub fn verify_with_jwks(jwks: &str, token: &str, expect: &Expect<'_>) -> Result<Result<VerifiedToken, TokenFault>, JwksError> {
    Ok(Verifier::from_jwks(jwks)?.verify(token, expect))
}
