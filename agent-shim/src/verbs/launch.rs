//! `launch`: claim the attempt and start its job, once, however often and from however many sessions it is asked.

use super::{Fault, claim, wait_until};
use crate::attempt::Attempt;
use crate::contain::user;
use crate::limits::{READY_MS, SUPERVISORS};
use crate::root::{AttemptId, Root};
use crate::sign::{ProofKey, sha256_hex};
use crate::spawn::{Called, Ready};
use crate::supervise::disk;
use crate::view::view;
use crate::{agents, failpoint, files};
use sortie_protocol::artifact::path_fault;
use sortie_protocol::confine::Isolation;
use sortie_protocol::spec::{Credentials, Spec};
use sortie_protocol::verb::{Refusal, Reply};
use sortie_protocol::version;
use sortie_protocol::view::Phase;

/// Claim and start, or say where an earlier launch stands.
pub fn run(root: &Root, spec: &str, digest: &str, credentials: &Credentials) -> Result<Reply, Fault> {
    if sha256_hex(spec.as_bytes()) != digest {
        return Err(Fault(Refusal::BadFrame, "the digest of the spec is wrong".to_owned()));
    }
    let id = check(spec, credentials)?;
    let attempt = Attempt::new(root, id);
    let floor = serde_json::from_str::<Spec>(spec).map_or(0, |spec| spec.disk_floor_bytes);
    if disk::is_low(root.path(), floor) && attempt.spec_bytes().is_none() {
        let free = disk::free(root.path()).unwrap_or(0);
        return Err(Fault(Refusal::Resources, format!("{free} bytes are free on the disk, and the host's floor is {floor}")));
    }
    let credentials = serde_json::to_vec(credentials).map_err(|error| Fault::usage(error.to_string()))?;
    let created = claim::job(&attempt, spec.as_bytes(), &credentials)?;
    if created {
        root.failpoint(failpoint::CLAIM_RENAMED);
    } else {
        known(&attempt, digest, &credentials)?;
    }
    supervise(&attempt)?;
    Ok(Reply::Launched { created, view: view(&attempt) })
}

/// The claim was there: the same spec is answered, another one or a tombstone refused.
fn known(attempt: &Attempt, digest: &str, credentials: &[u8]) -> Result<(), Fault> {
    if attempt.is_sealed() {
        return Err(Fault(Refusal::Sealed, "the attempt was sealed before this launch".to_owned()));
    }
    if let Some(why) = attempt.copy_of() {
        return Err(Fault(Refusal::WrongMachine, format!("the attempt's directory is a copy: {why}")));
    }
    let spec = attempt.spec_bytes().ok_or_else(|| Fault(Refusal::Resources, "the attempt's directory cannot be read".to_owned()))?;
    if sha256_hex(&spec) != digest {
        return Err(Fault(Refusal::Conflict, "the attempt was launched with another spec".to_owned()));
    }
    let path = attempt.file("credentials.json");
    if files::read(&path, sortie_protocol::limits::FRAME_BYTES as u64).ok().as_deref() != Some(credentials) {
        files::replace(&path, credentials)?;
    }
    Ok(())
}

/// Whoever gets the lock starts the job; the others wait until it is more than a claim.
fn supervise(attempt: &Attempt) -> Result<(), Fault> {
    if view(attempt).phase != Phase::Claimed {
        super::succeed(attempt);
        return Ok(());
    }
    for _ in 0..SUPERVISORS {
        match Called::new(attempt)?.ready() {
            Ready::Yes => return Ok(()),
            Ready::Busy => {
                wait_until(READY_MS, || view(attempt).phase != Phase::Claimed);
                return Ok(());
            }
            Ready::Failed(_) | Ready::Died if view(attempt).phase != Phase::Claimed => return Ok(()),
            Ready::Failed(why) => return Err(Fault(Refusal::Resources, why)),
            Ready::Died => {}
        }
    }
    Err(Fault(Refusal::Resources, "its supervisors die before they have begun".to_owned()))
}

fn check(spec: &str, credentials: &Credentials) -> Result<AttemptId, Fault> {
    version::check(spec.as_bytes()).map_err(|mismatch| Fault(Refusal::Version, format!("the spec: {mismatch}")))?;
    let spec: Spec = serde_json::from_str(spec).map_err(|error| Fault::usage(format!("the spec is malformed: {error}")))?;
    let id = AttemptId::parse(&spec.attempt).ok_or_else(|| Fault::usage("the attempt's id is malformed"))?;
    match &spec.agent {
        Some(task) => agents::check(task, &spec.command).map_err(Fault::usage)?,
        None if spec.command.first().is_none_or(|program| program.0.is_empty()) => return Err(Fault::usage("the command is empty")),
        None => {}
    }
    let nul = |bytes: &[u8]| bytes.contains(&0);
    let env = spec.env.iter().map(|(name, value)| (name, value)).chain(credentials.secret_env.iter());
    for (name, value) in env {
        // The name is said, never the value: that may be a secret.
        if name.is_empty() || name.contains('=') || nul(name.as_bytes()) {
            return Err(Fault::usage(format!("{name:?} is no name of a variable: it is empty, or has an `=` or a NUL byte")));
        }
        if nul(&value.0) {
            return Err(Fault::usage(format!("the value of the variable {name:?} has a NUL byte")));
        }
    }
    let texts = spec.command.iter().map(|part| &part.0[..]).chain(spec.cwd.iter().map(|cwd| &cwd.0[..]));
    if texts.chain([spec.run.as_bytes(), spec.step.as_bytes()]).any(nul) {
        return Err(Fault::usage("a NUL byte in the command, its directory or its names"));
    }
    let files = spec.files.iter().map(|file| &file.path).chain(credentials.secret_files.keys());
    if let Some(why) = files.chain(&spec.artifacts).find_map(|path| path_fault(path)) {
        return Err(Fault::usage(why));
    }
    if spec.timeout_ms == 0 {
        return Err(Fault::usage("the time limit is zero"));
    }
    if let Some(why) = cannot_hold(&spec) {
        return Err(Fault(Refusal::Spawn, why.to_owned()));
    }
    if ProofKey::parse(&credentials.proof_secret).is_none() {
        return Err(Fault::usage("the proof secret is no base64"));
    }
    Ok(id)
}

/// What of the spec this machine, or any machine, cannot give.
fn cannot_hold(spec: &Spec) -> Option<&'static str> {
    if spec.isolation == Isolation::OwnUser
        && let Some(why) = user::fault()
    {
        return Some(why);
    }
    let workspace = spec.workspace.as_ref()?;
    if spec.cwd.is_some() {
        return Some("a workspace and a working directory exclude each other");
    }
    let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control);
    if !plain(&workspace.repository) || !workspace.reference.as_deref().is_none_or(plain) {
        return Some("the workspace's repository or reference is malformed");
    }
    None
}
