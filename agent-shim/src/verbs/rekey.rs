//! `rekey`: other credentials for an attempt that is known here. What was posted with the old ones is tried anew at once.

use super::{Fault, succeed};
use crate::attempt::Attempt;
use crate::files;
use crate::sign::ProofKey;
use crate::view::view;
use sortie_protocol::spec::Credentials;
use sortie_protocol::verb::{Refusal, Reply};
use sortie_protocol::view::Phase;

/// Replace what lets the shim speak for the attempt; the secrets of its job stay.
pub fn run(attempt: &Attempt, new: Credentials) -> Result<Reply, Fault> {
    if matches!(view(attempt).phase, Phase::Unknown | Phase::Sealed) {
        return Err(Fault(Refusal::Usage, "the attempt is not known here, or is a tombstone".to_owned()));
    }
    if ProofKey::parse(&new.proof_secret).is_none() {
        return Err(Fault::usage("the proof secret is no base64"));
    }
    let held = attempt.credentials()?;
    let merged = Credentials {
        secret_env: held.secret_env,
        secret_stdin: held.secret_stdin,
        secret_files: held.secret_files,
        restore: held.restore,
        ..new
    };
    let bytes = serde_json::to_vec(&merged).map_err(|error| Fault::usage(error.to_string()))?;
    files::replace(&attempt.file("credentials.json"), &bytes)?;
    attempt.wake();
    succeed(attempt);
    Ok(Reply::Rekeyed(view(attempt)))
}
