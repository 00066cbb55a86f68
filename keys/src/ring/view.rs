//! What may be shown of a ring.

use super::{KeyRing, Life};
use crate::encoding::base64url;
use serde::Serialize;

/// A ring without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RingView {
    /// See [`KeyRing::generation`].
    pub generation: u64,
    /// Signing keys, oldest first.
    pub keys: Vec<KeyView>,
    /// Roots, oldest first.
    pub roots: Vec<RootView>,
}

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its id.
    pub kid: String,
    /// State and times.
    pub life: Life,
    /// The public key, base64url.
    pub public: String,
}

/// A root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootView {
    /// Its number, from 1.
    pub generation: u64,
    /// Its id in signed URLs.
    pub kid: String,
    /// State and times.
    pub life: Life,
}

impl KeyRing {
    /// Every key and root, without secrets.
    #[must_use]
    pub fn list(&self) -> RingView {
        let state = self.state();
        let keys = state.keys.iter().map(|key| KeyView { kid: key.kid.clone(), life: key.life.clone(), public: base64url(&key.public) });
        let roots = state.roots.iter().map(|root| RootView { generation: root.generation, kid: root.kid.clone(), life: root.life.clone() });
        RingView { generation: state.generation, keys: keys.collect(), roots: roots.collect() }
    }
}
