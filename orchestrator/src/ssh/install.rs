//! Getting the shim onto a host: verified where it is there, uploaded where it is not.

use super::connection::Connection;
use super::fault::nothing;
use super::script::Step;
use super::session::{Session, Start, StartError};
use crate::launcher::AskError;
use crate::shim::{Arch, Shim, Shims};
use sortie_core::failure::FailureKind;
use std::sync::Arc;

/// A session on a shim whose digest the host has just verified.
pub struct Installed {
    /// The shim for the host's machine type.
    pub shim: Arc<Shim>,
    /// Ready for questions.
    pub session: Session,
    /// Whether the shim was sent.
    pub uploaded: bool,
}

/// Start a session on `first`; where it is missing, send the shim for the host's machine type, in the same connection.
///
/// # Errors
/// See [`StartError`]; `Missing` means that there is no shim for that machine type.
pub async fn start(connection: &Arc<Connection>, start: Start<'_>, first: &Arc<Shim>, shims: &Shims) -> Result<Installed, StartError> {
    let (system, machine) = match Session::start(connection, start, first, Step::Check).await {
        Ok(session) => return Ok(Installed { shim: Arc::clone(first), session, uploaded: false }),
        Err(StartError::Missing { system, machine }) => (system, machine),
        Err(error) => return Err(error),
    };
    let Some(shim) = Arch::from_uname(&system, &machine).and_then(|arch| shims.choose(arch)) else {
        return Err(StartError::Missing { system, machine });
    };
    tracing::info!(host = start.at, shim = %shim.sha256, bytes = shim.bytes.len(), "uploading the shim");
    let session = Session::start(connection, start, shim, Step::Put { bytes: shim.bytes.len() }).await?;
    Ok(Installed { shim: Arc::clone(shim), session, uploaded: true })
}

/// For a machine type that jobs cannot run on.
#[must_use]
pub fn no_shim(at: &str, system: &str, machine: &str) -> AskError {
    nothing(FailureKind::Refused, format!("{at}: there is no shim for {system} {machine}; jobs run on x86_64 Linux"))
}

impl StartError {
    /// As the driver is told, where nothing else is to be tried.
    #[must_use]
    pub fn into_ask_error(self, at: &str) -> AskError {
        match self {
            Self::Full(error) | Self::Gone(error) | Self::Failed(error) => error,
            Self::Missing { system, machine } => no_shim(at, &system, &machine),
        }
    }
}
