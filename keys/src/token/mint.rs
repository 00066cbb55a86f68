//! Making tokens.

use super::claims::Claims;
use crate::encoding::sha256;
use crate::limits::TOKEN_BYTES;
use aws_lc_rs::signature::Ed25519KeyPair;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use std::fmt;
use zeroize::Zeroizing;

/// The `typ` of every correlation token, so that none can be taken for a token of another purpose (RFC 8725, 3.11).
pub const TYP: &str = "sortie-callback+jwt";

/// A correlation token. Like a [`crate::Secret`]: wiped on drop, not to be printed or serialised.
///
/// ```compile_fail,E0277
/// fn leak(token: sortie_keys::Token) { serde_json::to_string(&token); } // no Serialize
/// ```
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// The token itself, for the launch frame and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be stored and shown instead of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        token_digest(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// SHA-256 of a complete token.
#[must_use]
pub fn token_digest(token: &str) -> [u8; 32] {
    sha256(token.as_bytes())
}

/// Why a token cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No key of that id may sign.
    #[error("the signing key is unknown or revoked")]
    Key,
    /// A claim that every verifier would refuse.
    #[error("the claim `{0}` is empty or negative")]
    Claim(&'static str),
    /// Longer than [`TOKEN_BYTES`].
    #[error("the token would be longer than {TOKEN_BYTES} bytes")]
    TooLong,
    /// The signature could not be made.
    #[error("the token could not be signed")]
    Sign,
}

/// A private key and the header that goes with it.
pub(crate) struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    /// None where seed and public key are not a pair.
    pub(crate) fn new(kid: &str, seed: &[u8; 32], public: &[u8; 32]) -> Option<Self> {
        use_aws_lc();
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?;
        let key = EncodingKey::from_ed_der(pair.to_pkcs8().ok()?.as_ref());
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYP.into());
        header.kid = Some(kid.into());
        Some(Self { header, key })
    }

    pub(crate) fn mint(&self, claims: &Claims) -> Result<Token, MintError> {
        if let Some(claim) = claims.unfit() {
            return Err(MintError::Claim(claim));
        }
        let token = jsonwebtoken::encode(&self.header, claims, &self.key).map_err(|_| MintError::Sign)?;
        if token.len() > TOKEN_BYTES {
            return Err(MintError::TooLong);
        }
        Ok(Token(Zeroizing::new(token)))
    }
}

/// Names the backend, so that another crate turning on a second one cannot make `jsonwebtoken` panic at first use.
pub(super) fn use_aws_lc() {
    let _: Result<(), _> = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default(); // an error means: already done
}
