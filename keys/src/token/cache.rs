//! Remembers verified tokens: an Ed25519 check costs more than the commit that follows it.

use super::fault::TokenFault;
use super::mint::token_digest;
use super::verify::{Expect, VerifiedToken};
use crate::limits::VERIFIED_TOKENS;
use crate::ring::KeyRing;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// [`KeyRing::verify`] with a memory. Only good tokens are remembered, under the digest of the complete token, so that
/// nobody can fill it with bad ones. Issuer, audience and times are judged on every use; a change of the ring empties it.
///
/// The memory has two halves: when the young one is full it becomes the old one, and what the old one still held is
/// forgotten. What is used moves back to the young half.
pub struct CachedVerifier {
    ring: KeyRing,
    half: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    generation: u64,
    young: HashMap<[u8; 32], Arc<VerifiedToken>>,
    old: HashMap<[u8; 32], Arc<VerifiedToken>>,
}

impl CachedVerifier {
    /// With room for [`VERIFIED_TOKENS`].
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        Self::with_limit(ring, VERIFIED_TOKENS)
    }

    /// With room for `limit` tokens, at least two.
    #[must_use]
    pub fn with_limit(ring: KeyRing, limit: usize) -> Self {
        Self { ring, half: (limit / 2).max(1), memory: Mutex::default() }
    }

    /// The ring that it asks.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Tokens remembered now.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let memory = self.memory();
        memory.young.len() + memory.old.len()
    }

    /// As [`KeyRing::verify`].
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<Arc<VerifiedToken>, TokenFault> {
        if token.len() > crate::limits::TOKEN_BYTES {
            return Err(TokenFault::new(super::Check::Size)); // before hashing it
        }
        let digest = token_digest(token);
        let state = self.ring.state();
        let known = self.memory().find(state.generation, &digest, self.half);
        if let Some(known) = known {
            expect.judge(&known.claims)?;
            return Ok(known);
        }
        let verified = Arc::new(state.verifier.verify(token, expect)?);
        self.memory().keep(state.generation, digest, &verified, self.half);
        Ok(verified)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn find(&mut self, generation: u64, digest: &[u8; 32], half: usize) -> Option<Arc<VerifiedToken>> {
        if self.generation < generation {
            *self = Self { generation, ..Self::default() };
        }
        if self.generation > generation {
            return None; // asked with a state from before a change
        }
        if let Some(known) = self.young.get(digest) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(digest)?;
        self.insert(*digest, &known, half);
        Some(known)
    }

    /// Not where the ring changed while the token was being checked.
    fn keep(&mut self, generation: u64, digest: [u8; 32], verified: &Arc<VerifiedToken>, half: usize) {
        if self.generation == generation {
            self.insert(digest, verified, half);
        }
    }

    fn insert(&mut self, digest: [u8; 32], verified: &Arc<VerifiedToken>, half: usize) {
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, Arc::clone(verified));
    }
}
