//! `POST /v1/waits/{id}/credentials`: what somebody needs to answer a wait. The only answer of the API that carries a secret;
//! it is never remembered.

use super::answer::Answer;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use axum::extract::{Path, State};
use serde_json::json;
use sortie_core::ids::WaitId;

/// The signed URL and a token of an open wait.
pub(super) async fn credentials(State(api): State<Api>, Path(id): Path<String>) -> Answer {
    let wait = WaitId::parse(&id).map_err(|error| Problem::new(ErrorCode::Usage, error.to_string()))?;
    let row = api.app.store.wait(&wait).await?.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("there is no wait {wait}")))?;
    if !row.step.is_open() {
        let problem = Problem::new(ErrorCode::Conflict, format!("{wait} is answered or closed already"));
        return Err(problem.next(Next::look(&["runs", "show", row.run.as_str()])));
    }
    let address = api.app.driver.wait_address(&row.run, &row.step, &wait, row.scheduled_at);
    let address = address.map_err(|error| Problem::new(ErrorCode::Failed, error))?;
    Ok(Success::new(json!({
        "wait": wait,
        "run": row.run,
        "step": row.step.name,
        "url": sortie_keys::callback_url_with_kind(&address.url, "result"),
        "token": address.token.expose(),
        "deadline_at": rfc3339(row.step.deadline_at),
        "schema": row.schema,
    })))
}
