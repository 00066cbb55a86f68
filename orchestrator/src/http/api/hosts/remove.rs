//! `DELETE /v1/hosts/{name}`: a host is forgotten; what it holds stays there.

use super::{asked_host, open_on};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::routes::Api;
use axum::extract::{Path, State};
use serde_json::json;
use sortie_store::StoreError;

/// Remove a host. Refused while attempts on it are open.
pub(in crate::http::api) async fn remove(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    match api.app.store.remove_host(&host.name).await {
        Ok(removed) => {
            api.app.driver.forget_host(&host.name);
            Ok(Success::new(json!({ "name": host.name, "removed": removed, "state_root": host.state_root })))
        }
        Err(StoreError::Conflict(_)) => {
            let open = open_on(&api, &name).await?;
            let problem = Problem::new(ErrorCode::Conflict, format!("{open} attempts on `{name}` are open"));
            Err(problem.hint("cancel their runs, or wait for them").next(Next::look(&["runs", "list"])))
        }
        Err(error) => Err(error.into()),
    }
}
