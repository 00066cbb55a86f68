//! `POST /v1/launches`: a run of one job, without a flow file. A built-in flow, stored like any other, runs it.

use super::answer::Answer;
use super::caller::{Caller, OWNER};
use super::request::body;
use super::routes::Api;
use super::runs_create::start;
use crate::envelope::{Next, Problem};
use crate::error_code::ErrorCode;
use crate::triggers::start::Program;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use sortie_flow::bundle::Bundle;
use sortie_store::model::DraftPush;
use std::collections::BTreeMap;

/// The name of the built-in flow; nobody can push a flow of this name.
pub const RESERVED: &str = "launch";
/// Its source.
const SOURCE: &str = include_str!("launch.star");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaunchBody {
    on: Option<String>,
    label: Option<String>,
    command: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    stdin: Option<String>,
    timeout_ms: Option<u64>,
}

/// Make a run of one job.
pub(super) async fn create(State(api): State<Api>, caller: Caller, headers: HeaderMap, bytes: Bytes) -> Answer {
    let asked: LaunchBody = body(&bytes)?;
    if asked.on.is_some() == asked.label.is_some() {
        return Err(Problem::new(ErrorCode::Usage, "a launch names a host or a label"));
    }
    if asked.command.first().is_none_or(String::is_empty) {
        return Err(Problem::new(ErrorCode::Usage, "a launch names a program"));
    }
    if let Some(name) = &asked.on
        && api.app.store.host(name).await?.is_none()
    {
        return Err(Problem::new(ErrorCode::NotFound, format!("there is no host `{name}`")).next(Next::look(&["host", "list"])));
    }
    let mut input =
        json!({ "on": asked.on, "label": asked.label, "command": asked.command, "env": asked.env, "cwd": asked.cwd, "stdin": asked.stdin });
    if let Some(timeout_ms) = asked.timeout_ms {
        input["timeout"] = format!("{timeout_ms}ms").into();
    }
    let program = program(&api).await?;
    start(&api, &caller, &headers, program, &input, None).await
}

/// The built-in flow, checked and stored once for each version of it.
async fn program(api: &Api) -> Result<Program, Problem> {
    let bundle = Bundle::new([(sortie_flow::limits::ENTRY, SOURCE)]);
    let digest = bundle.digest();
    let stored = api.app.store.flow(RESERVED).await?.filter(|flow| flow.draft.as_ref() == Some(&digest));
    let manifest = match stored {
        Some(flow) => serde_json::from_str(&flow.manifest).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?,
        None => store(api, &bundle).await?,
    };
    Ok(Program { flow: RESERVED.to_owned(), release: 0, bundle: digest, manifest, after_older: false })
}

async fn store(api: &Api, bundle: &Bundle) -> Result<sortie_flow::manifest::Manifest, Problem> {
    let manifest = super::flows::checked(api, bundle).await?;
    let text = |value: serde_json::Result<String>| value.map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()));
    let push = DraftPush {
        flow: RESERVED.to_owned(),
        base: None,
        force: true,
        digest: bundle.digest(),
        bundle: text(serde_json::to_string(bundle))?,
        manifest: text(serde_json::to_string(&manifest))?,
        actor: OWNER.to_owned(),
        at: api.app.clock.now(),
    };
    api.app.store.push_draft(push).await?;
    Ok(manifest)
}
