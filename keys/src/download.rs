//! Signed links to resources: `{base}/v1/downloads/{id}?kid=..&exp=..&sig=..`.
//!
//! Signed with the key of callback URLs, but another text: neither can be taken for the other. A link holds until its expiry or
//! until its root is revoked.

use crate::encoding::{base64url, from_base64url};
use crate::ring::KeyRing;
use crate::url::{UrlFault, UrlSignError, is_plain};
use aws_lc_rs::hmac;

impl KeyRing {
    /// Signs a link to a resource with the active root.
    ///
    /// # Errors
    /// Where base, id or expiry cannot stand in a URL.
    pub fn sign_download(&self, base: &str, installation: &str, id: &str, exp_s: i64) -> Result<String, UrlSignError> {
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
        let keys = state.root(self.root_generation()).and_then(|root| root.keys.as_ref()).ok_or(UrlSignError::Root)?;
        let exp = exp_s.to_string();
        let sig = base64url(hmac::sign(&keys.url, &message(installation, id, &keys.kid, &exp)).as_ref());
        Ok(format!("{}/v1/downloads/{id}?kid={}&exp={exp}&sig={sig}", base.trim_end_matches('/'), keys.kid))
    }

    /// Whether we signed this link for this installation, and whether it is not over.
    ///
    /// # Errors
    /// The first check that failed; the expiry is judged last.
    pub fn verify_download(&self, installation: &str, id: &str, kid: &str, exp: &str, sig: &str, now_s: i64) -> Result<(), UrlFault> {
        let exp_s: i64 = exp.parse().map_err(|_| UrlFault::Form)?;
        let tag = from_base64url(sig).ok_or(UrlFault::Form)?;
        let state = self.state();
        let keys = state.root_by_kid(kid).and_then(|root| root.keys.as_ref()).ok_or(UrlFault::Key)?;
        hmac::verify(&keys.url, &message(installation, id, kid, exp), &tag).map_err(|_| UrlFault::Signature)?;
        if now_s >= exp_s { Err(UrlFault::Expired) } else { Ok(()) }
    }
}

/// What is signed. Each field carries its length, so that no two sets of fields give the same bytes.
fn message(installation: &str, id: &str, kid: &str, exp: &str) -> Vec<u8> {
    let mut out = b"sortie-download-url-v1\n".to_vec();
    for field in [installation, id, kid, exp] {
        out.extend_from_slice(format!("{}:{field}\n", field.len()).as_bytes());
    }
    out
}
