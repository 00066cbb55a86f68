//! Asking a host over SSH for output that does not come by itself.

use super::limits::{CATCH_UP_MS, FOLLOWED_MS, PULL_CAP_MS, PULL_CHUNKS, PULL_EVERY_MS, PUSH_FRESH_MS};
use super::{Entry, Logs, LogsError, Piece};
use crate::driver::Driver;
use sortie_core::host::Host;
use sortie_core::ids::Ms;
use sortie_protocol::limits::LOG_CHUNK_BYTES;
use sortie_protocol::log::{Stream, next_offset};
use sortie_protocol::verb::{Reply, Verb};
use sortie_store::model::logs::LogState;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What came of a round of questions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    /// All that is there now is here; the job may write more.
    Open,
    /// There was more than one round takes.
    More,
    /// It is all here, for good.
    Complete,
}

/// What one question brought.
struct Asked {
    /// Whether there was more than that.
    more: bool,
    /// Bytes written so far.
    written: u64,
    state: LogState,
}

/// Why a round gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// It was never handed to a host, or that host was removed: nobody can be asked.
    #[error("{0}")]
    Nobody(String),
    /// The host does not keep it any more, or never had it.
    #[error("{0}")]
    Gone(String),
    /// Later.
    #[error("{0}")]
    NotNow(String),
}

impl From<LogsError> for PullError {
    fn from(error: LogsError) -> Self {
        Self::NotNow(error.to_string())
    }
}

impl Logs {
    /// Somebody waits for output of this attempt: make sure that it comes, by itself or by asking. One task for all who wait.
    pub fn follow(self: &Arc<Self>, driver: &Driver, entry: &Arc<Entry>) {
        entry.followed_at.store(self.clock.now(), Ordering::Relaxed);
        if entry.pulled.swap(true, Ordering::SeqCst) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.pulls).try_acquire_owned() else {
            entry.pulled.store(false, Ordering::SeqCst);
            return;
        };
        let (logs, driver, entry) = (Arc::clone(self), driver.clone(), Arc::clone(entry));
        tokio::spawn(async move {
            logs.keep_asking(&driver, &entry).await;
            entry.pulled.store(false, Ordering::SeqCst);
            drop(permit);
            entry.tell();
        });
    }

    /// Until nobody follows any more, or there is nothing left to come.
    async fn keep_asking(self: &Arc<Self>, driver: &Driver, entry: &Arc<Entry>) {
        let mut pause = PULL_EVERY_MS;
        let is_followed = |now: Ms| entry.followed_at.load(Ordering::Relaxed).saturating_add(FOLLOWED_MS) > now;
        while is_followed(self.clock.now()) && !driver.is_stopping() && !entry.state().await.is_over() {
            if !entry.is_pushed(self.clock.now(), PUSH_FRESH_MS) {
                match self.pull(driver, entry).await {
                    Ok(Pulled::Complete) => return,
                    Ok(Pulled::More) => continue,
                    Ok(Pulled::Open) => pause = PULL_EVERY_MS,
                    Err(PullError::Nobody(why) | PullError::Gone(why)) => {
                        entry.set_trouble(Some(why));
                        return;
                    }
                    Err(PullError::NotNow(_)) => pause = (pause * 2).min(PULL_CAP_MS),
                }
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Ask once for all that there is, within [`CATCH_UP_MS`], unless output comes by itself right now.
    pub async fn catch_up(&self, driver: &Driver, entry: &Arc<Entry>) {
        let is_pushed = entry.is_pushed(self.clock.now(), PUSH_FRESH_MS / 4);
        if is_pushed || entry.state().await.is_over() {
            return;
        }
        let asked = async { while matches!(self.pull(driver, entry).await, Ok(Pulled::More)) {} };
        if tokio::time::timeout(Duration::from_millis(CATCH_UP_MS), asked).await.is_err() {
            entry.set_trouble(Some("the host did not answer in time".to_owned()));
        }
    }

    /// One round: both streams, a bounded number of chunks.
    pub(super) async fn pull(&self, driver: &Driver, entry: &Arc<Entry>) -> Result<Pulled, PullError> {
        let pulled = self.round(driver, entry).await;
        match &pulled {
            Ok(_) => entry.set_trouble(None),
            Err(error) => entry.set_trouble(Some(error.to_string())),
        }
        pulled
    }

    async fn round(&self, driver: &Driver, entry: &Arc<Entry>) -> Result<Pulled, PullError> {
        let host = self.host_of(driver, entry).await?;
        let mut more = false;
        let mut state = LogState::Open;
        for stream in Stream::ALL {
            let (mut chunks, mut written) = (0, 0);
            loop {
                let asked = self.ask(driver, entry, &host, stream, written).await?;
                (state, written) = (asked.state, asked.written);
                chunks += 1;
                if !asked.more {
                    break;
                }
                if chunks >= PULL_CHUNKS {
                    more = true;
                    break;
                }
            }
        }
        Ok(match state {
            LogState::Complete | LogState::Removed => Pulled::Complete,
            _ if more => Pulled::More,
            _ => Pulled::Open,
        })
    }

    /// One question, where at least so many bytes are known to be written.
    async fn ask(&self, driver: &Driver, entry: &Arc<Entry>, host: &Host, stream: Stream, written: u64) -> Result<Asked, PullError> {
        let (acked, written) = {
            let state = entry.state().await;
            let index = stream.index();
            (state.row.kept[index], written.max(state.row.totals[index].unwrap_or(0)))
        };
        let (from, attempt) = (next_offset(acked, written), entry.place.attempt.to_string());
        let verb = Verb::Logs { attempt, stream: stream.as_str().to_owned(), offset: from, limit: LOG_CHUNK_BYTES };
        let reply = driver.parts().launcher.ask(host, verb).await.map_err(|error| PullError::NotNow(error.message))?;
        let (offset, data, total, open) = match reply {
            Reply::Logs { offset, data, total, open } => (offset, data.0, total, open),
            Reply::Refused { message, .. } => return Err(PullError::NotNow(format!("{}: {message}", host.name))),
            _ => return Err(PullError::NotNow(format!("{}: the shim answered another question", host.name))),
        };
        if data.len() as u64 > LOG_CHUNK_BYTES || offset < from && !data.is_empty() {
            return Err(PullError::NotNow(format!("{}: the shim answered with what was not asked for", host.name)));
        }
        if total < acked {
            return Err(PullError::Gone(format!("{} does not keep this output any more", host.name)));
        }
        let asked_for_more = !data.is_empty() && offset.saturating_add(data.len() as u64) < total;
        let piece = Piece { stream, offset, gap: offset.saturating_sub(acked), data, total, closed: !open };
        let (taken, state) = self.take(driver, entry, piece, false).await?;
        Ok(Asked { more: asked_for_more && taken.acked > acked, written: total, state })
    }

    async fn host_of(&self, driver: &Driver, entry: &Arc<Entry>) -> Result<Host, PullError> {
        let store = &driver.parts().store;
        let found = store.attempt(&entry.place.attempt).await.map_err(|error| PullError::NotNow(error.to_string()))?;
        let handed = found.and_then(|(_, _, attempt)| attempt.handed);
        let name = handed.ok_or_else(|| PullError::Nobody("it was never launched".to_owned()))?.host;
        let host = store.host(&name).await.map_err(|error| PullError::NotNow(error.to_string()))?;
        host.ok_or_else(|| PullError::Nobody(format!("host `{name}` was removed")))
    }
}
