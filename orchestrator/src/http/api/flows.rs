//! `/v1/flows`: flows and their drafts.

use super::answer::Answer;
use super::caller::Caller;
use super::launches::RESERVED;
use super::request::body;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_flow::bundle::Bundle;
use sortie_flow::check::CheckReport;
use sortie_flow::manifest::Manifest;
use sortie_store::StoreError;
use sortie_store::model::{DraftPush, FlowRow, ReleaseRow};
use std::collections::BTreeMap;

fn flow_view(flow: &FlowRow) -> Value {
    let manifest: Value = serde_json::from_str(&flow.manifest).unwrap_or_default();
    json!({
        "name": flow.name,
        "description": manifest.get("description"),
        "draft": flow.draft,
        "draft_at": flow.draft_at.map(rfc3339),
        "live": flow.live,
        "live_digest": flow.live_digest,
        "unreleased": flow.draft.is_some() && flow.draft != flow.live_digest,
    })
}

/// A release, for people.
pub(super) fn release_view(release: &ReleaseRow) -> Value {
    json!({
        "flow": release.flow,
        "number": release.number,
        "digest": release.digest,
        "notes": release.notes,
        "actor": release.actor,
        "at": rfc3339(release.at),
        "live": release.live,
    })
}

/// No such flow.
pub(super) fn none(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no flow `{name}`")).next(Next::look(&["flow", "list"]))
}

/// All flows by name; the built-in one is not among them.
pub(super) async fn list(State(api): State<Api>) -> Answer {
    let flows = api.app.store.flows().await?;
    let shown: Vec<Value> = flows.iter().filter(|flow| flow.name != RESERVED).map(flow_view).collect();
    Ok(Success::new(json!({ "flows": shown })))
}

/// One flow with its releases, its manifest and the files of its draft.
pub(super) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let flow = api.app.store.flow(&name).await?.ok_or_else(|| none(&name))?;
    let releases = api.app.store.releases(&name).await?;
    let digest = flow.draft.as_ref().or(flow.live_digest.as_ref());
    let stored = match digest {
        Some(digest) => api.app.store.bundle(digest).await?,
        None => None,
    };
    let files = stored.map(|text| stored_bundle(&text)).transpose()?.map(|bundle| bundle.files);
    let mut view = flow_view(&flow);
    view["manifest"] = serde_json::from_str(&flow.manifest).unwrap_or_default();
    view["releases"] = releases.iter().map(release_view).collect();
    view["files"] = json!(files);
    let success = Success::new(view);
    Ok(match flow.live {
        Some(_) => success.next(Next::act(&["run", &name])),
        None => success.next(Next::act(&["flow", "release", &name])),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushBody {
    files: BTreeMap<String, String>,
    base: Option<String>,
    #[serde(default)]
    force: bool,
}

/// Write the draft, after checking it here too.
pub(super) async fn push(State(api): State<Api>, caller: Caller, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: PushBody = body(&bytes)?;
    if name == RESERVED {
        return Err(Problem::new(ErrorCode::Forbidden, format!("`{RESERVED}` is the name of a built-in flow; give yours another")));
    }
    let bundle = Bundle { files: asked.files };
    bundle.validate().map_err(|error| Problem::new(ErrorCode::FlowInvalid, error.to_string()))?;
    let manifest = checked(&api, &bundle).await?;
    if manifest.name != name {
        return Err(Problem::new(ErrorCode::Usage, format!("the flow calls itself `{}`, not `{name}`", manifest.name)));
    }
    let digest = bundle.digest();
    let before = api.app.store.flow(&name).await?;
    if let Some(flow) = before.as_ref().filter(|flow| flow.draft.as_ref() == Some(&digest)) {
        return Ok(pushed(flow, false));
    }
    let text = |value: serde_json::Result<String>| value.map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()));
    let push = DraftPush {
        flow: name.clone(),
        base: asked.base.clone(),
        force: asked.force,
        digest,
        bundle: text(serde_json::to_string(&bundle))?,
        manifest: text(serde_json::to_string(&manifest))?,
        actor: caller.name,
        at: api.app.clock.now(),
    };
    match api.app.store.push_draft(push).await {
        Ok(flow) => Ok(pushed(&flow, true)),
        Err(StoreError::Conflict(message)) => Err(conflict(&name, asked.base, before, &message)),
        Err(error) => Err(error.into()),
    }
}

fn pushed(flow: &FlowRow, changed: bool) -> Success {
    let mut view = flow_view(flow);
    view["changed"] = changed.into();
    let name = flow.name.as_str();
    Success::new(view).next(Next::act(&["flow", "release", name])).next(Next::act(&["run", name, "--draft"]))
}

fn conflict(name: &str, base: Option<String>, before: Option<FlowRow>, message: &str) -> Problem {
    let present = before.and_then(|flow| flow.draft.or(flow.live_digest));
    let shown = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "nothing".to_owned());
    let text = format!(
        "somebody else has changed `{name}`: your edit started from {}, the server has {} ({message})",
        shown(&base),
        shown(&present)
    );
    let problem = Problem::new(ErrorCode::Conflict, text).details(json!({ "base": base, "present": present }));
    problem
        .hint("look at what is there, put both together, and push with --base of the present digest; or overwrite it with --force")
        .next(Next::look(&["flow", "show", name]))
}

/// The files of a stored bundle.
///
/// # Errors
/// Where the stored text is damaged.
pub(super) fn stored_bundle(text: &str) -> Result<Bundle, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::new(ErrorCode::Failed, format!("a stored bundle is damaged: {error}")))
}

/// The manifest of a bundle that holds no error; checked by an evaluator, since a source can end the process it is checked in.
///
/// # Errors
/// `flow_invalid` with the diagnostics.
pub(super) async fn checked(api: &Api, bundle: &Bundle) -> Result<Manifest, Problem> {
    let report = api.app.driver.parts().evaluators.check(bundle).await;
    let report = report.map_err(|error| Problem::new(ErrorCode::FlowInvalid, format!("the flow could not be checked: {error}")))?;
    judged(report)
}

/// The manifest of a report without errors.
///
/// # Errors
/// `flow_invalid` with the diagnostics.
pub fn judged(report: CheckReport) -> Result<Manifest, Problem> {
    if !report.is_ok() {
        let problem = Problem::new(ErrorCode::FlowInvalid, report.render());
        return Err(problem.details(json!({ "diagnostics": report.diagnostics })));
    }
    report.manifest.ok_or_else(|| Problem::new(ErrorCode::FlowInvalid, "the bundle declares no flow"))
}
