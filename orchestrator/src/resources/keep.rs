//! Keeping bytes under a name: touch, keep, name, in this order, each of them idempotent.

use super::limits::{MEDIA_TYPE_CHARS, RUN_BYTES};
use super::{Reference, Resources};
use serde_json::json;
use sortie_core::call::ArtifactSpec;
use sortie_core::canonical::digest;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::TryOutcome;
use sortie_protocol::artifact::{CHECKPOINT_NAME, RESULT_NAME, path_fault};
use sortie_store::StoreError;
use sortie_store::model::resources::{Named, ResourceRow};
use std::path::Path;

/// What bytes are to be called.
#[derive(Clone, Copy, Debug)]
pub struct NewResource<'a> {
    /// Their run.
    pub run: &'a RunId,
    /// What of the run they come from: an attempt's id, or [`Reference::of_call`].
    pub subject: &'a str,
    /// Number of the durable call.
    pub call: u32,
    /// Their name there.
    pub name: &'a str,
    /// What their maker says they are.
    pub media_type: &'a str,
    /// When the name goes, where it goes before its run.
    pub expires_at: Option<Ms>,
}

/// Why bytes were not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The name cannot be one.
    #[error("{0}")]
    Name(String),
    /// The name stands for other bytes.
    #[error("`{0}` stands for other bytes already")]
    Taken(String),
    /// The run would keep too much.
    #[error("the run keeps {kept} bytes; with {size} more it would be over the limit of {RUN_BYTES}")]
    OverTotal {
        /// What it keeps.
        kept: u64,
        /// What was to be added.
        size: u64,
    },
    /// Not now, or not there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error("the bytes could not be kept: {0}")]
    Disk(#[from] std::io::Error),
}

impl Resources {
    /// Keep bytes.
    ///
    /// # Errors
    /// [`KeepError`]; the name is not there then, or stands for what it stood for before.
    pub async fn keep_bytes(&self, new: NewResource<'_>, bytes: Vec<u8>) -> Result<ResourceRow, KeepError> {
        let (sha256, size) = (digest(&bytes), bytes.len() as u64);
        self.keep(new, sha256, size, Source::Bytes(bytes)).await
    }

    /// Keep a file whose digest and size were checked.
    ///
    /// # Errors
    /// As [`Resources::keep_bytes`].
    pub async fn keep_file(&self, new: NewResource<'_>, sha256: &str, size: u64, file: &Path) -> Result<ResourceRow, KeepError> {
        self.keep(new, sha256.to_owned(), size, Source::File(file)).await
    }

    async fn keep(&self, new: NewResource<'_>, sha256: String, size: u64, source: Source<'_>) -> Result<ResourceRow, KeepError> {
        let row = row(&new, sha256, size, self.clock.now())?;
        let _shared = self.gate.read().await;
        self.store.touch_blob(&row.sha256, size, row.created_at).await?;
        if !self.blobs.has(&row.sha256, size).await? {
            match source {
                Source::Bytes(bytes) => self.blobs.put(&row.sha256, bytes).await?,
                Source::File(path) => self.blobs.put_file(&row.sha256, path).await?,
            }
        }
        crate::failpoint::hit("blob_kept");
        let mut named = self.store.name_resource(row.clone(), RUN_BYTES).await?;
        // The newest checkpoint stands for its attempt. A death in between leaves none, and the upload, which has no receipt, is repeated.
        if matches!(named, Named::Taken(_)) && row.name == CHECKPOINT_NAME {
            self.store.unname_resource(&row.run, &row.subject, &row.name).await?;
            named = self.store.name_resource(row.clone(), RUN_BYTES).await?;
        }
        match named {
            Named::New | Named::Same => Ok(row),
            Named::Taken(_) => Err(KeepError::Taken(row.name)),
            Named::OverTotal { kept } => Err(KeepError::OverTotal { kept, size }),
        }
    }

    /// What a reference stands for.
    ///
    /// # Errors
    /// As the store says.
    pub async fn find(&self, reference: &Reference) -> Result<Option<ResourceRow>, StoreError> {
        self.store.resource(&reference.run, &reference.subject, &reference.name).await
    }
}

enum Source<'a> {
    Bytes(Vec<u8>),
    File(&'a Path),
}

fn row(new: &NewResource<'_>, sha256: String, size: u64, now: Ms) -> Result<ResourceRow, KeepError> {
    if ![RESULT_NAME, CHECKPOINT_NAME].contains(&new.name)
        && let Some(why) = path_fault(new.name)
    {
        return Err(KeepError::Name(why.replace("a path below the working directory", "the name of an artifact")));
    }
    let plain = new.media_type.len() <= MEDIA_TYPE_CHARS && new.media_type.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !plain || !new.media_type.contains('/') {
        return Err(KeepError::Name(format!("a media type is like `text/plain`, of at most {MEDIA_TYPE_CHARS} printable characters")));
    }
    Ok(ResourceRow {
        run: new.run.clone(),
        subject: new.subject.to_owned(),
        name: new.name.to_owned(),
        call: new.call,
        media_type: new.media_type.to_owned(),
        size,
        sha256,
        created_at: now,
        expires_at: new.expires_at,
    })
}

/// The reference to a row.
#[must_use]
pub fn reference(row: &ResourceRow) -> Reference {
    Reference { run: row.run.clone(), subject: row.subject.clone(), name: row.name.clone() }
}

/// Perform an `artifact` step. Doing it again gives the same.
///
/// # Errors
/// Where it is not known whether the text was kept: to be tried again.
pub async fn keep_text(resources: &Resources, run: &RunId, call: u32, spec: &ArtifactSpec) -> Result<TryOutcome, StoreError> {
    let subject = Reference::of_call(call);
    let ArtifactSpec { name, media_type, content } = spec;
    let new = NewResource { run, subject: &subject, call, name, media_type, expires_at: None };
    let kind = match resources.keep_bytes(new, content.clone().into_bytes()).await {
        Ok(row) => {
            let resource = reference(&row).to_string();
            let value = json!({"ok": true, "name": name, "resource": resource, "size": row.size, "sha256": row.sha256, "error": null});
            return Ok(TryOutcome::Done(value));
        }
        Err(KeepError::Store(error)) => return Err(error),
        Err(KeepError::Disk(error)) => return Err(StoreError::Unavailable(error.to_string())),
        Err(error @ KeepError::OverTotal { .. }) => (FailureKind::TooLarge, error),
        // A reset run performs the call anew: what was kept before stays what it is.
        Err(error @ (KeepError::Name(_) | KeepError::Taken(_))) => (FailureKind::Refused, error),
    };
    let (kind, error) = kind;
    let value = json!({"name": name, "resource": null, "size": null, "sha256": null});
    Ok(TryOutcome::Failed { failure: Failure::new(kind, error.to_string()), value, retry_after_ms: None })
}
