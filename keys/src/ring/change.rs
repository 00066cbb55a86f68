//! Rotation, revocation, pruning: each one locked change of the file.

use super::stored::{KeyState, Stored};
use super::{KeyRing, RingError, read};
use crate::private_file::{self, Stamp};

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Generation of the ring after it.
    pub generation: u64,
    /// Keys and roots that were made, by kid.
    pub made: Vec<String>,
    /// Keys and roots that may now only verify.
    pub retired: Vec<String>,
    /// Keys and roots that are now refused.
    pub revoked: Vec<String>,
    /// Keys and roots that are gone.
    pub pruned: Vec<String>,
}

impl KeyRing {
    /// Makes a new active key and root. The old ones go on verifying.
    ///
    /// # Errors
    /// As [`KeyRing::open`], and where the disk refuses.
    pub fn rotate(&self, now_ms: i64) -> Result<Change, RingError> {
        self.change(|ring, change| {
            for key in ring.keys.iter_mut().filter(|key| key.life.state == KeyState::Active) {
                key.life.retire(now_ms);
                change.retired.push(key.kid.clone());
            }
            for root in ring.roots.iter_mut().filter(|root| root.life.state == KeyState::Active) {
                root.life.retire(now_ms);
                change.retired.push(root.kid.clone());
            }
            refill(ring, change, now_ms)
        })
    }

    /// Refuses a key or root from now on and erases its secret. `name` is a kid, or the generation of a root as a
    /// number. Where it was the active one, another takes its place at once.
    ///
    /// # Errors
    /// Where there is none of that name, or it is revoked already; and as [`KeyRing::rotate`].
    pub fn revoke(&self, name: &str, now_ms: i64) -> Result<Change, RingError> {
        self.change(|ring, change| {
            let (kid, life, secret) = if let Some(key) = ring.keys.iter_mut().find(|key| key.kid == name) {
                (&key.kid, &mut key.life, &mut key.seed)
            } else {
                let root = ring.roots.iter_mut().find(|root| root.kid == name || root.generation.to_string() == name);
                let root = root.ok_or_else(|| RingError::Unknown(name.into()))?;
                root.seal = root.secret.as_ref().and_then(super::state::seal_of).or(root.seal.take());
                (&root.kid, &mut root.life, &mut root.secret)
            };
            if life.state == KeyState::Revoked {
                return Err(RingError::AlreadyRevoked(name.into()));
            }
            life.revoke(now_ms);
            *secret = None;
            change.revoked.push(kid.clone());
            refill(ring, change, now_ms)
        })
    }

    /// Forgets what was retired or revoked before `before_ms`. Whatever was made under it is refused from then on, so
    /// this is an operator's act, once no attempt made under it is open.
    ///
    /// # Errors
    /// As [`KeyRing::rotate`].
    pub fn prune(&self, before_ms: i64) -> Result<Change, RingError> {
        self.change(|ring, change| {
            let mut keep = |kid: &String, life: &super::Life| {
                let ended = life.retired_at_ms.max(life.revoked_at_ms).unwrap_or(i64::MAX);
                let keep = life.state == KeyState::Active || ended >= before_ms;
                if !keep {
                    change.pruned.push(kid.clone());
                }
                keep
            };
            ring.keys.retain(|key| keep(&key.kid, &key.life));
            ring.roots.retain(|root| keep(&root.kid, &root.life));
            Ok(())
        })
    }

    /// Changes what is on disk, whoever wrote it last, and takes it over here.
    fn change(&self, alter: impl FnOnce(&mut Stored, &mut Change) -> Result<(), RingError>) -> Result<Change, RingError> {
        let path = &self.0.path;
        let _lock = private_file::lock(path)?;
        let (mut stored, stamp) = read(path)?;
        self.adopt(&stored, stamp)?; // refuses a file that went back, before building on it
        stored.generation += 1;
        let mut change = Change { generation: stored.generation, made: vec![], retired: vec![], revoked: vec![], pruned: vec![] };
        alter(&mut stored, &mut change)?;
        private_file::replace(path, &stored.to_json(), 0o600)?;
        self.adopt(&stored, Stamp::now(path)?)?;
        Ok(change)
    }
}

/// Makes an active key and an active root where there is none.
fn refill(ring: &mut Stored, change: &mut Change, now_ms: i64) -> Result<(), RingError> {
    if !ring.keys.iter().any(|key| key.life.state == KeyState::Active) {
        let kid = ring.add_key(now_ms)?;
        change.made.push(kid);
    }
    if !ring.roots.iter().any(|root| root.life.state == KeyState::Active) {
        ring.add_root(now_ms)?;
        change.made.extend(ring.roots.last().map(|root| root.kid.clone()));
    }
    Ok(())
}
