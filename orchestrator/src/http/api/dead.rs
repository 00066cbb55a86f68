//! Dead letters: runs that gave up after their retries, kept whole. `GET /v1/dead`, `POST /v1/dead/redrive` for all of a flow,
//! `POST /v1/dead/purge` for the old ones, and both for one run.

use super::answer::Answer;
use super::caller::Caller;
use super::limits::{PURGE_RUNS, REDRIVE_RUNS};
use super::request::{body, query, text};
use super::routes::Api;
use super::{run_ids, runs_control, views};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::decide::Reply;
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::{InputBody, Operator, Scope};
use sortie_core::state::RunState;
use sortie_core::view::RunHead;
use sortie_store::model::RunFilter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    flow: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// Dead letters, newest first.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: ListQuery = query(&uri)?;
    let before =
        asked.before.as_deref().map(RunId::parse).transpose().map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let limit = asked.limit.unwrap_or(crate::limits::RUNS_PAGE).clamp(1, crate::limits::RUNS_PAGE);
    let rows = api.app.store.runs(filter(asked.flow.clone(), before, limit)).await?;
    let runs: Vec<Value> = rows.iter().map(|row| views::run(&row.head)).collect();
    let before = if rows.len() == limit { rows.last().map(|row| row.head.id.to_string()) } else { None };
    let mut success = Success::new(json!({ "runs": runs, "before": before }));
    if let Some(first) = rows.first() {
        success = success.next(Next::look(&["dead", "show", first.head.id.as_str()])).next(Next::act(&[
            "dead",
            "redrive",
            first.head.id.as_str(),
        ]));
    }
    Ok(match before {
        Some(before) => success.next(Next::look(&["dead", "list", "--before", &before])),
        None => success,
    })
}

fn filter(flow: Option<String>, before: Option<RunId>, limit: usize) -> RunFilter {
    RunFilter { flow, state: Some(RunState::Dead.as_str().to_owned()), before, limit, ..RunFilter::default() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveBody {
    /// Name or call number of a step.
    from: Option<Value>,
    reason: Option<String>,
    if_seq: Option<u64>,
}

/// Open one dead letter again.
pub(super) async fn redrive(State(api): State<Api>, caller: Caller, Path(id): Path<String>, bytes: Bytes) -> Answer {
    let asked: RedriveBody = body(&bytes)?;
    let head = run_ids::find(&api, &id).await?;
    let from = match &asked.from {
        Some(step) => Some(runs_control::step_named(&api, &head, step).await?.call),
        None => None,
    };
    let operator = Operator { actor: caller.name, reason: text("reason", asked.reason)?, if_seq: asked.if_seq };
    runs_control::reset(&api, &head.id, from, "redrive", operator).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveAllBody {
    flow: String,
    reason: Option<String>,
}

/// Open the dead letters of a flow again, oldest of the newest first, at most [`REDRIVE_RUNS`] in one request. Whoever asks again
/// goes on where this stopped: what was opened is no dead letter any more.
pub(super) async fn redrive_all(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: RedriveAllBody = body(&bytes)?;
    let reason = text("reason", asked.reason)?;
    let heads = dead(&api, Some(asked.flow.clone()), REDRIVE_RUNS + 1).await?;
    let more = heads.len() > REDRIVE_RUNS;
    let (mut opened, mut refused) = (Vec::new(), Vec::new());
    for head in heads.iter().take(REDRIVE_RUNS).rev() {
        let operator = Operator { actor: caller.name.clone(), reason: reason.clone(), if_seq: Some(head.seq) };
        let input = InputBody::Reset { from: None, operator };
        match api.app.driver.deliver(Scope::Whole(head.id.clone()), input).await?.reply {
            Reply::Refused { code, message } => refused.push(json!({ "run": head.id, "reason": code, "message": message })),
            Reply::Nothing => {}
            _ => opened.push(head.id.clone()),
        }
    }
    let success = Success::new(json!({ "flow": asked.flow, "redriven": opened, "refused": refused, "more": more }));
    Ok(if more { success.next(Next::act(&["dead", "redrive", "--all", "--flow", &asked.flow])) } else { success })
}

/// Dead letters, newest first, over several pages.
async fn dead(api: &Api, flow: Option<String>, most: usize) -> Result<Vec<RunHead>, Problem> {
    let (mut heads, mut before) = (Vec::new(), None);
    while heads.len() < most {
        let limit = sortie_store::limits::RUNS_PAGE.min(most - heads.len());
        let page = api.app.store.runs(filter(flow.clone(), before.take(), limit)).await?;
        let full = page.len() == limit;
        before = page.last().map(|row| row.head.id.clone());
        heads.extend(page.into_iter().map(|row| row.head));
        if !full {
            break;
        }
    }
    Ok(heads)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeBody {
    /// One run.
    run: Option<String>,
    /// Or all that are dead for longer than this, in milliseconds.
    older_than_ms: Option<u64>,
    /// Of this flow.
    flow: Option<String>,
}

/// Delete dead letters with everything of them, at most [`PURGE_RUNS`] in one request.
pub(super) async fn purge(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    let asked: PurgeBody = body(&bytes)?;
    let heads = match (&asked.run, asked.older_than_ms) {
        (Some(run), None) => vec![one(&api, run).await?],
        (None, Some(ms)) => old(&api, asked.flow.clone(), api.app.clock.now().saturating_sub_unsigned(ms)).await?,
        _ => return Err(Problem::new(ErrorCode::Usage, "say which run, or how old: exactly one of the two")),
    };
    let more = heads.len() > PURGE_RUNS;
    let mut purged = Vec::new();
    for head in heads.iter().take(PURGE_RUNS) {
        if api.app.store.delete_run(&head.id).await? {
            tracing::info!(target: "sortie::audit", actor = caller.name, run = %head.id, flow = head.flow, "a dead letter was purged");
            purged.push(head.id.clone());
        }
    }
    Ok(Success::new(json!({ "purged": purged, "more": more })))
}

async fn one(api: &Api, run: &str) -> Result<RunHead, Problem> {
    let head = run_ids::find(api, run).await?;
    if head.state == RunState::Dead {
        return Ok(head);
    }
    let problem = Problem::new(ErrorCode::Conflict, format!("{} is {}, not a dead letter", head.id, head.shown_state()));
    Err(problem.next(Next::look(&["dead", "list"])))
}

async fn old(api: &Api, flow: Option<String>, before: Ms) -> Result<Vec<RunHead>, Problem> {
    let heads = dead(api, flow, sortie_store::limits::RUNS_PAGE * 25).await?;
    Ok(heads.into_iter().rev().filter(|head| head.updated_at < before).take(PURGE_RUNS + 1).collect())
}
