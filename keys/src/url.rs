//! Signed callback URLs: `{base}/v1/callbacks/{id}?kid=..&exp=..&sig=..`.
//!
//! The signature covers the installation, the id, the root's `kid` and the expiry; scheme, host and `kind` are not
//! part of it, since the token's `aud` and the signed body carry them.

use crate::encoding::{base64url, from_base64url};
use crate::ring::{KeyRing, RootKeys};
use aws_lc_rs::hmac;

/// Why a signed URL is refused. Outside, all of these are one 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// Not the three parameters in their one spelling.
    #[error("the URL's query is not kid, exp and sig in their canonical form")]
    Form,
    /// No root of that id may verify.
    #[error("the URL was signed with a root that is unknown or revoked")]
    Key,
    /// Something was changed, or it was never ours.
    #[error("the URL's signature does not fit")]
    Signature,
    /// Genuine, but over.
    #[error("the URL has expired")]
    Expired,
}

/// Why a URL cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlSignError {
    /// Ids are letters, digits, `_` and `-`: anything else could be read as another path.
    #[error("the id is not fit for a URL")]
    Id,
    /// A base with a query, a fragment or white space.
    #[error("the base URL has a query, a fragment or white space")]
    Base,
    /// No root of that generation may sign.
    #[error("the root is unknown or revoked")]
    Root,
    /// An expiry before 1970.
    #[error("the expiry is negative")]
    Expiry,
}

/// The query of a signed URL, as it stands in the request: nothing decoded, nothing reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedQuery<'a> {
    /// Id of the root.
    pub kid: &'a str,
    /// Expiry in Unix seconds.
    pub exp: &'a str,
    /// Signature.
    pub sig: &'a str,
}

impl<'a> SignedQuery<'a> {
    /// Exactly `kid=..&exp=..&sig=..`, each once, in this order, without percent signs.
    ///
    /// # Errors
    /// [`UrlFault::Form`] for everything else.
    pub fn parse(query: &'a str) -> Result<Self, UrlFault> {
        let mut parts = query.split('&');
        let mut next =
            |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).filter(|value| is_plain(value)).ok_or(UrlFault::Form);
        let parsed = Self { kid: next("kid=")?, exp: next("exp=")?, sig: next("sig=")? };
        if parts.next().is_some() { Err(UrlFault::Form) } else { Ok(parsed) }
    }
}

impl KeyRing {
    /// Signs a callback URL with the active root.
    ///
    /// # Errors
    /// Where base, id or expiry cannot stand in a URL.
    pub fn sign_url(&self, base: &str, installation: &str, id: &str, exp_s: i64) -> Result<String, UrlSignError> {
        self.sign_url_with(self.root_generation(), base, installation, id, exp_s)
    }

    /// Signs a callback URL again with the root that an attempt was launched under, so that the bytes are the same.
    ///
    /// # Errors
    /// As [`KeyRing::sign_url`], and where that root is unknown or revoked.
    pub fn sign_url_with(&self, root: u64, base: &str, installation: &str, id: &str, exp_s: i64) -> Result<String, UrlSignError> {
        if !is_plain(id) {
            return Err(UrlSignError::Id);
        }
        if base.is_empty() || base.contains(|c: char| c == '?' || c == '#' || c.is_whitespace() || c.is_control()) {
            return Err(UrlSignError::Base);
        }
        if exp_s < 0 {
            return Err(UrlSignError::Expiry);
        }
        let state = self.state();
        let keys = state.root(root).and_then(|root| root.keys.as_ref()).ok_or(UrlSignError::Root)?;
        let exp = exp_s.to_string();
        let sig = base64url(hmac::sign(&keys.url, &message(installation, id, &keys.kid, &exp)).as_ref());
        Ok(format!("{}/v1/callbacks/{id}?kid={}&exp={exp}&sig={sig}", base.trim_end_matches('/'), keys.kid))
    }

    /// Whether we signed this id and expiry for this installation, and whether it is not over. `exp` is taken as the
    /// text that was signed, so that another spelling of the same number does not hold.
    ///
    /// # Errors
    /// The first check that failed; the expiry is judged last.
    pub fn verify_url(&self, installation: &str, id: &str, kid: &str, exp: &str, sig: &str, now_s: i64) -> Result<(), UrlFault> {
        let exp_s: i64 = exp.parse().map_err(|_| UrlFault::Form)?;
        let tag = from_base64url(sig).ok_or(UrlFault::Form)?;
        let state = self.state();
        let keys: &RootKeys = state.root_by_kid(kid).and_then(|root| root.keys.as_ref()).ok_or(UrlFault::Key)?;
        hmac::verify(&keys.url, &message(installation, id, kid, exp), &tag).map_err(|_| UrlFault::Signature)?;
        if now_s >= exp_s { Err(UrlFault::Expired) } else { Ok(()) }
    }
}

/// Puts the kind of a callback behind the id, before the query.
#[must_use]
pub fn callback_url_with_kind(url: &str, kind: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}/{kind}?{query}"),
        None => format!("{url}/{kind}"),
    }
}

/// Where the artifacts of an attempt are uploaded, from the URL that its callbacks are posted to: what is signed covers both.
#[must_use]
pub fn artifact_url(callback_url: &str) -> String {
    match callback_url.rsplit_once("/v1/callbacks/") {
        Some((base, rest)) => format!("{base}/v1/artifacts/{rest}"),
        None => callback_url.to_owned(),
    }
}

/// Where the output of an attempt is shipped, likewise.
#[must_use]
pub fn logs_url(callback_url: &str) -> String {
    match callback_url.rsplit_once("/v1/callbacks/") {
        Some((base, rest)) => format!("{base}/v1/logs/{rest}"),
        None => callback_url.to_owned(),
    }
}

/// Where a machine that is tested posts to, from a URL that was signed for this test.
#[must_use]
pub fn reach_url(callback_url: &str) -> String {
    match callback_url.rsplit_once("/v1/callbacks/") {
        Some((base, rest)) => format!("{base}/v1/reach/{rest}"),
        None => callback_url.to_owned(),
    }
}

/// What is signed. Each field carries its length, so that no two sets of fields give the same bytes.
fn message(installation: &str, id: &str, kid: &str, exp: &str) -> Vec<u8> {
    let mut out = b"sortie-callback-url-v1\n".to_vec();
    for field in [installation, id, kid, exp] {
        out.extend_from_slice(format!("{}:{field}\n", field.len()).as_bytes());
    }
    out
}

pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
