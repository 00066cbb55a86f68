//! Checking tokens, with or without a ring.

use super::claims::Claims;
use super::fault::{Check, TokenFault};
use super::mint::{TYP, use_aws_lc};
use super::strict::{Compact, Object};
use jsonwebtoken::{Algorithm, DecodingKey};
use std::collections::HashMap;

/// What a token must fit. Whether it fits the journal's row is for the caller to say.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// Our installation's id.
    pub issuer: &'a str,
    /// Our public URL, and former ones while attempts made under them are open.
    pub audiences: &'a [&'a str],
    /// The current time, Unix seconds.
    pub now_s: i64,
    /// Difference between clocks that is forgiven, in seconds: [`crate::limits::LEEWAY_S`].
    pub leeway_s: u32,
}

impl Expect<'_> {
    /// The checks that depend on who asks and when. Repeated on every use of a remembered token.
    pub(super) fn judge(&self, claims: &Claims) -> Result<(), TokenFault> {
        if let Some(claim) = claims.unfit() {
            return Err(TokenFault::of(Check::Value, claim));
        }
        if claims.iss != self.issuer {
            return Err(TokenFault::of(Check::Issuer, "iss"));
        }
        if !self.audiences.contains(&claims.aud.as_str()) {
            return Err(TokenFault::of(Check::Audience, "aud"));
        }
        let leeway = i64::from(self.leeway_s);
        let latest = self.now_s.saturating_add(leeway);
        if claims.nbf > latest {
            return Err(TokenFault::of(Check::NotYet, "nbf"));
        }
        if claims.iat > latest {
            return Err(TokenFault::of(Check::NotYet, "iat"));
        }
        if claims.exp <= self.now_s.saturating_sub(leeway) {
            return Err(TokenFault::of(Check::Expired, "exp"));
        }
        Ok(())
    }
}

/// A token that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// What it says.
    pub claims: Claims,
    /// The key it was signed with.
    pub kid: String,
}

/// Public keys by id. Everything needed to check a token anywhere.
#[derive(Clone)]
pub struct Verifier(HashMap<String, DecodingKey>);

impl Verifier {
    pub(crate) fn new(keys: impl Iterator<Item = (String, [u8; 32])>) -> Self {
        use_aws_lc();
        Self(keys.map(|(kid, public)| (kid, DecodingKey::from_ed_der(&public))).collect())
    }

    /// Checks form, header, key, signature, claims and expectations, in this order. Claims are read only once the
    /// signature is known to be good.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<VerifiedToken, TokenFault> {
        let compact = Compact::read(token)?;
        let kid = read_header(&compact.header)?;
        let key = self.0.get(&kid).ok_or(TokenFault::of(Check::Key, "kid"))?;
        let signed = jsonwebtoken::crypto::verify(compact.signature, compact.message.as_bytes(), key, Algorithm::EdDSA);
        if !signed.unwrap_or(false) {
            return Err(TokenFault::new(Check::Signature));
        }
        let claims = Claims::read(&compact.payload)?;
        expect.judge(&claims)?;
        Ok(VerifiedToken { claims, kid })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The header has `typ`, `alg` and `kid`, and nothing else: no `jku`, `jwk`, `x5u`, `crit`, `b64`, `zip`. Gives the `kid`,
/// which is only ever looked up among the ids of known keys.
fn read_header(header: &[u8]) -> Result<String, TokenFault> {
    let object = Object::read(header, &["typ", "alg", "kid"])?;
    if object.text("alg")? != "EdDSA" {
        return Err(TokenFault::of(Check::Header, "alg"));
    }
    if object.text("typ")? != TYP {
        return Err(TokenFault::of(Check::Header, "typ"));
    }
    object.text("kid")
}
