//! What an attempt is handed: the same bytes however often it is launched, and no secret outside this frame.

use super::Driver;
use super::agent_task::{self, Past};
use super::secrets::JobSecrets;
use sortie_core::call::{Cleanup as JobCleanup, JobSpec, Reference, WorkspaceSpec};
use sortie_core::canonical;
use sortie_core::host::Host;
use sortie_core::ids::{Ms, RunId, WaitId};
use sortie_core::limits::TOKEN_GRACE_MS;
use sortie_core::view::{Attempt, Handed, Step, StepKind};
use sortie_keys::{Claims, Scope as TokenScope, Token};
use sortie_protocol::bytes::Bytes;
use sortie_protocol::confine::{Cleanup, Isolation, JobLimits, Workspace};
use sortie_protocol::spec::{Credentials, Restore, Spec, SpecFile};
use sortie_protocol::verb::Verb;

/// The immutable part of a launch, as text and digest.
pub(super) struct SpecText {
    pub(super) text: String,
    pub(super) digest: String,
}

/// What a launch frame holds besides credentials of its own.
pub(super) struct Frame {
    pub(super) spec: SpecText,
    pub(super) secrets: JobSecrets,
    /// Whether the host posts by itself.
    pub(super) reached_by: bool,
    /// The checkpoint to start from, on another host than before.
    pub(super) restore: Option<Restore>,
}

/// The signed URL and the token of a wait or an attempt.
pub struct SignedAddress {
    /// Where to post, without the kind.
    pub url: String,
    /// What to show.
    pub token: Token,
}

/// What the spec of an attempt depends on beside the step's arguments.
pub(super) struct Given<'a> {
    /// What earlier attempts have left.
    pub(super) past: &'a Past,
    /// Whether its host wants every job to have a user of its own.
    pub(super) own_user: bool,
    /// Free bytes that its host wants to keep.
    pub(super) disk_floor_bytes: u64,
}

/// The spec of an attempt: a function of what is committed before it is launched.
pub(super) fn spec(installation: &str, run: &RunId, step: &Step, job: &JobSpec, attempt: &Attempt, given: &Given<'_>) -> SpecText {
    let plain = |(name, value): (&String, &Reference)| match value {
        Reference::Text(text) => Some((name.clone(), Bytes::from(text.as_str()))),
        Reference::WaitUrl(_) | Reference::WaitToken(_) | Reference::Secret(_) => None,
    };
    let spec = Spec {
        v: sortie_protocol::VERSION,
        attempt: attempt.id.to_string(),
        installation: Some(installation.to_owned()),
        run: run.to_string(),
        step: step.name.clone(),
        number: attempt.number,
        fence: attempt.fence,
        command: job.command.iter().map(|word| Bytes::from(word.as_str())).collect(),
        env: job.env.iter().filter_map(plain).collect(),
        cwd: job.cwd.as_deref().map(Bytes::from),
        stdin: job.stdin.as_ref().and_then(|text| if let Reference::Text(text) = text { Some(Bytes::from(text.as_str())) } else { None }),
        files: job.files.iter().filter_map(plain).map(|(path, data)| SpecFile { path, data }).collect(),
        artifacts: job.artifacts.clone(),
        agent: agent_task::task(run, step, job, attempt, given.past),
        workspace: job.workspace.as_ref().map(workspace),
        cleanup: match job.cleanup {
            JobCleanup::Keep => Cleanup::Keep,
            JobCleanup::Success => Cleanup::Success,
            JobCleanup::Always => Cleanup::Always,
        },
        isolation: if job.own_user || given.own_user { Isolation::OwnUser } else { Isolation::SharedUser },
        limits: JobLimits { memory_bytes: job.tree.memory_bytes, processes: job.tree.processes, disk_bytes: job.tree.disk_bytes },
        disk_floor_bytes: given.disk_floor_bytes,
        timeout_ms: u64::try_from(attempt.deadline_at - attempt.scheduled_at).unwrap_or(0),
        heartbeat_ms: job.heartbeat_ms,
        grace_ms: job.grace_ms,
    };
    let text = canonical::json(&spec);
    let digest = canonical::digest(text.as_bytes());
    SpecText { text, digest }
}

fn workspace(spec: &WorkspaceSpec) -> Workspace {
    Workspace { repository: spec.repository.clone(), reference: spec.reference.clone() }
}

impl Driver {
    /// What a first launch hands over. Committed before SSH is opened.
    pub(super) fn hand(&self, host: &Host, spec: &SpecText, attempt: &Attempt) -> Handed {
        let now = self.parts().clock.now();
        Handed {
            host: host.name.clone(),
            spec_digest: spec.digest.clone(),
            kid: self.ring().active_kid(),
            root: self.ring().root_generation(),
            audience: self.parts().config.audience().to_owned(),
            issued_s: now.div_euclid(1_000),
            expires_s: expires_s(attempt.deadline_at),
            launching_at: now,
            own_user: host.own_user,
            disk_floor_bytes: host.disk_floor_bytes,
        }
    }

