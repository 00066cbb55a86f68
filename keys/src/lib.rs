//! Secrets, signing keys, tokens, proofs, signed URLs, SSH identities and host-key pins.
//!
//! Nothing here reads a clock, opens a socket or knows a run: the current time is always an argument, and what a
//! token or a URL means is decided by the caller against its journal.
//!
//! | question | place |
//! | --- | --- |
//! | which keys are there, and may they still be used? | [`KeyRing`] |
//! | who may speak for an attempt or a wait? | [`Claims`], [`Token`], [`Verifier`], [`CachedVerifier`] |
//! | was this URL made by us? | [`KeyRing::sign_url`], [`KeyRing::verify_url`] |
//! | was this link for people made by us? | [`KeyRing::sign_link`], [`KeyRing::verify_link`] |
//! | were these bytes written by the attempt, or by us? | [`ProofSecret`] |
//! | what is kept elsewhere, and readable only here? | [`KeyRing::seal`] |
//! | who are we on an SSH host? | [`ssh::Identity`] |
//! | is this the host it was before? | [`known_hosts::KnownHosts`], [`pin::Pin`] |
//! | has an authority vouched for it? | [`host_cert::judge`] |
//! | has somebody taken it back? | [`revocation::RevocationList`] |
//! | may this user certificate be shown? | [`user_cert::UserCertificate`] |

mod download;
mod encoding;
pub mod host_cert;
pub mod known_hosts;
pub mod limits;
mod link;
pub mod pin;
mod private_file;
mod proof;
pub mod revocation;
mod ring;
mod seal;
mod secret;
pub mod ssh;
mod token;
mod url;
pub mod user_cert;

pub use link::LinkSignature;
pub use private_file::FileError;
pub use proof::ProofSecret;
pub use ring::{Change, KeyRing, KeyState, KeyView, Life, RingError, RingView, RootView};
pub use seal::{SealContext, SealError, Sealed};
pub use secret::Secret;
pub use token::{
    CachedVerifier, Check, Claims, Expect, JwksError, MintError, Scope, TYP, Token, TokenFault, VerifiedToken, Verifier, token_digest,
    verify_with_jwks,
};
pub use url::{SignedQuery, UrlFault, UrlSignError, artifact_url, callback_url_with_kind, logs_url, reach_url};
