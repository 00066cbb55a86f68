//! `GET /v1/runs/{id}/history`: events after a number, waiting for news where asked.

use super::answer::Answer;
use super::limits::{HISTORY_LOOK_CAP_MS, HISTORY_LOOK_MS, HISTORY_WAIT_MS};
use super::request::query;
use super::routes::Api;
use super::{run_ids, views};
use crate::envelope::Success;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
    #[serde(default)]
    wait_ms: u64,
}

/// Events numbered above `after`. With `wait_ms`, an answer without events comes only after that long, or when the run is over.
pub(super) async fn page(State(api): State<Api>, Path(id): Path<String>, uri: Uri) -> Answer {
    let asked: PageQuery = query(&uri)?;
    let limit = asked.limit.unwrap_or(crate::limits::HISTORY_PAGE).clamp(1, crate::limits::HISTORY_PAGE);
    let until = Instant::now() + Duration::from_millis(asked.wait_ms.min(HISTORY_WAIT_MS));
    let mut pause = Duration::from_millis(HISTORY_LOOK_MS);
    let mut head = run_ids::find(&api, &id).await?;
    // A server that stops answers at once: whoever waits asks again, elsewhere or later.
    while head.seq <= asked.after && !head.state.is_over() && !api.app.driver.is_stopping() && Instant::now() < until {
        tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(Duration::from_millis(HISTORY_LOOK_CAP_MS));
        head = run_ids::find(&api, head.id.as_str()).await?;
    }
    let events = api.app.store.history(&head.id, asked.after, limit).await?;
    let after = events.last().map_or(asked.after, |event| event.seq);
    Ok(Success::new(json!({
        "run": head.id,
        "state": head.shown_state(),
        "over": head.state.is_over(),
        "last_seq": head.seq.max(after),
        "after": after,
        "more": after < head.seq,
        "events": events.iter().map(views::event).collect::<Value>(),
    })))
}
