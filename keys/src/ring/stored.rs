//! The ring as it stands on disk.

use super::RingError;
use crate::encoding::{base64url, ed25519_kid};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Format of the file. Another number is refused.
const SCHEMA: u32 = 1;

/// What a key or root may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Signs what is new, and verifies.
    Active,
    /// Verifies what was made under it.
    Retired,
    /// Nothing, for ever.
    Revoked,
}

/// State and times (Unix milliseconds) of a key or root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Life {
    /// What it may be used for.
    pub state: KeyState,
    /// When it was made.
    pub created_at_ms: i64,
    /// When another took its place.
    pub retired_at_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_at_ms: Option<i64>,
}

impl Life {
    fn new(now_ms: i64) -> Self {
        Self { state: KeyState::Active, created_at_ms: now_ms, retired_at_ms: None, revoked_at_ms: None }
    }

    pub(super) fn retire(&mut self, now_ms: i64) {
        self.state = KeyState::Retired;
        self.retired_at_ms = Some(now_ms);
    }

    pub(super) fn revoke(&mut self, now_ms: i64) {
        self.state = KeyState::Revoked;
        self.revoked_at_ms = Some(now_ms);
    }
}

/// Secret text in the file: base64url, wiped on drop, absent once revoked.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub(super) struct SecretText(pub(super) String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredKey {
    pub(super) kid: String,
    pub(super) life: Life,
    pub(super) public: String,
    pub(super) seed: Option<SecretText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredRoot {
    pub(super) generation: u64,
    pub(super) kid: String,
    pub(super) life: Life,
    pub(super) secret: Option<SecretText>,
    /// Of a revoked root: the key that opens what was sealed under it. Nothing else can be made from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seal: Option<SecretText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    schema: u32,
    pub(super) generation: u64,
    /// Root generations are never used twice, also when the last root was pruned.
    pub(super) next_root: u64,
    pub(super) keys: Vec<StoredKey>,
    pub(super) roots: Vec<StoredRoot>,
}

impl Stored {
    pub(super) fn create(now_ms: i64) -> Result<Self, RingError> {
        let mut ring = Self { schema: SCHEMA, generation: 1, next_root: 1, keys: Vec::new(), roots: Vec::new() };
        ring.add_key(now_ms)?;
        ring.add_root(now_ms)?;
        Ok(ring)
    }

    pub(super) fn add_key(&mut self, now_ms: i64) -> Result<String, RingError> {
        let seed = random()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| RingError::Random)?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| RingError::Random)?;
        let kid = ed25519_kid(&public);
        let seed = Some(SecretText(base64url(seed.as_slice())));
        self.keys.push(StoredKey { kid: kid.clone(), life: Life::new(now_ms), public: base64url(&public), seed });
        Ok(kid)
    }

    pub(super) fn add_root(&mut self, now_ms: i64) -> Result<u64, RingError> {
        let secret = random()?;
        let generation = self.next_root;
        self.next_root += 1;
        let kid = super::state::root_kid(&secret);
        let secret = Some(SecretText(base64url(secret.as_slice())));
        self.roots.push(StoredRoot { generation, kid, life: Life::new(now_ms), secret, seal: None });
        Ok(generation)
    }

    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Cannot fail: strings, numbers, no maps with odd keys.
        Zeroizing::new(serde_json::to_vec_pretty(self).unwrap_or_default())
    }

    /// The error never quotes the file.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let stored: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("not a key ring (line {}, column {})", error.line(), error.column()))?;
        if stored.schema != SCHEMA {
            return Err(format!("its format is {}, this program knows {SCHEMA}", stored.schema));
        }
        Ok(stored)
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, RingError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| RingError::Random)?;
    Ok(bytes)
}
