//! The port through which the driver reaches a host. `ssh` implements it.

use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::verb::{Reply, Verb};
use std::future::Future;
use std::pin::Pin;

/// How much of a question may have reached the host when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not one byte of the request: the host has not seen it.
    Nothing,
    /// Perhaps some of it: only the host knows.
    Perhaps,
}

/// Why a host gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AskError {
    /// `unreachable`, `auth`, `host_key`, `wrong_machine` or `refused`.
    pub kind: FailureKind,
    /// Whether the host may have acted on it.
    pub sent: Sent,
    /// For people: what was wrong, where, and what to do. No secrets.
    pub message: String,
}

/// A future of the port.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Reply, AskError>> + Send + 'a>>;

/// Reaches hosts. Every verb is idempotent, so a question whose answer was lost may be asked again.
pub trait Launcher: Send + Sync {
    /// Ask the shim of a host one question. The shim is put there first where it is missing.
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a>;
}
