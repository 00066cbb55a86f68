//! Output of jobs, as the server keeps it.
//!
//! ```text
//! SORTIE_HOME/logs/RUN/ATTEMPT/00000000 ...   records in the order they came ([`files`], [`record`])
//! ```
//!
//! Pieces come from shims over HTTP (`callback/log.rs`) and are asked for over SSH ([`pull`]): while somebody follows and none come by
//! themselves, and where some are missing after the end. Both ways give the same bytes at the same offsets, so it does not matter
//! which comes first. Secrets of the job are masked before anything is written.
//!
//! | if the process dies after | what is left | and then |
//! | --- | --- | --- |
//! | a part of a record | a torn record | it is cut off, and sent again |
//! | the record | bytes without an answer | the sender is told that they are here |
//! | the last record | a row that says less | the files are read again, and the rest is asked for |
//! | (removal) the row or the run is gone | files without a run | the next sweep removes them |

mod entry;
mod files;
pub mod limits;
mod pull;
mod read;
mod record;
mod rest;
mod sweep;

pub use entry::{Entry, Piece, Taken};
pub use read::{Cursor, Shown, View, Wish};

use crate::clock::Clock;
use crate::driver::Driver;
use files::Files;
use sortie_core::ids::{AttemptId, Ms, RunId};
use sortie_core::view::Step;
use sortie_store::model::logs::{LogRow, LogState};
use sortie_store::{Store, StoreError};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Whose output.
#[derive(Clone, Debug)]
pub struct Place {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: Step,
    /// The attempt.
    pub attempt: AttemptId,
}

/// Why output could not be taken or read now.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The files.
    #[error("the files of the output: {0}")]
    Disk(std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No room.
    #[error("the disk of the server is nearly full")]
    Full,
}

/// All kept output. Shared by all who ship, ask and follow.
pub struct Logs {
    folder: PathBuf,
    store: Arc<dyn Store>,
    clock: Clock,
    entries: Mutex<HashMap<AttemptId, Arc<Entry>>>,
    pulls: Arc<Semaphore>,
}

impl Logs {
    /// In this folder, which is made where it is not there.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(folder: &Path, store: Arc<dyn Store>, clock: Clock) -> std::io::Result<Arc<Self>> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let pulls = Arc::new(Semaphore::new(limits::PULLS));
        Ok(Arc::new(Self { folder: folder.to_owned(), store, clock, entries: Mutex::default(), pulls }))
    }

    fn folder_of(&self, run: &RunId, attempt: &AttemptId) -> PathBuf {
        self.folder.join(run.as_str()).join(attempt.as_str())
    }

    /// The output of an attempt, as far as it is here.
    ///
    /// # Errors
    /// [`LogsError`].
    pub async fn entry(&self, place: &Place) -> Result<Arc<Entry>, LogsError> {
        if let Some(entry) = self.entries().get(&place.attempt) {
            return Ok(Arc::clone(entry));
        }
        let row = self.store.log(&place.run, &place.attempt).await?;
        let mut row = row.unwrap_or_else(|| fresh_row(&place.run, &place.attempt, self.clock.now()));
        let folder = self.folder_of(&place.run, &place.attempt);
        let opened = tokio::task::spawn_blocking(move || Files::open(folder)).await;
        let files = opened.map_err(|error| LogsError::Disk(std::io::Error::other(error)))?.map_err(LogsError::Disk)?;
        if row.state != LogState::Removed {
            row.kept = files.ends();
        }
        let entry = Arc::new(Entry::new(place.clone(), files, row));
        let mut entries = self.entries();
        if entries.len() >= limits::ENTRIES {
            // One that nobody holds has nothing that is not in its files.
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        // Somebody else may have opened it meanwhile: there is one, or two would append.
        Ok(Arc::clone(entries.entry(place.attempt.clone()).or_insert(entry)))
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take a piece of output. What an answer may promise after it: the bytes outlive this process, not a power failure; once the
    /// row says that the output is complete, they are on the disk.
    ///
    /// # Errors
    /// [`LogsError`]; nothing was taken then.
    pub async fn take(&self, driver: &Driver, entry: &Arc<Entry>, piece: Piece, pushed: bool) -> Result<(Taken, LogState), LogsError> {
        if !self.has_room() {
            return Err(LogsError::Full);
        }
        let place = &entry.place;
        let masker = entry.masker.get_or_try_init(|| driver.masker_of(&place.run, &place.step)).await?.clone();
        let now = self.clock.now();
        let (held, is_empty) = (Arc::clone(entry), piece.data.is_empty());
        let took = tokio::task::spawn_blocking(move || {
            let mut state = held.state.blocking_lock();
            if state.is_over() && state.row.state != LogState::Incomplete {
                let acked = state.row.kept[piece.stream.index()];
                return Ok::<_, LogsError>((Taken { acked, new: 0 }, state.row.state, None));
            }
            let taken = state.take(&masker, piece, now)?;
            let whole = state.is_whole();
            if whole {
                state.files.sync().map_err(LogsError::Disk)?;
                (state.row.state, state.row.due_at, state.row.note) = (LogState::Complete, None, None);
            }
            let row = state.row_to_save(now, whole);
            Ok((taken, state.row.state, row))
        });
        let (taken, state, row) = took.await.map_err(|error| LogsError::Disk(std::io::Error::other(error)))??;
        if let Some(row) = row {
            self.store.save_log(row).await?;
        }
        if pushed && !is_empty {
            entry.pushed_at.store(now, Ordering::Relaxed);
        }
        if taken.new > 0 || state != LogState::Open {
            crate::failpoint::hit("log_kept");
            entry.tell();
        }
        Ok((taken, state))
    }

    fn has_room(&self) -> bool {
        rustix::fs::statvfs(&self.folder).is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) >= limits::DISK_FLOOR_BYTES)
    }
}

/// The row of an attempt whose first output comes now: looked at again when the job may be over.
pub(crate) fn fresh_row(run: &RunId, attempt: &AttemptId, now: Ms) -> LogRow {
    LogRow {
        run: run.clone(),
        attempt: attempt.clone(),
        kept: [0, 0],
        totals: [None, None],
        state: LogState::Open,
        note: None,
        tries: 0,
        due_at: Some(now.saturating_add(limits::REST_OPEN_MS)),
        updated_at: now,
    }
}
