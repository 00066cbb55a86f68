//! Signatures over links that people open: the fields of the link under a purpose, by HMAC with a root's key for URLs.
//!
//! A purpose keeps links of one kind from being read as another, and all of them from being read as callback URLs.

use crate::encoding::{base64url, from_base64url};
use crate::ring::{KeyRing, RootKeys};
use crate::url::UrlFault;
use aws_lc_rs::hmac;

/// What goes into a link beside its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSignature {
    /// Id of the root that signed.
    pub kid: String,
    /// The signature, base64url.
    pub sig: String,
}

impl KeyRing {
    /// Signs the fields of a link with the active root; `None` where that root has no keys any more.
    #[must_use]
    pub fn sign_link(&self, purpose: &str, fields: &[&str]) -> Option<LinkSignature> {
        let state = self.state();
        let keys = state.root(self.root_generation()).and_then(|root| root.keys.as_ref())?;
        let sig = base64url(hmac::sign(&keys.url, &message(purpose, &keys.kid, fields)).as_ref());
        Some(LinkSignature { kid: keys.kid.clone(), sig })
    }

    /// Whether we signed these fields for this purpose. An expiry is a field like any other: judge it afterwards.
    ///
    /// # Errors
    /// [`UrlFault`], the first check that failed.
    pub fn verify_link(&self, purpose: &str, fields: &[&str], kid: &str, sig: &str) -> Result<(), UrlFault> {
        let tag = from_base64url(sig).ok_or(UrlFault::Form)?;
        let state = self.state();
        let keys: &RootKeys = state.root_by_kid(kid).and_then(|root| root.keys.as_ref()).ok_or(UrlFault::Key)?;
        hmac::verify(&keys.url, &message(purpose, kid, fields), &tag).map_err(|_| UrlFault::Signature)
    }
}

/// What is signed. Each field carries its length, so that no two sets of fields give the same bytes.
fn message(purpose: &str, kid: &str, fields: &[&str]) -> Vec<u8> {
    let mut out = b"sortie-link-v1\n".to_vec();
    for field in [purpose, kid].iter().chain(fields) {
        out.extend_from_slice(format!("{}:{field}\n", field.len()).as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_for_its_fields_and_its_purpose_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(&folder.path().join("keys"), 1_700_000_000_000).unwrap();
        let made = ring.sign_link("approval", &["a", "bc"]).unwrap();
        let holds = |purpose, fields: &[&str]| ring.verify_link(purpose, fields, &made.kid, &made.sig);
        assert_eq!(holds("approval", &["a", "bc"]), Ok(()));
        for (purpose, fields) in
            [("resource", &["a", "bc"][..]), ("approval", &["ab", "c"]), ("approval", &["a", "bc", ""]), ("approval", &["a"])]
        {
            assert_eq!(holds(purpose, fields), Err(UrlFault::Signature), "{purpose} {fields:?}");
        }
        assert_eq!(ring.verify_link("approval", &["a", "bc"], "none", &made.sig), Err(UrlFault::Key));
        assert_eq!(ring.verify_link("approval", &["a", "bc"], &made.kid, "***"), Err(UrlFault::Form));
    }

    #[test]
    fn a_link_outlives_a_rotation_and_not_a_revocation() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(&folder.path().join("keys"), 1_700_000_000_000).unwrap();
        let made = ring.sign_link("approval", &["a"]).unwrap();
        ring.rotate(1_700_000_001_000).unwrap();
        assert_eq!(ring.verify_link("approval", &["a"], &made.kid, &made.sig), Ok(()));
        ring.revoke(&made.kid, 1_700_000_002_000).unwrap();
        assert_eq!(ring.verify_link("approval", &["a"], &made.kid, &made.sig), Err(UrlFault::Key));
    }
}
