//! Signed links to resources: `{base}/v1/downloads/{id}?kid=..&exp=..&sig=..`.
//!
//! Signed with the key of callback URLs, but another text: neither can be taken for the other. A link holds until its expiry or
//! until its root is revoked.

use crate::ring::KeyRing;
use crate::url::{UrlFault, UrlSignError, is_plain};

/// Keeps a link to a resource from being taken for one of another kind.
const PURPOSE: &str = "download";

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
        let exp = exp_s.to_string();
        let made = self.sign_link(PURPOSE, &[installation, id, &exp]).ok_or(UrlSignError::Root)?;
        Ok(format!("{}/v1/downloads/{id}?kid={}&exp={exp}&sig={}", base.trim_end_matches('/'), made.kid, made.sig))
    }

    /// Whether we signed this link for this installation, and whether it is not over.
    ///
    /// # Errors
    /// The first check that failed; the expiry is judged last.
    pub fn verify_download(&self, installation: &str, id: &str, kid: &str, exp: &str, sig: &str, now_s: i64) -> Result<(), UrlFault> {
        let exp_s: i64 = exp.parse().map_err(|_| UrlFault::Form)?;
        self.verify_link(PURPOSE, &[installation, id, exp], kid, sig)?;
        if now_s >= exp_s { Err(UrlFault::Expired) } else { Ok(()) }
    }
}
