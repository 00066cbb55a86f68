//! Every bound of this crate, with its reason.

/// Longest correlation token, in bytes. Ours are near 500; more is refused before it is looked at.
pub const TOKEN_BYTES: usize = 2_048;
/// Verified tokens remembered at once: near 600 bytes each, so 20 MB at most. An Ed25519 check costs 35 µs or more, a look-up under 1 µs.
pub const VERIFIED_TOKENS: usize = 32_768;
/// Signatures that one proof header may carry, as Standard Webhooks allows several while secrets change.
pub const PROOF_SIGNATURES: usize = 4;
/// Difference between clocks that a token forgives, in seconds.
pub const LEEWAY_S: u32 = 60;
/// Largest key ring or private key file that is read, in bytes.
pub const PRIVATE_FILE_BYTES: u64 = 1 << 20;
/// Largest known_hosts file that is read, in bytes. Ten thousand hosts take one or two million.
pub const KNOWN_HOSTS_BYTES: u64 = 16 << 20;
/// Largest list of revoked keys that is read, in bytes; read for every connection. A hundred thousand digests take four million.
pub const REVOKED_KEYS_BYTES: u64 = 16 << 20;
/// Largest JWKS document that is read, in bytes.
pub const JWKS_BYTES: usize = 256 << 10;