    /// The launch itself, made again from what was committed.
    ///
    /// # Errors
    /// For people: which key is not there any more.
    pub(super) fn launch_verb(&self, run: &RunId, step: &Step, attempt: &Attempt, handed: &Handed, frame: Frame) -> Result<Verb, String> {
        let Frame { spec, secrets, reached_by, restore } = frame;
        let ring = self.ring();
        let claims = Claims {
            iss: self.parts().installation.id.clone(),
            aud: handed.audience.clone(),
            sub: run.to_string(),
            jti: attempt.id.to_string(),
            step: step.name.clone(),
            fence: attempt.fence,
            scope: TokenScope::Attempt,
            iat: handed.issued_s,
            nbf: handed.issued_s,
            exp: handed.expires_s,
        };
        let token = ring.mint_with(&handed.kid, &claims).map_err(|error| error.to_string())?;
        let url = ring.sign_url_with(handed.root, &handed.audience, &self.parts().installation.id, attempt.id.as_str(), handed.expires_s);
        let proof = ring.proof_secret(handed.root, attempt.id.as_str()).ok_or("the root key of this attempt is revoked")?;
        let callback_url = url.map_err(|error| error.to_string())?;
        let credentials = Credentials {
            artifact_url: reached_by.then(|| sortie_keys::artifact_url(&callback_url)),
            logs_url: reached_by.then(|| sortie_keys::logs_url(&callback_url)),
            callback_url,
            token: token.expose().to_owned(),
            proof_secret: proof.to_base64().to_string(),
            trust: self.parts().config.trust().map_err(|error| error.to_string())?,
            secret_env: secrets.env,
            secret_stdin: secrets.stdin,
            secret_files: secrets.files,
            restore: restore.filter(|_| reached_by),
        };
        Ok(Verb::Launch { spec: spec.text, spec_digest: spec.digest, credentials })
    }

    /// What is needed to answer a wait: handed to whoever an operator or a job's environment names.
    ///
    /// # Errors
    /// For people: which key is not there any more.
    pub fn wait_address(&self, run: &RunId, step: &Step, wait: &WaitId, scheduled_at: Ms) -> Result<SignedAddress, String> {
        let issued_s = scheduled_at.div_euclid(1_000);
        let claims = Claims {
            iss: self.parts().installation.id.clone(),
            aud: self.parts().config.audience().to_owned(),
            sub: run.to_string(),
            jti: wait.to_string(),
            step: step.name.clone(),
            fence: u64::from(step.call),
            scope: TokenScope::Wait,
            iat: issued_s,
            nbf: issued_s,
            exp: expires_s(step.deadline_at),
        };
        let ring = self.ring();
        let token = ring.mint(&claims).map_err(|error| error.to_string())?;
        let url = ring.sign_url(self.parts().config.audience(), &self.parts().installation.id, wait.as_str(), claims.exp);
        Ok(SignedAddress { url: url.map_err(|error| error.to_string())?, token })
    }

    /// The URL or the token of the wait that a reference names; nothing for what names none.
    ///
    /// # Errors
    /// For people.
    pub(super) async fn wait_text(&self, run: &RunId, reference: &Reference) -> Result<String, String> {
        let (call, wants_url) = match reference {
            Reference::WaitUrl(call) => (*call, true),
            Reference::WaitToken(call) => (*call, false),
            Reference::Text(_) | Reference::Secret(_) => return Ok(String::new()),
        };
        let wait = self.wait_of_call(run, call).await?;
        let address = self.wait_address(run, &wait.step, &wait.id, wait.scheduled_at)?;
        let text = if wants_url { sortie_keys::callback_url_with_kind(&address.url, "result") } else { address.token.expose().to_owned() };
        Ok(text)
    }

    async fn wait_of_call(&self, run: &RunId, call: u32) -> Result<FoundWait, String> {
        let steps = self.parts().store.steps(run).await.map_err(|error| error.to_string())?;
        let step = steps.into_iter().find(|step| step.call == call).ok_or_else(|| format!("call {call} is no step of the run"))?;
        let StepKind::Wait { wait } = &step.kind else { return Err(format!("call {call} is not a wait")) };
        let id = wait.clone();
        let row = self.parts().store.wait(&id).await.map_err(|error| error.to_string())?.ok_or("the wait is gone")?;
        Ok(FoundWait { id, step, scheduled_at: row.scheduled_at })
    }
}

struct FoundWait {
    id: WaitId,
    step: Step,
    scheduled_at: Ms,
}

fn expires_s(deadline_at: Ms) -> i64 {
    deadline_at.saturating_add(TOKEN_GRACE_MS.cast_signed()).div_euclid(1_000)
}
