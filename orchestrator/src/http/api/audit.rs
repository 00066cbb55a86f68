//! `GET /v1/audit`: what operators have changed, newest first. For admins.

use super::answer::Answer;
use super::caller::Caller;
use super::request::query;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::Success;
use axum::extract::State;
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Older than this one.
    before: Option<i64>,
    limit: Option<usize>,
}

/// A page of it.
pub(super) async fn list(State(api): State<Api>, caller: Caller, uri: Uri) -> Answer {
    caller.require_admin("look at the commands of operators")?;
    let asked: AuditQuery = query(&uri)?;
    let limit = asked.limit.unwrap_or(crate::limits::RUNS_PAGE).clamp(1, crate::limits::RUNS_PAGE);
    let rows = api.app.store.actions(asked.before, limit).await?;
    let before = if rows.len() == limit { rows.last().map(|(number, _)| *number) } else { None };
    let actions: Vec<Value> = rows
        .into_iter()
        .map(|(number, row)| json!({ "number": number, "at": rfc3339(row.at), "actor": row.actor, "method": row.method, "path": row.path, "status": row.status }))
        .collect();
    Ok(Success::new(json!({ "actions": actions, "before": before })))
}
