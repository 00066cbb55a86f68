//! The receiving end of an upload, independent of how its bytes travel.

use super::limits::RUN_BYTES;
use super::parts::{Part, PartError};
use super::{KeepError, NewResource, Resources};
use sortie_core::ids::RunId;
use sortie_protocol::artifact::{ArtifactMeta, RESULT_SLOT};
use sortie_store::StoreError;

/// An upload that its sender may make: who sends it and what the attempt's spec says are checked.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Run of the attempt.
    pub run: RunId,
    /// Call of the attempt's step.
    pub call: u32,
    /// What is sent.
    pub meta: ArtifactMeta,
}

/// Where an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// So many bytes are there.
    At(u64),
    /// It is kept under its name.
    Done,
}

/// Why a piece was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It will never be.
    #[error("{0}")]
    Refused(String),
    /// It belongs at this offset.
    #[error("the upload stands at {0} bytes")]
    Offset(u64),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
}

impl Resources {
    /// How far an upload is.
    ///
    /// # Errors
    /// [`UploadError::NotNow`].
    pub async fn stand(&self, upload: &Upload) -> Result<Stand, UploadError> {
        let Upload { run, meta, .. } = upload;
        let row = self.store.resource(run, &meta.attempt, &meta.name).await.map_err(not_now)?;
        if row.is_some_and(|row| row.sha256 == meta.sha256) {
            return Ok(Stand::Done);
        }
        Ok(Stand::At(self.hold(meta)?.len()))
    }

    /// Take a piece. With the last one the whole is checked and named.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn take_piece(&self, upload: &Upload, offset: u64, piece: Vec<u8>) -> Result<Stand, UploadError> {
        if self.stand(upload).await? == Stand::Done {
            return Ok(Stand::Done);
        }
        let meta = &upload.meta;
        let part = self.hold(meta)?;
        if offset == 0 && part.is_empty() {
            self.admit(upload).await?;
        }
        let (size, sha256) = (meta.size, meta.sha256.clone());
        let written = tokio::task::spawn_blocking(move || {
            let at = part.append(offset, &piece, size)?;
            crate::failpoint::hit("piece_kept");
            if at == size {
                part.check(&sha256)?;
            }
            Ok((part, at))
        });
        let (part, at) = match written.await {
            Ok(Ok(written)) => written,
            Ok(Err(PartError::Offset(at))) => return Err(UploadError::Offset(at)),
            Ok(Err(error @ (PartError::TooMany | PartError::Digest))) => return Err(UploadError::Refused(error.to_string())),
            Ok(Err(PartError::Disk(error))) => return Err(UploadError::NotNow(error.to_string())),
            Err(error) => return Err(UploadError::NotNow(error.to_string())),
        };
        if at < size {
            return Ok(Stand::At(at));
        }
        self.name(upload, &part).await?;
        if let Err(error) = part.remove() {
            tracing::warn!(%error, "the part of a finished upload is still there; a collection removes it");
        }
        Ok(Stand::Done)
    }

    fn hold(&self, meta: &ArtifactMeta) -> Result<Part, UploadError> {
        let held = self.parts.hold(&meta.attempt, &meta.slot, &meta.sha256);
        held.ok_or_else(|| UploadError::NotNow("another request writes to this upload".to_owned()))
    }

    /// Whether there is room for it: on the disk, in the run, and among the parts of its attempt.
    async fn admit(&self, upload: &Upload) -> Result<(), UploadError> {
        let size = upload.meta.size;
        if !self.parts.has_room(size) {
            return Err(UploadError::NotNow("the disk of the server is nearly full".to_owned()));
        }
        let of_attempt = self.parts.of_attempt(&upload.meta.attempt).map_err(not_now)?;
        if of_attempt.saturating_add(size) > RUN_BYTES {
            return Err(UploadError::Refused(format!("the uploads of this attempt are over {RUN_BYTES} bytes")));
        }
        Ok(())
    }

    async fn name(&self, upload: &Upload, part: &Part) -> Result<(), UploadError> {
        let meta = &upload.meta;
        let media_type = if meta.slot == RESULT_SLOT { "application/json" } else { "application/octet-stream" };
        let new =
            NewResource { run: &upload.run, subject: &meta.attempt, call: upload.call, name: &meta.name, media_type, expires_at: None };
        match self.keep_file(new, &meta.sha256, meta.size, part.path()).await {
            Ok(_) => Ok(()),
            Err(KeepError::Store(StoreError::NotFound(what))) => Err(UploadError::Refused(format!("{what} is not there"))),
            Err(error @ (KeepError::Store(_) | KeepError::Disk(_))) => Err(not_now(error)),
            Err(error) => {
                let _ = part.remove(); // else a collection does
                Err(UploadError::Refused(error.to_string()))
            }
        }
    }
}

fn not_now(error: impl ToString) -> UploadError {
    UploadError::NotNow(error.to_string())
}
