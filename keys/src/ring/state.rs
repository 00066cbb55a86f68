//! The ring in memory, checked and with everything derived that is needed often.

use super::stored::{KeyState, Life, SecretText, Stored, StoredKey, StoredRoot};
use crate::encoding::{array_from_base64url, base64url, ed25519_kid, key_id};
use crate::proof::ProofSecret;
use crate::token::{Claims, MintError, Signer, Token, Verifier};
use aws_lc_rs::{hkdf, hmac};
use std::collections::HashSet;
use zeroize::Zeroizing;

/// Separates our derivations from any other use of the same bytes.
const SALT: &[u8] = b"sortie-root-v1";

pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) roots: Vec<Root>,
    pub(crate) verifier: Verifier,
    active_key: usize,
    active_root: usize,
}

pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) life: Life,
    pub(crate) public: [u8; 32],
    signer: Option<Signer>,
}

pub(crate) struct Root {
    pub(crate) generation: u64,
    pub(crate) kid: String,
    pub(crate) life: Life,
    /// None once revoked.
    pub(crate) keys: Option<RootKeys>,
    /// Opens what was sealed under it, also once revoked.
    pub(crate) seal: Option<Zeroizing<[u8; 32]>>,
}

/// What comes out of a root.
pub(crate) struct RootKeys {
    pub(crate) kid: String,
    pub(crate) url: hmac::Key,
    extracted: hkdf::Prk,
}

impl State {
    pub(super) fn new(stored: &Stored) -> Result<Self, String> {
        let keys = stored.keys.iter().map(SigningKey::new).collect::<Result<Vec<_>, _>>()?;
        let roots = stored.roots.iter().map(Root::new).collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        let names = keys.iter().map(|key| &key.kid).chain(roots.iter().map(|root| &root.kid));
        if let Some(twice) = names.into_iter().find(|kid| !seen.insert(*kid)) {
            return Err(format!("`{twice}` stands there twice"));
        }
        let mut generations = HashSet::new();
        if roots.iter().any(|root| root.generation >= stored.next_root || !generations.insert(root.generation)) {
            return Err("the generations of its roots do not fit together".into());
        }
        let active_key = only_active(keys.iter().map(|key| key.life.state)).ok_or("it must have exactly one active key")?;
        let active_root = only_active(roots.iter().map(|root| root.life.state)).ok_or("it must have exactly one active root")?;
        let usable = keys.iter().filter(|key| key.life.state != KeyState::Revoked);
        let verifier = Verifier::new(usable.map(|key| (key.kid.clone(), key.public)));
        Ok(Self { generation: stored.generation, keys, roots, verifier, active_key, active_root })
    }

    pub(crate) fn active_key(&self) -> &SigningKey {
        &self.keys[self.active_key]
    }

    pub(crate) fn active_root(&self) -> &Root {
        &self.roots[self.active_root]
    }

    pub(crate) fn key(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    pub(crate) fn root(&self, generation: u64) -> Option<&Root> {
        self.roots.iter().find(|root| root.generation == generation)
    }

    pub(crate) fn root_by_kid(&self, kid: &str) -> Option<&Root> {
        self.roots.iter().find(|root| root.kid == kid)
    }
}

impl SigningKey {
    fn new(stored: &StoredKey) -> Result<Self, String> {
        let damaged = |what: &str| format!("key `{}` {what}", stored.kid.escape_default());
        let public: [u8; 32] = array_from_base64url(&stored.public).ok_or_else(|| damaged("has no public key"))?;
        if ed25519_kid(&public) != stored.kid {
            return Err(damaged("is not named by its public key"));
        }
        let seed = secret(stored.life.state, stored.seed.as_ref()).map_err(damaged)?;
        let signer = seed
            .map(|seed| Signer::new(&stored.kid, &seed, &public).ok_or_else(|| damaged("has a seed that is not its own")))
            .transpose()?;
        Ok(Self { kid: stored.kid.clone(), life: stored.life.clone(), public, signer })
    }

    pub(crate) fn mint(&self, claims: &Claims) -> Result<Token, MintError> {
        self.signer.as_ref().ok_or(MintError::Key)?.mint(claims)
    }
}

impl Root {
    fn new(stored: &StoredRoot) -> Result<Self, String> {
        let damaged = |what: &str| format!("root {} {what}", stored.generation);
        let secret = secret(stored.life.state, stored.secret.as_ref()).map_err(damaged)?;
        let keys = secret.map(|secret| RootKeys::new(&secret).ok_or_else(|| damaged("cannot be used"))).transpose()?;
        if keys.as_ref().is_some_and(|keys| keys.kid != stored.kid) {
            return Err(damaged("is not named by its secret"));
        }
        let kept = stored.seal.as_ref().and_then(|text| array_from_base64url(&text.0)).map(Zeroizing::new);
        let seal = keys.as_ref().and_then(RootKeys::seal).or(kept);
        Ok(Self { generation: stored.generation, kid: stored.kid.clone(), life: stored.life.clone(), keys, seal })
    }
}

impl RootKeys {
    fn new(secret: &[u8; 32]) -> Option<Self> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let url = expand(&extracted, &[b"sortie-url"])?;
        Some(Self { kid: root_kid(secret), url: hmac::Key::new(hmac::HMAC_SHA256, url.as_slice()), extracted })
    }

    /// HKDF(root, "sortie-seal").
    pub(super) fn seal(&self) -> Option<Zeroizing<[u8; 32]>> {
        expand(&self.extracted, &[b"sortie-seal\0"])
    }

    /// HKDF(root, "sortie-proof", attempt): one label per use, the id last, so that no two inputs are the same bytes.
    pub(super) fn proof(&self, attempt: &str) -> Option<ProofSecret> {
        expand(&self.extracted, &[b"sortie-proof\0", attempt.as_bytes()]).map(ProofSecret::new)
    }
}

/// The key that is kept of a root that is revoked.
pub(super) fn seal_of(secret: &SecretText) -> Option<SecretText> {
    let secret = Zeroizing::new(array_from_base64url(&secret.0)?);
    Some(SecretText(base64url(RootKeys::new(&secret)?.seal()?.as_slice())))
}

/// The public name of a root: a MAC under it, which tells nothing about it.
pub(super) fn root_kid(secret: &[u8; 32]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"sortie-root-kid-v1");
    let mut hash = [0; 32];
    hash.copy_from_slice(tag.as_ref());
    key_id("root", &hash)
}

fn expand(extracted: &hkdf::Prk, info: &[&[u8]]) -> Option<Zeroizing<[u8; 32]>> {
    let mut out = Zeroizing::new([0; 32]);
    extracted.expand(info, hkdf::HKDF_SHA256).ok()?.fill(out.as_mut_slice()).ok()?;
    Some(out)
}

/// The secret of a key that may still be used; none for a revoked one, which must not have kept it.
fn secret(state: KeyState, text: Option<&SecretText>) -> Result<Option<Zeroizing<[u8; 32]>>, &'static str> {
    match (state, text) {
        (KeyState::Revoked, None) => Ok(None),
        (KeyState::Revoked, Some(_)) => Err("is revoked and still has its secret"),
        (_, None) => Err("has lost its secret"),
        (_, Some(text)) => {
            array_from_base64url(&text.0).map(|bytes| Some(Zeroizing::new(bytes))).ok_or("has a secret that is not 32 bytes")
        }
    }
}

fn only_active(states: impl Iterator<Item = KeyState>) -> Option<usize> {
    let mut active = states.enumerate().filter(|(_, state)| *state == KeyState::Active).map(|(at, _)| at);
    active.next().filter(|_| active.next().is_none())
}
