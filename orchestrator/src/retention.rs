//! Runs that are over are kept for as long as their flow says (`retention = "30d"`), then deleted: slowly, one at a time, a
//! bounded number in each pass. A pass that was cut short is simply the next one's work: what is left is found by its age.

use crate::app::App;
use crate::limits::{RETENTION_EVERY_MS, RETENTION_PAUSE_MS, RETENTION_RUNS};
use sortie_core::ids::Ms;
use sortie_flow::manifest::Manifest;
use sortie_store::StoreError;
use sortie_store::limits::RUNS_PAGE;
use std::time::Duration;
use tokio::sync::watch;

/// Pass after pass, until the stop is set.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        match pass(&app).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "runs whose time was over were deleted"),
            Err(error) => tracing::warn!(%error, "retention: put off"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(RETENTION_EVERY_MS)) => {}
            _ = stop.changed() => return,
        }
    }
}

/// One pass over all flows; gives how many runs were deleted.
///
/// # Errors
/// As the store; what was deleted so far stays deleted.
pub async fn pass(app: &App) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for flow in app.store.flows().await? {
        let manifest: Result<Manifest, _> = serde_json::from_str(&flow.manifest);
        let Some(keep_ms) = manifest.ok().and_then(|manifest| manifest.retention_ms) else { continue };
        let before = app.clock.now().saturating_sub_unsigned(keep_ms);
        deleted += flow_pass(app, &flow.name, before, RETENTION_RUNS - deleted).await?;
        if deleted >= RETENTION_RUNS {
            break;
        }
    }
    Ok(deleted)
}

async fn flow_pass(app: &App, flow: &str, before: Ms, most: usize) -> Result<usize, StoreError> {
    let (mut deleted, mut after) = (0, Ms::MIN);
    loop {
        let page = app.store.ended_runs(flow, after, before, RUNS_PAGE).await?;
        let Some((_, last)) = page.last() else { return Ok(deleted) };
        after = *last;
        for (run, _) in page {
            if deleted >= most || app.driver.is_stopping() {
                return Ok(deleted);
            }
            // One that still owes something to a host, or is needed by another run, is looked at again in the next pass.
            if app.store.delete_run(&run).await? {
                app.driver.parts().logs.forget(&run).await;
                deleted += 1;
                tokio::time::sleep(Duration::from_millis(RETENTION_PAUSE_MS)).await;
            }
        }
    }
}
