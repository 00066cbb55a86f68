//! Output that is missing after the end of its job is asked for over SSH, until it is here or its host has it no more.

use super::limits::{REST_AFTER_MS, REST_BACKOFF_CAP_MS, REST_BACKOFF_MS, REST_EVERY_MS, REST_OPEN_MS, REST_TRIES, RESTS_AT_ONCE};
use super::pull::{PullError, Pulled};
use super::{Entry, Logs, LogsError, Place};
use crate::driver::Driver;
use futures_util::StreamExt;
use sortie_core::ids::Ms;
use sortie_store::model::logs::{LogRow, LogState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

impl Logs {
    /// A job is over, and its shim says how much it has written. Beside the result, never before it.
    pub fn ended(self: &Arc<Self>, place: Place, totals: [u64; 2]) {
        let logs = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = logs.close(&place, totals).await {
                // The row, where there is one, is due by itself.
                tracing::warn!(attempt = %place.attempt, %error, "the end of the output could not be noted");
            }
        });
    }

    async fn close(&self, place: &Place, totals: [u64; 2]) -> Result<(), LogsError> {
        let entry = self.entry(place).await?;
        let row = {
            let mut state = entry.state().await;
            if state.is_over() {
                None
            } else {
                state.row.totals = totals.map(Some);
                state.row.due_at = Some(self.clock.now().saturating_add(REST_AFTER_MS));
                if state.is_whole() {
                    state.files.sync().map_err(LogsError::Disk)?;
                    (state.row.state, state.row.due_at) = (LogState::Complete, None);
                }
                state.row_to_save(self.clock.now(), true)
            }
        };
        if let Some(row) = row {
            self.store.save_log(row).await?;
        }
        entry.tell();
        Ok(())
    }

    /// Look for missing output, until the stop is set.
    pub async fn fetch_rests(self: Arc<Self>, driver: Driver, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.pass(&driver).await {
                tracing::warn!(%error, "missing output: put off");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(REST_EVERY_MS)) => {}
                _ = stop.changed() => return,
            }
        }
    }

    async fn pass(self: &Arc<Self>, driver: &Driver) -> Result<(), LogsError> {
        let due = self.store.due_logs(self.clock.now(), RESTS_AT_ONCE * 4).await?;
        futures_util::stream::iter(due)
            .for_each_concurrent(RESTS_AT_ONCE, |row| async move {
                let attempt = row.attempt.clone();
                if let Err(error) = self.fetch(driver, row).await {
                    tracing::warn!(%attempt, %error, "missing output: put off");
                }
            })
            .await;
        Ok(())
    }

    async fn fetch(self: &Arc<Self>, driver: &Driver, row: LogRow) -> Result<(), LogsError> {
        let Some((run, step, attempt)) = self.store.attempt(&row.attempt).await? else {
            return Ok(()); // gone with its run
        };
        let entry = self.entry(&Place { run, step, attempt: row.attempt.clone() }).await?;
        let now = self.clock.now();
        if !attempt.state.is_over() {
            return self.note(&entry, |row| row.due_at = Some(now + REST_OPEN_MS)).await;
        }
        match self.pull(driver, &entry).await {
            Ok(Pulled::Complete) => Ok(()),
            Ok(Pulled::More) => self.note(&entry, |row| row.due_at = Some(now)).await,
            Ok(Pulled::Open) => self.later(&entry, "its host says that the job still writes").await,
            Err(PullError::NotNow(why)) => self.later(&entry, &why).await,
            Err(PullError::Nobody(why) | PullError::Gone(why)) => self.give_up(&entry, &why).await,
        }
    }

    async fn later(&self, entry: &Arc<Entry>, why: &str) -> Result<(), LogsError> {
        let now = self.clock.now();
        let tries = entry.state().await.row.tries + 1;
        if tries > REST_TRIES {
            return self.give_up(entry, why).await;
        }
        let due = now + backoff(tries);
        self.note(entry, |row| (row.tries, row.due_at, row.note) = (tries, Some(due), Some(why.to_owned()))).await
    }

    async fn give_up(&self, entry: &Arc<Entry>, why: &str) -> Result<(), LogsError> {
        self.note(entry, |row| (row.state, row.due_at, row.note) = (LogState::Incomplete, None, Some(why.to_owned()))).await?;
        entry.tell();
        Ok(())
    }

    async fn note(&self, entry: &Arc<Entry>, change: impl FnOnce(&mut LogRow)) -> Result<(), LogsError> {
        let row = {
            let mut state = entry.state().await;
            if state.row.state == LogState::Complete {
                None
            } else {
                change(&mut state.row);
                state.row_to_save(self.clock.now(), true)
            }
        };
        if let Some(row) = row {
            self.store.save_log(row).await?;
        }
        Ok(())
    }
}

/// Pause after so many tries.
fn backoff(tries: u32) -> Ms {
    REST_BACKOFF_MS.saturating_mul(1 << (tries.saturating_sub(1)).min(20)).min(REST_BACKOFF_CAP_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_ever_further_apart_and_go_on_for_days() {
        assert_eq!((backoff(1), backoff(2), backoff(99)), (REST_BACKOFF_MS, 2 * REST_BACKOFF_MS, REST_BACKOFF_CAP_MS));
        let all: Ms = (1..=REST_TRIES).map(backoff).sum();
        assert!(all > 5 * 24 * 3_600_000 && all < 7 * 24 * 3_600_000, "{all}");
    }
}
