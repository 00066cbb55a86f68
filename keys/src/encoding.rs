//! Canonical base64url, digests and key ids.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Only the one spelling that [`base64url`] gives: no padding, no white space, no loose bits at the end.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// As [`from_base64url`], of exactly `N` bytes.
pub(crate) fn array_from_base64url<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_base64url(text)?.try_into().ok()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// A key id: a prefix that says what it names, and the first 128 bits of a hash in base32.
pub(crate) fn key_id(prefix: &str, hash: &[u8; 32]) -> String {
    format!("{prefix}_{}", data_encoding::BASE32_NOPAD.encode(&hash[..16]).to_ascii_lowercase())
}

/// The id of an Ed25519 key, from its RFC 7638 thumbprint: two keys cannot share one.
pub(crate) fn ed25519_kid(public: &[u8; 32]) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url(public));
    key_id("key", &sha256(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(from_base64url("QQ"), Some(b"A".to_vec()));
        for other in ["QR", "QQ==", "Q Q", "QQ\n", "Q+", "Q/", "Q"] {
            assert_eq!(from_base64url(other), None, "{other:?}");
        }
    }

    /// RFC 8037, appendix A.3: the thumbprint of the key of appendix A.2.
    #[test]
    fn kid_is_the_rfc_7638_thumbprint() {
        let public = array_from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let thumbprint = from_base64url("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").unwrap();
        assert_eq!(ed25519_kid(&public), key_id("key", &thumbprint.try_into().unwrap()));
    }
}
