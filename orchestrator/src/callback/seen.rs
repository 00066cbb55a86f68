//! What a host says over SSH of a job that lives: as good as a heartbeat, and its reports as good as posted ones.
//!
//! It is signed by nobody; the host's key, its marker and the session it came in vouch for it, as for every answer over SSH.

use super::{Post, beat, verify::EventName};
use crate::driver::Driver;
use serde_json::{Value, json};
use sortie_core::ids::AttemptId;
use sortie_protocol::artifact::Report;
use sortie_protocol::callback::{CallbackKind, webhook_id};
use sortie_protocol::view::AttemptView;
use sortie_store::StoreError;

/// Number of a heartbeat that was not posted: posted ones count their own from 1.
const UNPOSTED: u64 = 0;

/// Keep what a view says of an attempt whose job lives.
///
/// # Errors
/// The store's.
pub async fn seen(driver: &Driver, attempt: &AttemptId, view: &AttemptView) -> Result<(), StoreError> {
    let data = view.beat.as_ref().and_then(|beat| serde_json::to_value(beat).ok()).unwrap_or_else(|| json!({}));
    kept(driver, attempt, CallbackKind::Heartbeat, UNPOSTED, data).await
}

/// Keep a report of a job.
///
/// # Errors
/// The store's.
pub async fn reported(driver: &Driver, attempt: &AttemptId, kind: CallbackKind, report: &Report) -> Result<(), StoreError> {
    if report.data.to_string().len() > super::limits::BEAT_BYTES {
        return Ok(());
    }
    kept(driver, attempt, kind, report.seq, report.data.clone()).await
}

async fn kept(driver: &Driver, attempt: &AttemptId, kind: CallbackKind, seq: u64, data: Value) -> Result<(), StoreError> {
    let Some((run, step, row)) = driver.parts().store.attempt(attempt).await? else { return Ok(()) };
    let data = match kind {
        CallbackKind::Heartbeat => data,
        _ => driver.masker_of(&run, &step).await?.json(data),
    };
    let event = EventName { id: webhook_id(attempt.as_str(), kind, seq), kind, seq };
    let timestamp = driver.parts().clock.now_s();
    let post = Post { run, step, attempt: row.id, event, timestamp, body: Vec::new(), via: "collect" };
    beat::take(driver, post, data).await.map(|_| ())
}
