//! Removing output: with its run, without a run, and where there is too much of it.

use super::limits::{SWEEP_EVERY_MS, TOTAL_BYTES};
use super::{Logs, LogsError};
use sortie_core::ids::RunId;
use sortie_store::model::logs::LogState;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Output of one run, as it lies on the disk.
struct Kept {
    run: RunId,
    bytes: u64,
    /// When a file was last made in it.
    at: SystemTime,
}

impl Logs {
    /// Remove what a run that was deleted has written.
    pub async fn forget(&self, run: &RunId) {
        self.entries().retain(|_, entry| entry.place.run != *run);
        let folder = self.folder.join(run.as_str());
        match tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%run, %error, "output of a deleted run is still there; a sweep removes it");
            }
            _ => {}
        }
    }

    /// Sweep now and then, until the stop is set.
    pub async fn sweep_for_ever(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.sweep(TOTAL_BYTES).await {
                tracing::warn!(%error, "the sweep of output: put off");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(SWEEP_EVERY_MS)) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Remove output without a run; then, while there is more than `most` bytes, that of the runs that are over, oldest first.
    ///
    /// # Errors
    /// [`LogsError`]; what was removed so far stays removed.
    pub async fn sweep(&self, most: u64) -> Result<(), LogsError> {
        let folder = self.folder.clone();
        let listed = tokio::task::spawn_blocking(move || list(&folder)).await;
        let mut kept = listed.map_err(|error| LogsError::Disk(io::Error::other(error)))?.map_err(LogsError::Disk)?;
        kept.sort_by_key(|kept| kept.at);
        let mut total: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for Kept { run, bytes, .. } in kept {
            match self.store.run(&run).await? {
                None => self.forget(&run).await,
                Some(row) if total > most && row.head.state.is_over() => {
                    self.remove(&run).await?;
                    tracing::info!(%run, bytes, "output was removed to make room");
                }
                Some(_) => continue,
            }
            total = total.saturating_sub(bytes);
        }
        Ok(())
    }

    /// The rows first: whoever asks is told why there is nothing.
    async fn remove(&self, run: &RunId) -> Result<(), LogsError> {
        for mut row in self.store.logs_of(run).await? {
            (row.state, row.due_at, row.note) = (LogState::Removed, None, Some("removed to make room for newer output".to_owned()));
            row.updated_at = self.clock.now();
            self.store.save_log(row).await?;
        }
        self.forget(run).await;
        Ok(())
    }
}

fn list(folder: &Path) -> io::Result<Vec<Kept>> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let named = entry.file_name().to_str().and_then(|name| RunId::parse(name).ok());
        if let Some(run) = named {
            let (bytes, at) = measure(&entry.path());
            kept.push(Kept { run, bytes, at });
        }
    }
    Ok(kept)
}

/// What cannot be read counts nothing: it is looked at again.
fn measure(run: &Path) -> (u64, SystemTime) {
    let within =
        |folder: &Path| -> Vec<PathBuf> { std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect() };
    let (mut bytes, mut at) = (0, SystemTime::UNIX_EPOCH);
    for attempt in within(run) {
        at = attempt.metadata().and_then(|meta| meta.modified()).map_or(at, |made| at.max(made));
        bytes += within(&attempt).iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum::<u64>();
    }
    (bytes, at)
}
