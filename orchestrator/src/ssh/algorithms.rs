//! What is offered to a server: modern algorithms only (F083). A server with none of them is not talked to.
//!
//! Not in the lists: SHA-1 anywhere, `ssh-rsa`, DSA, CBC, 3DES, RC4, Diffie-Hellman groups under 3,072 bits and
//! server-chosen groups, MACs over the plain text with SHA-1, compression. Host certificates are asked for where an authority
//! is trusted.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Preferred, cipher, compression, kex, mac};
use std::borrow::Cow;

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_G18_SHA512,
    kex::DH_G16_SHA512,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];
const CIPHERS: &[cipher::Name] =
    &[cipher::CHACHA20_POLY1305, cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::AES_256_CTR, cipher::AES_128_CTR];
const MACS: &[mac::Name] = &[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256];
const COMPRESSION: &[compression::Name] = &[compression::NONE];

/// Host-key algorithms for a host that nothing is pinned of, best first.
#[must_use]
pub fn any_host_key() -> Vec<Algorithm> {
    let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
    let ecdsa = curves.into_iter().map(|curve| Algorithm::Ecdsa { curve });
    std::iter::once(Algorithm::Ed25519).chain(ecdsa).chain(rsa()).collect()
}

fn rsa() -> impl Iterator<Item = Algorithm> {
    [HashAlg::Sha512, HashAlg::Sha256].into_iter().map(|hash| Algorithm::Rsa { hash: Some(hash) })
}

/// Everything that is offered, with these host-key algorithms, and certificates of all kinds where an authority is trusted.
#[must_use]
pub fn preferred(host_keys: Vec<Algorithm>, certificates: bool) -> Preferred {
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Owned(host_keys),
        host_key_certificates: if certificates { Cow::Owned(any_host_key()) } else { Cow::Borrowed(&[]) },
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(COMPRESSION),
    }
}

/// Whether the chosen algorithms are safe against prefix truncation (CVE-2023-48795): by strict key exchange, or because
/// they are neither ChaCha20-Poly1305 nor encrypt-then-MAC.
#[must_use]
pub fn is_truncation_safe(names: &russh::Names) -> bool {
    let etm = [&names.client_mac, &names.server_mac].into_iter().any(|mac| *mac == mac::HMAC_SHA512_ETM || *mac == mac::HMAC_SHA256_ETM);
    let gcm = names.cipher == cipher::AES_256_GCM || names.cipher == cipher::AES_128_GCM;
    names.strict_kex() || gcm || (names.cipher != cipher::CHACHA20_POLY1305 && !etm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f083_nothing_weak_is_offered() {
        let offered = preferred(any_host_key(), true);
        let names: Vec<String> = (offered.kex.iter().map(|n| n.as_ref().to_owned()))
            .chain(offered.cipher.iter().map(|n| n.as_ref().to_owned()))
            .chain(offered.mac.iter().map(|n| n.as_ref().to_owned()))
            .chain(offered.compression.iter().map(|n| n.as_ref().to_owned()))
            .chain(offered.key.iter().map(ToString::to_string))
            .chain(offered.host_key_certificates.iter().map(Algorithm::to_certificate_type))
            .collect();
        for weak in ["sha1", "cbc", "group1-", "group14", "group-exchange", "zlib", "3des", "arcfour", "-96", "md5"] {
            assert!(!names.iter().any(|n| n.contains(weak)), "{weak} in {names:?}");
        }
        assert!(!names.iter().any(|n| n == "ssh-rsa"
            || n.starts_with("ssh-rsa-cert")
            || n == "ssh-dss"
            || n == "clear"
            || n == "hmac-none"));
        assert!(names.iter().any(|n| n == "kex-strict-c-v00@openssh.com"));
    }
}
