//! `POST /v1/runs`: start a run of the live release, of another one, or of the draft.

use super::answer::Answer;
use super::caller::Caller;
use super::request::body;
use super::routes::Api;
use super::{idempotency, views};
use crate::driver::entropy;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::triggers::start::{NewRun, Program, StartError, Started, Version};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::canonical;
use sortie_core::ids::RunId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    flow: String,
    #[serde(default)]
    input: Value,
    /// Run the draft.
    #[serde(default)]
    draft: bool,
    /// Run this release; without either, the live one.
    release: Option<u32>,
    /// Instead of the flow's own, from -100 to 100.
    priority: Option<i8>,
}

/// Make a run.
pub(super) async fn create(State(api): State<Api>, caller: Caller, headers: HeaderMap, bytes: Bytes) -> Answer {
    let asked: CreateBody = body(&bytes)?;
    let version = match (asked.draft, asked.release) {
        (true, Some(_)) => return Err(Problem::new(ErrorCode::Usage, "a run is of the draft or of a release, not of both")),
        (true, None) => Version::Draft,
        (false, Some(number)) => Version::Release(number),
        (false, None) => Version::Live,
    };
    if asked.priority.is_some_and(|priority| !(-100..=100).contains(&priority)) {
        return Err(Problem::new(ErrorCode::Usage, "a priority is from -100 to 100"));
    }
    let program = api.app.driver.program(&asked.flow, version).await?;
    start(&api, &caller, &headers, program, &asked.input, asked.priority).await
}

/// Make the run under the id that its idempotency key has reserved, and show it. A crash between the two leaves the reservation,
/// under which the next request makes the same run.
pub(super) async fn start(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    program: Program,
    input: &Value,
    priority: Option<i8>,
) -> Answer {
    let key = idempotency::key(headers)?;
    let fresh = RunId::new(api.app.clock.now(), &entropy(), 0).to_string();
    let asked = canonical::digest(json!([program.flow, input]).to_string().as_bytes());
    let id = idempotency::reserve(api, key.as_deref(), "run", &asked, fresh).await?;
    let run = RunId::parse(&id).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let flow = program.flow.clone();
    let new = NewRun { priority, ..NewRun::manual(run.clone(), input.clone(), &caller.name) };
    if let Started::Skipped { running } = api.app.driver.start_run(program, new).await? {
        return Ok(skipped(&flow, running.as_ref()));
    }
    let row = api.app.store.run(&run).await?.ok_or_else(|| Problem::new(ErrorCode::Failed, "the run was made and cannot be read"))?;
    let id = run.as_str();
    let success = Success::new(views::run(&row.head));
    Ok(success.next(Next::look(&["runs", "watch", id])).next(Next::look(&["runs", "show", id])).next(Next::act(&["runs", "cancel", id])))
}

/// No run was made, as its flow wants it: that is no error.
fn skipped(flow: &str, running: Option<&RunId>) -> Success {
    let success = Success::new(json!({ "id": null, "flow": flow, "state": "skipped", "running": running, "over": true }));
    match running {
        Some(run) => success.next(Next::look(&["runs", "show", run.as_str()])),
        None => success,
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let text = error.to_string();
        match error {
            StartError::NoFlow(_) => Self::new(ErrorCode::NotFound, text).next(Next::look(&["flow", "list"])),
            StartError::NoRelease(flow, _) => Self::new(ErrorCode::NotFound, text).next(Next::look(&["flow", "show", &flow])),
            StartError::NoDraft(flow) => Self::new(ErrorCode::NotFound, text).next(Next::look(&["flow", "show", &flow])),
            StartError::NotLive(flow) => Self::new(ErrorCode::NotFound, text)
                .hint("release the draft, or run it with --draft")
                .next(Next::act(&["flow", "release", &flow]))
                .next(Next::act(&["run", &flow, "--draft"])),
            StartError::Input { wrong, takes, .. } => {
                let lines: Vec<&str> = wrong.lines().collect();
                Self::new(ErrorCode::InvalidInput, text).details(json!({ "fields": lines, "input": takes }))
            }
            StartError::Damaged(..) => Self::new(ErrorCode::Failed, text),
            StartError::Store(error) => error.into(),
        }
    }
}
