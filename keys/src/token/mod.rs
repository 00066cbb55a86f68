//! Correlation tokens: compact JWS, Ed25519 only, which name exactly one attempt or wait.
//!
//! The signature is made and checked by `jsonwebtoken`. Around it stands what that crate leaves open: it reads members
//! that nobody asked for, takes `1.5` for a time and an array for an audience, and asks the system for the time.

mod cache;
mod claims;
mod fault;
mod jwks;
mod mint;
mod strict;
mod verify;

pub use cache::CachedVerifier;
pub use claims::{Claims, Scope};
pub use fault::{Check, TokenFault};
pub use jwks::{JwksError, verify_with_jwks};
pub(crate) use mint::Signer;
pub use mint::{MintError, TYP, Token, token_digest};
pub use verify::{Expect, VerifiedToken, Verifier};
