//! `GET /v1/failures`: how many runs failed or were set aside since a time, by kind and flow, so that a spike shows.

use super::answer::Answer;
use super::limits::FAILURES_SINCE_MS;
use super::request::query;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Success};
use crate::explain::advice;
use axum::extract::State;
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailuresQuery {
    /// Over this long, in milliseconds.
    since_ms: Option<u64>,
}

/// The counts, the most first.
pub(super) async fn counts(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: FailuresQuery = query(&uri)?;
    let since = api.app.clock.now().saturating_sub_unsigned(asked.since_ms.unwrap_or(FAILURES_SINCE_MS));
    let mut rows = api.app.store.failure_counts(since).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.runs));
    let failures: Vec<Value> = rows
        .iter()
        .map(|row| json!({ "kind": row.kind.as_str(), "flow": row.flow, "runs": row.runs, "advice": advice(row.kind) }))
        .collect();
    let success = Success::new(json!({ "since": rfc3339(since), "failures": failures }));
    Ok(match rows.first() {
        Some(row) => success.next(Next::look(&["runs", "list", "--failure", row.kind.as_str(), "--flow", &row.flow])),
        None => success,
    })
}
