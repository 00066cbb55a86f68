//! Open runs that cannot go on are found before something answers them: at the start those whose bundle is gone, by a slow sweep
//! those whose journal no longer replays. Each is parked by itself; the others go on.

use super::Driver;
use crate::triggers::limits::{SUPERSEDE_AT_ONCE, SWEEP_EVERY_MS, SWEEP_PAGE, SWEEP_PAUSE_MS};
use sortie_core::evaluation::End;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Scope};
use sortie_store::StoreError;
use sortie_store::model::RunFilter;
use std::time::Duration;
use tokio::sync::watch;

impl Driver {
    /// Park open runs whose bundle is not in the store; gives how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park_runs_without_bundle(&self) -> Result<usize, StoreError> {
        let lost = self.parts().store.without_bundle(SUPERSEDE_AT_ONCE).await?;
        for row in &lost {
            let message = format!(
                "the bundle {} of {} release {} is not in the store; restore it from a backup, then resume",
                row.bundle, row.flow, row.release
            );
            tracing::error!(run = %row.run, flow = row.flow, release = row.release, bundle = row.bundle, "an open run has lost its bundle; it is parked");
            self.park(&row.run, Failure::new(FailureKind::Internal, message)).await?;
        }
        Ok(lost.len())
    }

    /// Replay open runs, one after the other, for as long as the server is up.
    pub async fn sweep(self, mut stop: watch::Receiver<bool>) {
        if let Err(error) = self.park_runs_without_bundle().await {
            tracing::warn!(%error, "open runs could not be checked for their bundles");
        }
        loop {
            if let Err(error) = self.sweep_once(&mut stop).await {
                tracing::warn!(%error, "the replay sweep was broken off");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(SWEEP_EVERY_MS)) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Waiting runs, newest first, with a pause between two; the newest are the likeliest to be answered soon.
    async fn sweep_once(&self, stop: &mut watch::Receiver<bool>) -> Result<(), StoreError> {
        let mut before: Option<RunId> = None;
        loop {
            let filter = RunFilter { state: Some("waiting".to_owned()), before: before.clone(), limit: SWEEP_PAGE, ..RunFilter::default() };
            let page = self.parts().store.runs(filter).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.head.id.clone());
            for row in page {
                self.replay(&row.head.id).await?;
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(SWEEP_PAUSE_MS)) => {}
                    _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
                }
            }
        }
    }

    /// Evaluate a run as it stands and commit nothing; park it where its journal does not match its flow.
    ///
    /// # Errors
    /// [`StoreError`]. An evaluator that dies or is not there proves nothing.
    pub async fn replay(&self, run: &RunId) -> Result<(), StoreError> {
        let Some(load) = self.parts().store.load_replay(run).await? else { return Ok(()) };
        let seen = load.head.seq;
        let Ok(evaluated) = self.evaluate(load).await else { return Ok(()) };
        let End::Failed { failure, .. } = evaluated.evaluation.end else { return Ok(()) };
        if failure.kind != FailureKind::Nondeterminism {
            return Ok(());
        }
        // What changed meanwhile was evaluated from other rows.
        let unchanged = self.parts().store.run(run).await?.is_some_and(|row| row.head.seq == seen);
        if unchanged {
            tracing::error!(%run, failure = failure.message, "a run does not replay; it is parked");
            self.park(run, failure).await?;
        }
        Ok(())
    }

    async fn park(&self, run: &RunId, failure: Failure) -> Result<(), StoreError> {
        match self.deliver(Scope::Run(run.clone()), InputBody::Park(failure)).await {
            Ok(_) => Ok(()),
            Err(StoreError::Refused(error)) => {
                tracing::warn!(%run, %error, "it could not be parked");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
