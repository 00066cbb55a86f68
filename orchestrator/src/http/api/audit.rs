//! `GET /v1/audit`: what operators have changed, newest first. For admins.

use super::answer::Answer;
use super::caller::Caller;
use super::request::query;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Success};
use axum::extract::State;
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_store::model::operations::ActionRow;

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
    let actions: Vec<Value> = rows.iter().map(|(number, row)| view(*number, row)).collect();
    let success = Success::new(json!({ "actions": actions, "before": before }));
    Ok(match before {
        Some(before) => success.next(Next::look(&["audit", "--before", &before.to_string(), "--limit", &limit.to_string()])),
        None => success,
    })
}

fn view(number: i64, row: &ActionRow) -> Value {
    json!({
        "number": number,
        "at": rfc3339(row.at),
        "actor": row.actor,
        "command": format!("{} {}", row.method, row.path),
        "outcome": outcome(row.status),
        "method": row.method,
        "path": row.path,
        "status": row.status,
    })
}

/// What a status says: it was done, it was refused with nothing changed, or it is not known.
const fn outcome(status: u16) -> &'static str {
    match status {
        200..=399 => "done",
        400..=499 => "refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_with_time_actor_and_outcome() {
        let row = |status| ActionRow { at: 0, actor: "ann".to_owned(), method: "POST".to_owned(), path: "/v1/runs".to_owned(), status };
        let shown = view(3, &row(201));
        assert_eq!((&shown["command"], &shown["outcome"], &shown["actor"]), (&json!("POST /v1/runs"), &json!("done"), &json!("ann")));
        assert_eq!(view(3, &row(409))["outcome"], "refused");
        assert_eq!(view(3, &row(503))["outcome"], "failed");
    }
}
