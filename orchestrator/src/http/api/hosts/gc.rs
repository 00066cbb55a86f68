//! `POST /v1/hosts/{name}/gc`: what a host holds is compared with what is known here, and what was acknowledged long ago is removed.

use super::asked_host;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::routes::Api;
use axum::extract::{Path, State};
use serde_json::json;
use sortie_core::failure::{Failure, FailureKind};

/// Do now what is done on a schedule anyway. Nothing that was not acknowledged is removed.
pub(in crate::http::api) async fn gc(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let found = api.app.driver.reconcile_host(&host).await.map_err(failed)?;
    let (removed, kept) = api.app.driver.collect_garbage(&host).await.map_err(failed)?;
    Ok(Success::new(json!({
        "name": host.name,
        "stopped": found.stopped,
        "still_there": found.still_there,
        "live": found.live,
        "foreign": found.foreign,
        "removed": removed,
        "kept": kept,
    })))
}

fn failed(failure: Failure) -> Problem {
    let code = match failure.kind {
        FailureKind::Unreachable => ErrorCode::Unreachable,
        FailureKind::HostKey | FailureKind::WrongMachine => ErrorCode::HostUntrusted,
        FailureKind::Internal => ErrorCode::Unavailable,
        _ => ErrorCode::HostFailed,
    };
    Problem::new(code, failure.message).details(json!({ "kind": failure.kind }))
}
