//! OpenSSH host certificates: a key is believed because an authority signed for it, within the terms of its signature (F082).
//!
//! What must hold, each with an answer of its own: made for hosts, by a trusted authority that is not revoked, for a key that is
//! not revoked, to exactly this name, within its window, without critical options, signed with nothing weaker than SHA-2.
//! Stricter than OpenSSH in one thing: a certificate without any name, which would fit every host, is refused.

use crate::pin::Pin;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};

/// Shortest RSA key of an authority or a host that is believed, in bits, as OpenSSH's `RequiredRSASize` has it at least.
const RSA_BITS: u32 = 2048;
/// Names of a certificate that a message repeats.
const NAMES_SHOWN: usize = 8;
/// Characters of a name that a message repeats: a certificate may carry 64 KiB of them.
const NAME_CHARS: usize = 100;

/// Why a host certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostCertFault {
    /// A user certificate.
    #[error("its certificate is made for users, not for hosts")]
    NotForHosts,
    /// Signed by nobody who is trusted for the host.
    #[error("its certificate is signed by {shown}, which is no authority for this host")]
    Authority {
        /// Type and fingerprint of the signer.
        shown: String,
    },
    /// The host's key, or the authority's, is revoked.
    #[error("{shown} is revoked")]
    Revoked {
        /// Type and fingerprint of the key.
        shown: String,
    },
    /// It is in the list of revoked keys: it, its key, or its authority's.
    #[error("the list of revoked keys has it, its key or its authority's (key id `{key_id}`)")]
    Listed {
        /// What its authority has called it, shortened.
        key_id: String,
    },
    /// The signature does not fit the certificate.
    #[error("the signature on its certificate is wrong")]
    Signature,
    /// SHA-1, DSA, or an RSA key that is too short.
    #[error("its certificate is signed with {0}, which is too weak")]
    Weak(String),
    /// Made out to other names.
    #[error("its certificate is made out to {}, not to {wanted}", names_shown(.names))]
    Name {
        /// What it should say.
        wanted: String,
        /// What it says, shortened.
        names: Vec<String>,
    },
    /// Not valid yet.
    #[error("its certificate is not valid before {} (Unix seconds); it is {now} here", .from)]
    NotYet {
        /// First second, Unix.
        from: u64,
        /// Now, Unix seconds.
        now: u64,
    },
    /// Not valid any more.
    #[error("its certificate ran out at {} (Unix seconds); it is {now} here", .until)]
    Expired {
        /// First second in which it is not valid, Unix.
        until: u64,
        /// Now, Unix seconds.
        now: u64,
    },
    /// No critical option is defined for hosts; one that is there must not be ignored.
    #[error("its certificate has the critical option `{0}`, which is not understood")]
    CriticalOption(String),
}

impl HostCertFault {
    /// Of a certificate that the list of revoked keys has.
    #[must_use]
    pub fn listed(certificate: &Certificate) -> Self {
        Self::Listed { key_id: shortened(certificate.key_id()) }
    }
}

fn names_shown(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Judge a certificate that a host has shown, and proved to hold the key of.
///
/// `name` is what the host is called by its operators; `now` in Unix seconds. Revoked keys count for the host's key, and
/// for the authority's.
///
/// # Errors
/// The first thing that is wrong; revocation and trust come first.
pub fn judge(certificate: &Certificate, authorities: &[Pin], revoked: &[Pin], name: &str, now: u64) -> Result<(), HostCertFault> {
    if certificate.cert_type() != CertType::Host {
        return Err(HostCertFault::NotForHosts);
    }
    let (key, signer) = (certificate.public_key(), certificate.signature_key());
    if let Some(lost) = [key, signer].into_iter().find(|key| has(revoked, key)) {
        return Err(HostCertFault::Revoked { shown: shown(lost) });
    }
    if !has(authorities, signer) {
        return Err(HostCertFault::Authority { shown: shown(signer) });
    }
    strong(key)?;
    strong(signer)?;
    match certificate.signature().algorithm() {
        Algorithm::Rsa { hash: Some(HashAlg::Sha256 | HashAlg::Sha512) } | Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => {}
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => {}
        other => return Err(HostCertFault::Weak(other.to_string())),
    }
    certificate.verify_signature().map_err(|_| HostCertFault::Signature)?;
    if let Some((option, _)) = certificate.critical_options().iter().next() {
        return Err(HostCertFault::CriticalOption(shortened(option)));
    }
    let names = certificate.valid_principals();
    if !names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        let names = names.iter().take(NAMES_SHOWN).map(|name| shortened(name)).collect();
        return Err(HostCertFault::Name { wanted: name.to_owned(), names });
    }
    within(certificate.valid_after(), certificate.valid_before(), now)
}

fn within(from: u64, until: u64, now: u64) -> Result<(), HostCertFault> {
    if now < from {
        return Err(HostCertFault::NotYet { from, now });
    }
    if now >= until { Err(HostCertFault::Expired { until, now }) } else { Ok(()) }
}

fn strong(key: &KeyData) -> Result<(), HostCertFault> {
    match key {
        KeyData::Dsa(_) => Err(HostCertFault::Weak("a DSA key".to_owned())),
        KeyData::Rsa(rsa) if rsa.key_size() < RSA_BITS => Err(HostCertFault::Weak(format!("an RSA key of {} bits", rsa.key_size()))),
        _ => Ok(()),
    }
}

fn has(pins: &[Pin], key: &KeyData) -> bool {
    pins.iter().any(|pin| pin.public_key().key_data() == key)
}

fn shown(key: &KeyData) -> String {
    let key = PublicKey::new(key.clone(), "");
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect()
}
