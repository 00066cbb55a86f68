//! The key ring: Ed25519 signing keys for tokens, HMAC roots for URLs, proofs and receipts.
//!
//! | state | signs and derives | verifies | until |
//! | --- | --- | --- | --- |
//! | active | yes, by default | yes | rotation |
//! | retired | only again, for what was made under it | yes | [`KeyRing::prune`], by an operator's act |
//! | revoked | no | no | for ever; its secret is erased |
//!
//! One file holds all of it, so that a change is one rename. The file is the truth: every change is made to what is
//! on disk under a lock, and a running server sees another process's change by [`KeyRing::reload_if_changed`].

mod change;
mod state;
mod stored;
mod view;

pub use change::Change;
pub use stored::{KeyState, Life};
pub use view::{KeyView, RingView, RootView};

pub(crate) use state::{RootKeys, State};

use crate::encoding::base64url;
use crate::private_file::{self, FileError, Stamp};
use crate::proof::ProofSecret;
use crate::token::{Claims, Expect, MintError, Token, TokenFault, VerifiedToken, Verifier};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use stored::Stored;

/// Name of the ring's file in its folder.
const FILE: &str = "ring.json";

/// Why a ring cannot be made, opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Something about its file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a ring, or does not hold together.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The ring's file.
        path: PathBuf,
        /// What is wrong. Never a key.
        what: String,
    },
    /// The file is an older state of this ring than the one in memory: revoked keys would be back.
    #[error("{} went back from generation {from} to {to}; it looks like a restored copy, start again to accept it", path.display())]
    WentBack {
        /// The ring's file.
        path: PathBuf,
        /// Generation in memory.
        from: u64,
        /// Generation on disk.
        to: u64,
    },
    /// No key or root of that name.
    #[error("no key or root is called `{0}`")]
    Unknown(String),
    /// It is revoked already.
    #[error("`{0}` is revoked already")]
    AlreadyRevoked(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

/// The ring. Cloning shares it.
#[derive(Clone)]
pub struct KeyRing(Arc<Shared>);

struct Shared {
    path: PathBuf,
    current: RwLock<(Arc<State>, Stamp)>,
}

impl KeyRing {
    /// Makes a ring with one key and one root in `dir`, which is made too where it is missing.
    ///
    /// # Errors
    /// Where there is a ring already, the folder is open to others, or the disk refuses.
    pub fn create(dir: &Path, now_ms: i64) -> Result<Self, RingError> {
        private_file::create_dir(dir)?;
        private_file::check_dir(dir)?;
        let path = dir.join(FILE);
        let _lock = private_file::lock(&path)?;
        if path.symlink_metadata().is_ok() {
            return Err(FileError::Exists(path).into());
        }
        private_file::replace(&path, &Stored::create(now_ms)?.to_json(), 0o600)?;
        Self::open(dir)
    }

    /// Opens the ring in `dir`.
    ///
    /// # Errors
    /// Where it is missing, open to others (F072), or damaged.
    pub fn open(dir: &Path) -> Result<Self, RingError> {
        let path = dir.join(FILE);
        let (stored, stamp) = read(&path)?;
        let state = State::new(&stored).map_err(|what| RingError::Damaged { path: path.clone(), what })?;
        Ok(Self(Arc::new(Shared { path, current: RwLock::new((Arc::new(state), stamp)) })))
    }

    /// Reads the ring again if its file is another than the one read last. Costs one `stat` otherwise.
    ///
    /// # Errors
    /// As [`KeyRing::open`]; the ring in memory then stays as it was.
    pub fn reload_if_changed(&self) -> Result<bool, RingError> {
        let path = &self.0.path;
        if Stamp::now(path)? == self.0.current.read().unwrap_or_else(PoisonError::into_inner).1 {
            return Ok(false);
        }
        let (stored, stamp) = read(path)?;
        self.adopt(&stored, stamp)
    }

    /// A number that rises with every change of the ring, whoever made it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Id of the key that signs new tokens. Kept with an attempt, for [`KeyRing::mint_with`].
    #[must_use]
    pub fn active_kid(&self) -> String {
        self.state().active_key().kid.clone()
    }

    /// Generation of the root that new URLs and proofs come from. Kept with an attempt, for [`KeyRing::proof_secret`].
    #[must_use]
    pub fn root_generation(&self) -> u64 {
        self.state().active_root().generation
    }

    /// Makes the token for these claims, signed by the active key. The same claims give the same bytes.
    ///
    /// # Errors
    /// Where no verifier would take it.
    pub fn mint(&self, claims: &Claims) -> Result<Token, MintError> {
        self.state().active_key().mint(claims)
    }

    /// Makes a token again under the key that it was first made with, which may be retired by now.
    ///
    /// # Errors
    /// As [`KeyRing::mint`], and where that key is unknown or revoked.
    pub fn mint_with(&self, kid: &str, claims: &Claims) -> Result<Token, MintError> {
        self.state().key(kid).ok_or(MintError::Key)?.mint(claims)
    }

    /// Verifies a token. [`crate::CachedVerifier`] does the same and remembers.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<VerifiedToken, TokenFault> {
        self.state().verifier.verify(token, expect)
    }

    /// The public keys that may verify now, by themselves.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.state().verifier.clone()
    }

    /// The proof secret of an attempt, from the root it was launched under. None once that root is revoked, or unknown.
    #[must_use]
    pub fn proof_secret(&self, root: u64, attempt: &str) -> Option<ProofSecret> {
        self.state().root(root)?.keys.as_ref()?.proof(attempt)
    }

    /// The public keys as a JWKS document (RFC 7517, RFC 8037), revoked ones left out.
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let state = self.state();
        let usable = state.keys.iter().filter(|key| key.life.state != KeyState::Revoked);
        let keys: Vec<serde_json::Value> = usable
            .map(|key| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": base64url(&key.public)}))
            .collect();
        serde_json::json!({ "keys": keys })
    }

    /// The state now. Cheap; what is derived from it stays consistent while a change comes in.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn adopt(&self, stored: &Stored, stamp: Stamp) -> Result<bool, RingError> {
        let path = &self.0.path;
        let state = State::new(stored).map_err(|what| RingError::Damaged { path: path.clone(), what })?;
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (current.0.generation, state.generation);
        if to < from {
            return Err(RingError::WentBack { path: path.clone(), from, to });
        }
        *current = (Arc::new(state), stamp);
        Ok(to > from)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("path", &self.0.path).field("generation", &self.generation()).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<(Stored, Stamp), RingError> {
    private_file::check_dir(path.parent().unwrap_or(Path::new(".")))?;
    let (bytes, stamp) = private_file::read(path)?;
    let stored = Stored::from_json(&bytes).map_err(|what| RingError::Damaged { path: path.into(), what })?;
    Ok((stored, stamp))
}
