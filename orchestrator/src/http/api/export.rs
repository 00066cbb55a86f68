//! `GET /v1/runs/{id}/export`: a run as one document.

use super::answer::Answer;
use super::limits::EXPORT_BYTES;
use super::routes::Api;
use super::{flows, run_ids};
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::run_file::{FORMAT, RunFile, VERSION};
use axum::extract::{Path, State};
use sortie_core::event::Event;
use sortie_core::view::RunHead;

/// The whole run, as it is at this moment.
pub(super) async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let head = run_ids::find(&api, &id).await?;
    let files = api.app.store.bundle(&head.bundle).await?;
    let files =
        files.ok_or_else(|| Problem::new(ErrorCode::Failed, format!("the bundle {} of {} is not in the store", head.bundle, head.id)))?;
    let file = RunFile {
        format: FORMAT.to_owned(),
        version: VERSION,
        installation: api.app.installation.id.clone(),
        exported_at: api.app.clock.now(),
        bundle: flows::stored_bundle(&files)?,
        events: events(&api, &head, head.seq).await?,
        callbacks: api.app.store.callbacks(&head.id).await?.into_iter().map(Into::into).collect(),
    };
    let data = serde_json::to_value(file).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    if data.to_string().len() > EXPORT_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("{} has more than {EXPORT_BYTES} bytes", head.id)));
    }
    Ok(Success::new(data))
}

/// The events of a run up to a number.
pub(super) async fn events(api: &Api, head: &RunHead, to: u64) -> Result<Vec<Event>, Problem> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let left = usize::try_from(to.saturating_sub(after)).unwrap_or(usize::MAX).min(crate::limits::HISTORY_PAGE);
        if left == 0 {
            return Ok(events);
        }
        let page = api.app.store.history(&head.id, after, left).await?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}
