//! Collection: what nothing names goes, after a grace. Slow, and safe at any moment to be killed.

use super::Resources;
use super::blobs::Listed;
use super::limits::{COLLECT_BATCH, COLLECT_EVERY_MS, COLLECT_PAUSE_MS, GRACE_MS};
use futures_util::StreamExt;
use serde::Serialize;
use sortie_core::ids::Ms;
use sortie_store::StoreError;
use sortie_store::model::resources::UnnamedBlob;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a collection has found, or removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Names whose time was over (removed only).
    pub expired: u64,
    /// Blobs without a name.
    pub blobs: u64,
    /// Files that no row knows: left by a crash, or by a restored store.
    pub strays: u64,
    /// Uploads that nobody went on with.
    pub parts: u64,
    /// Bytes of blobs and parts.
    pub bytes: u64,
}

impl Resources {
    /// Collect; without `apply` only count. Bytes count as unnamed once they were touched last before `grace_ms`.
    ///
    /// # Errors
    /// As store and disk say; what was removed by then is removed.
    pub async fn collect(&self, apply: bool, grace_ms: u64) -> Result<Collected, StoreError> {
        let before = self.clock.now().saturating_sub(grace_ms.cast_signed());
        let mut found = Collected::default();
        if apply {
            found.expired = self.expire().await?;
        }
        self.collect_blobs(apply, before, &mut found).await?;
        self.collect_strays(apply, before, &mut found).await?;
        let (parts, bytes) = self.parts.stale(SystemTime::now(), apply).map_err(unavailable)?;
        found.parts = parts;
        found.bytes += bytes;
        Ok(found)
    }

    async fn expire(&self) -> Result<u64, StoreError> {
        let mut expired = 0;
        loop {
            let gone = self.store.expire_resources(self.clock.now(), COLLECT_BATCH).await?;
            expired += gone as u64;
            if gone < COLLECT_BATCH {
                return Ok(expired);
            }
            pause().await;
        }
    }

    async fn collect_blobs(&self, apply: bool, before: Ms, found: &mut Collected) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let page = self.collect_batch(apply, &after, before).await?;
            found.blobs += page.len() as u64;
            found.bytes += page.iter().map(|blob| blob.size).sum::<u64>();
            match page.last() {
                Some(last) if page.len() == COLLECT_BATCH => after.clone_from(&last.sha256),
                _ => return Ok(()),
            }
            pause().await;
        }
    }

    /// Alone: between the look and the removal nobody can give one of them a name.
    async fn collect_batch(&self, apply: bool, after: &str, before: Ms) -> Result<Vec<UnnamedBlob>, StoreError> {
        let _alone = self.gate.write().await;
        let page = self.store.unnamed_blobs(after, before, COLLECT_BATCH).await?;
        for blob in page.iter().filter(|_| apply) {
            self.blobs.remove(&blob.sha256).await.map_err(unavailable)?;
            crate::failpoint::hit("blob_removed");
            self.store.forget_blob(&blob.sha256).await?;
        }
        Ok(page)
    }

    async fn collect_strays(&self, apply: bool, before: Ms, found: &mut Collected) -> Result<(), StoreError> {
        let mut listed = self.blobs.list();
        while let Some(file) = listed.next().await {
            let Ok(file) = file else { continue };
            if file.at >= before {
                continue;
            }
            if self.is_known(&file).await? {
                continue;
            }
            // Looked at again, alone: somebody may be about to name it.
            let _alone = self.gate.write().await;
            if !self.is_known(&file).await? {
                found.strays += 1;
                if apply {
                    self.blobs.remove_listed(&file).await.map_err(unavailable)?;
                }
            }
        }
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(before.max(0).unsigned_abs());
        found.strays += self.blobs.staged(at, apply).map_err(unavailable)?;
        Ok(())
    }

    async fn is_known(&self, file: &Listed) -> Result<bool, StoreError> {
        match &file.sha256 {
            Some(sha256) => Ok(self.store.blob(sha256).await?.is_some()),
            None => Ok(false),
        }
    }
}

fn unavailable(error: impl ToString) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(COLLECT_PAUSE_MS)).await;
}

/// Collect now and then, for as long as the program runs.
pub async fn collect_for_ever(resources: Arc<Resources>) {
    loop {
        tokio::time::sleep(Duration::from_millis(COLLECT_EVERY_MS)).await;
        match resources.collect(true, GRACE_MS).await {
            Ok(found) if found == Collected::default() => {}
            Ok(found) => tracing::info!(?found, "resources that nothing names were removed"),
            Err(error) => tracing::warn!(%error, "a collection of resources was cut short"),
        }
    }
}
