//! Secrets of calls: resolved when a job is launched or a request sent, and masked in what comes back.

use super::Driver;
use crate::vault::Vault;
use crate::vault::mask::Masker;
use sortie_core::call::{CallSpec, JobSpec, Reference};
use sortie_core::event::EventBody;
use sortie_core::ids::RunId;
use sortie_core::view::Step;
use sortie_keys::Secret;
use sortie_protocol::bytes::Bytes;
use sortie_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What of a job only the edge knows: never part of its spec, so of no digest, event or log.
#[derive(Default)]
pub(super) struct JobSecrets {
    /// Environment, by name.
    pub(super) env: BTreeMap<String, Bytes>,
    /// Standard input.
    pub(super) stdin: Option<Bytes>,
    /// Files, by path.
    pub(super) files: BTreeMap<String, Bytes>,
}

impl Driver {
    /// Secrets and connections of the installation.
    #[must_use]
    pub fn vault(&self) -> Vault {
        let parts = self.parts();
        Vault::new(Arc::clone(&parts.store), self.ring().clone(), parts.installation.id.clone())
    }

    /// What a job is handed besides its spec.
    ///
    /// # Errors
    /// For people: which secret or wait is not to be had.
    pub(super) async fn job_secrets(&self, run: &RunId, job: &JobSpec) -> Result<JobSecrets, String> {
        let mut resolved = JobSecrets::default();
        for (name, reference) in &job.env {
            if let Some(value) = self.resolved(run, reference).await? {
                resolved.env.insert(name.clone(), value);
            }
        }
        for (path, reference) in &job.files {
            if let Some(value) = self.resolved(run, reference).await? {
                resolved.files.insert(path.clone(), value);
            }
        }
        if let Some(reference) = &job.stdin {
            resolved.stdin = self.resolved(run, reference).await?;
        }
        Ok(resolved)
    }

    /// The value of a reference; none for a plain text, which stands in the spec.
    async fn resolved(&self, run: &RunId, reference: &Reference) -> Result<Option<Bytes>, String> {
        match reference {
            Reference::Text(_) => Ok(None),
            Reference::Secret(name) => {
                let value = self.vault().secret(name).await.map_err(|error| error.to_string())?;
                Ok(Some(Bytes(value.expose().to_vec())))
            }
            Reference::WaitUrl(_) | Reference::WaitToken(_) => Ok(Some(Bytes::from(self.wait_text(run, reference).await?.as_str()))),
        }
    }

    /// Masks the secrets that the job of a step was handed. A secret that is not there any more cannot be masked.
    ///
    /// # Errors
    /// Where the step's arguments cannot be read.
    pub async fn masker_of(&self, run: &RunId, step: &Step) -> Result<Masker, StoreError> {
        let event = self.parts().store.event(run, step.spec_seq).await?;
        let Some(EventBody::StepScheduled { spec: CallSpec::Job(job), .. }) = event.map(|event| event.body) else {
            return Ok(Masker::default());
        };
        let references = job.env.values().chain(job.files.values()).chain(&job.stdin);
        let names: BTreeSet<&str> = references.filter_map(secret_name).collect();
        self.masker_for(names).await
    }

    /// Masks secrets by their names.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(super) async fn masker_for(&self, names: BTreeSet<&str>) -> Result<Masker, StoreError> {
        let vault = self.vault();
        let mut values: Vec<Secret> = Vec::new();
        for name in names {
            match vault.secret(name).await {
                Ok(value) => values.push(value),
                Err(crate::vault::VaultError::Store(error)) => return Err(error),
                Err(error) => tracing::warn!(name, %error, "a secret cannot be masked"),
            }
        }
        Ok(Masker::new(&values))
    }
}

/// The secret that a reference names.
pub(super) fn secret_name(reference: &Reference) -> Option<&str> {
    if let Reference::Secret(name) = reference { Some(name) } else { None }
}
