//! `POST /v1/runs`: a run of a flow.

use super::answer::Answer;
use super::caller::Caller;
use super::idempotency;
use super::request::body;
use super::routes::Api;
use super::views;
use crate::driver::entropy;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::canonical;
use sortie_core::decide::Refusal;
use sortie_core::ids::RunId;
use sortie_core::input::{Create, InputBody, Scope};
use sortie_flow::manifest::Manifest;
use sortie_store::StoreError;
use sortie_store::model::FlowRow;

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
}

/// What is run.
pub(super) struct Program {
    pub(super) flow: String,
    pub(super) release: u32,
    pub(super) bundle: String,
    pub(super) manifest: Manifest,
}

/// Make a run.
pub(super) async fn create(State(api): State<Api>, caller: Caller, headers: HeaderMap, bytes: Bytes) -> Answer {
    let asked: CreateBody = body(&bytes)?;
    let program = choose(&api, &asked).await?;
    start(&api, &caller, &headers, program, &asked.input).await
}

/// Check the input, make the run under the id that its idempotency key has reserved, show it.
pub(super) async fn start(api: &Api, caller: &Caller, headers: &HeaderMap, program: Program, input: &Value) -> Answer {
    let input = program.manifest.check_input(input).map_err(|wrong| {
        let lines: Vec<&str> = wrong.lines().collect();
        let details = json!({ "fields": lines, "input": program.manifest.input });
        Problem::new(ErrorCode::InvalidInput, format!("the input does not fit the flow `{}`:\n{wrong}", program.flow)).details(details)
    })?;
    let key = idempotency::key(headers)?;
    let fresh = RunId::new(api.app.clock.now(), &entropy(), 0).to_string();
    let asked = canonical::digest(json!([program.flow, input]).to_string().as_bytes());
    let id = idempotency::reserve(api, key.as_deref(), "run", &asked, fresh).await?;
    let run = RunId::parse(&id).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let create = Create {
        run: run.clone(),
        flow: program.flow,
        release: program.release,
        bundle: program.bundle,
        input,
        plan: sortie_core::plan::RunPlan { deadline_ms: program.manifest.deadline_ms, ..Default::default() },
        actor: caller.name.clone(),
    };
    match api.app.driver.deliver(Scope::New(run.clone()), InputBody::Create(create)).await {
        Ok(_) | Err(StoreError::Refused(Refusal::Exists)) => {}
        Err(error) => return Err(error.into()),
    }
    let row = api.app.store.run(&run).await?.ok_or_else(|| Problem::new(ErrorCode::Failed, "the run was made and cannot be read"))?;
    let id = run.as_str();
    let success = Success::new(views::run(&row.head));
    Ok(success.next(Next::look(&["runs", "watch", id])).next(Next::look(&["runs", "show", id])).next(Next::act(&["runs", "cancel", id])))
}

async fn choose(api: &Api, asked: &CreateBody) -> Result<Program, Problem> {
    let flow = api.app.store.flow(&asked.flow).await?.ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, format!("there is no flow `{}`", asked.flow)).next(Next::look(&["flow", "list"]))
    })?;
    let (release, bundle, manifest) = match (asked.draft, asked.release) {
        (true, Some(_)) => return Err(Problem::new(ErrorCode::Usage, "a run is of the draft or of a release, not of both")),
        (true, None) => draft(api, &flow).await?,
        (false, wanted) => release(api, &flow, wanted).await?,
    };
    let manifest =
        serde_json::from_str(&manifest).map_err(|error| Problem::new(ErrorCode::Failed, format!("the stored manifest: {error}")))?;
    Ok(Program { flow: flow.name, release, bundle, manifest })
}

async fn release(api: &Api, flow: &FlowRow, wanted: Option<u32>) -> Result<(u32, String, String), Problem> {
    let name = flow.name.as_str();
    let number = wanted.or(flow.live).ok_or_else(|| {
        let problem = Problem::new(ErrorCode::NotFound, format!("the flow `{name}` has no live release"));
        problem
            .hint("release the draft, or run it with --draft")
            .next(Next::act(&["flow", "release", name]))
            .next(Next::act(&["run", name, "--draft"]))
    })?;
    let found = api.app.store.releases(name).await?.into_iter().find(|release| release.number == number);
    let found = found.ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, format!("the flow `{name}` has no release {number}")).next(Next::look(&["flow", "show", name]))
    })?;
    Ok((found.number, found.digest, found.manifest))
}

/// The draft's digest and manifest. The row keeps the manifest of the live release where there is one, so the draft's is read from its check.
async fn draft(api: &Api, flow: &FlowRow) -> Result<(u32, String, String), Problem> {
    let none = || Problem::new(ErrorCode::NotFound, format!("the flow `{}` has no draft", flow.name));
    let digest = flow.draft.clone().ok_or_else(none)?;
    if flow.live.is_none() || flow.live_digest.as_ref() == Some(&digest) {
        return Ok((0, digest, flow.manifest.clone()));
    }
    let files = api.app.store.bundle(&digest).await?.ok_or_else(none)?;
    let bundle = super::flows::stored_bundle(&files)?;
    let manifest = super::flows::checked(api, &bundle).await?;
    Ok((0, digest, serde_json::to_string(&manifest).unwrap_or_default()))
}
