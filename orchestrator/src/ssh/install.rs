//! Getting the shim onto a host: verified where it is there, uploaded where it is not; never uploaded where the host's row names
//! one that others have installed.

use super::connection::Connection;
use super::fault::{nothing, printable};
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
        Err(StartError::Foreign { system, machine, sha256 }) => {
            return use_installed(connection, start, shims, (system, machine, sha256)).await;
        }
        Err(error) => return Err(error),
    };
    let Some(shim) = Arch::from_uname(&system, &machine).and_then(|arch| shims.choose(arch)) else {
        return Err(StartError::Missing { system, machine });
    };
    // It may be there already, where `first` was for another machine type.
    if !Arc::ptr_eq(shim, first) {
        match Session::start(connection, start, shim, Step::Check).await {
            Ok(session) => return Ok(Installed { shim: Arc::clone(shim), session, uploaded: false }),
            Err(StartError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    tracing::info!(host = start.at, shim = %shim.sha256, bytes = shim.bytes.len(), "uploading the shim");
    let session = Session::start(connection, start, shim, Step::Put { bytes: shim.bytes.len() }).await?;
    Ok(Installed { shim: Arc::clone(shim), session, uploaded: true })
}

/// The installed shim was not `first`: it may be the one for its machine type.
async fn use_installed(
    connection: &Arc<Connection>,
    start: Start<'_>,
    shims: &Shims,
    (system, machine, sha256): (String, String, String),
) -> Result<Installed, StartError> {
    let of_type = Arch::from_uname(&system, &machine).and_then(|arch| shims.choose(arch));
    let Some(shim) = of_type.filter(|shim| shim.sha256 == sha256) else {
        return Err(StartError::Foreign { system, machine, sha256 });
    };
    let session = Session::start(connection, start, shim, Step::Check).await?;
    Ok(Installed { shim: Arc::clone(shim), session, uploaded: false })
}

/// For a machine type that jobs cannot run on, or that this program has no shim for.
#[must_use]
pub fn no_shim(at: &str, system: &str, machine: &str) -> AskError {
    let (system, machine) = (printable(system.as_bytes(), 32), printable(machine.as_bytes(), 32));
    let message = if Arch::from_uname(&system, &machine).is_some() {
        format!(
            "{at}: it is a {system} {machine} machine, and this program was built without the shim for those. Build it there, or with a \
             cross compiler (README, \"Machines of another type\"), and name the file in config.toml: shim = [\"/path/to/sortie-shim\"]"
        )
    } else {
        format!("{at}: there is no shim for {system} {machine}; jobs run on Linux machines of the types {}", Arch::names())
    };
    nothing(FailureKind::Refused, message)
}

impl StartError {
    /// As the driver is told, where nothing else is to be tried.
    #[must_use]
    pub fn into_ask_error(self, at: &str) -> AskError {
        match self {
            Self::Full(error) | Self::Gone(error) | Self::Failed(error) => error,
            Self::Missing { system, machine } => no_shim(at, &system, &machine),
            Self::Foreign { sha256, .. } => {
                let digest = printable(sha256.as_bytes(), 64);
                let what = if digest == "-" { "is no file that can be executed".to_owned() } else { format!("has the digest {digest}") };
                let message = format!(
                    "{at}: the shim that is installed there {what}, which is none of this program's; it was not executed. Install \
                     the one that comes with this version, or let the program send it (`host add` without --shim)"
                );
                nothing(FailureKind::Refused, message)
            }
        }
    }
}
