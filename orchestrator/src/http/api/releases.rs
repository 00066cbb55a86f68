//! `/v1/flows/{name}/release`, `promote`, `releases`, `diff`: what is live of a flow, and what differs.

use super::answer::Answer;
use super::caller::Caller;
use super::flows::{none, release_view, stored_bundle};
use super::launches::RESERVED;
use super::request::{body, query, text};
use super::routes::Api;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::failpoint;
use crate::triggers::releases::schedules;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use similar::TextDiff;
use sortie_flow::manifest::Manifest;
use sortie_store::model::ReleaseRow;
use sortie_store::model::triggers::{GoLive, Handoff};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    notes: Option<String>,
    #[serde(default)]
    handoff: Handoff,
}

/// Make the draft the next release, and move `live` there, with its schedules.
pub(super) async fn release(State(api): State<Api>, caller: Caller, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: ReleaseBody = body(&bytes)?;
    let notes = text("notes", asked.notes)?.unwrap_or_default();
    let draft = api.app.store.draft(&name).await?.filter(|_| name != RESERVED);
    let Some(draft) = draft else {
        api.app.store.flow(&name).await?.ok_or_else(|| none(&name))?;
        return Err(Problem::new(ErrorCode::NotFound, format!("the flow `{name}` has no draft to release")));
    };
    let live = go_live(&api, &caller, &name, &draft.digest, &draft.manifest, asked.handoff)?;
    let release = api.app.store.release_draft(live, &notes).await?;
    Ok(went_live(&api, &caller, &release, asked.handoff))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromoteBody {
    release: u32,
    #[serde(default)]
    handoff: Handoff,
}

/// Move `live` to a release that is there, back or forth.
pub(super) async fn promote(State(api): State<Api>, caller: Caller, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: PromoteBody = body(&bytes)?;
    let row = one(&api, &name, asked.release).await?;
    let live = go_live(&api, &caller, &name, &row.digest, &row.manifest, asked.handoff)?;
    let release = api.app.store.promote(live, asked.release).await?;
    Ok(went_live(&api, &caller, &release, asked.handoff))
}

fn go_live(api: &Api, caller: &Caller, name: &str, digest: &str, manifest: &str, handoff: Handoff) -> Result<GoLive, Problem> {
    let manifest: Manifest =
        serde_json::from_str(manifest).map_err(|error| Problem::new(ErrorCode::Failed, format!("the stored manifest: {error}")))?;
    let schedules = schedules(&manifest).map_err(|wrong| Problem::new(ErrorCode::FlowInvalid, wrong))?;
    let (flow, expected, actor, at) = (name.to_owned(), Some(digest.to_owned()), caller.name.clone(), api.app.clock.now());
    Ok(GoLive { flow, expected, handoff, schedules, actor, at })
}

fn went_live(api: &Api, caller: &Caller, release: &ReleaseRow, handoff: Handoff) -> Success {
    failpoint::hit("released");
    api.app.bell.ring();
    tracing::info!(target: "sortie::audit", actor = caller.name, flow = release.flow, release = release.number, handoff = handoff.as_str(), "live");
    let mut view = release_view(release);
    view["handoff"] = handoff.as_str().into();
    Success::new(view).next(Next::act(&["run", &release.flow])).next(Next::look(&["schedule", "list", "--flow", &release.flow]))
}

/// The releases of a flow, newest first.
pub(super) async fn list(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    api.app.store.flow(&name).await?.ok_or_else(|| none(&name))?;
    let releases = api.app.store.releases(&name).await?;
    let live = api.app.store.live(&name).await?;
    let handoff =
        live.map(|live| json!({ "release": live.release, "handoff": live.handoff.as_str(), "since": crate::clock::rfc3339(live.since) }));
    Ok(Success::new(json!({ "flow": name, "live": handoff, "releases": releases.iter().map(release_view).collect::<Value>() })))
}

async fn one(api: &Api, name: &str, number: u32) -> Result<ReleaseRow, Problem> {
    let found = api.app.store.releases(name).await?.into_iter().find(|release| release.number == number);
    found.ok_or_else(|| {
        Problem::new(ErrorCode::NotFound, format!("the flow `{name}` has no release {number}"))
            .next(Next::look(&["flow", "releases", name]))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    /// A release, `live` or `draft`.
    from: String,
    /// As `from`.
    to: String,
}

/// What differs between two versions: files as unified diffs, and the manifest.
pub(super) async fn diff(State(api): State<Api>, Path(name): Path<String>, uri: Uri) -> Answer {
    let asked: DiffQuery = query(&uri)?;
    let (from, to) = (version(&api, &name, &asked.from).await?, version(&api, &name, &asked.to).await?);
    let names: BTreeSet<&String> = from.files.keys().chain(to.files.keys()).collect();
    let files: Vec<Value> = names.into_iter().filter_map(|path| file_diff(path, from.files.get(path), to.files.get(path))).collect();
    let manifest = file_diff("manifest", Some(&from.manifest), Some(&to.manifest));
    Ok(Success::new(json!({
        "flow": name,
        "from": { "version": asked.from, "digest": from.digest },
        "to": { "version": asked.to, "digest": to.digest },
        "same": from.digest == to.digest,
        "files": files,
        "manifest": manifest,
    })))
}

struct Sources {
    digest: String,
    manifest: String,
    files: BTreeMap<String, String>,
}

async fn version(api: &Api, name: &str, word: &str) -> Result<Sources, Problem> {
    let (digest, manifest) = match word {
        "draft" => {
            let draft = api.app.store.draft(name).await?;
            let draft = draft.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("the flow `{name}` has no draft")))?;
            (draft.digest, draft.manifest)
        }
        word => {
            let live = api.app.store.live(name).await?.map(|live| live.release);
            let number = if word == "live" { live } else { word.parse().ok() };
            let number = number.ok_or_else(|| {
                Problem::new(ErrorCode::Usage, format!("`{word}` is no version: give a release number, `live` or `draft`"))
            })?;
            let row = one(api, name, number).await?;
            (row.digest, row.manifest)
        }
    };
    let stored = api.app.store.bundle(&digest).await?;
    let stored = stored.ok_or_else(|| Problem::new(ErrorCode::Failed, format!("the bundle {digest} is not in the store")))?;
    let manifest: Value = serde_json::from_str(&manifest).unwrap_or_default();
    Ok(Sources { digest, manifest: format!("{manifest:#}\n"), files: stored_bundle(&stored)?.files })
}

/// `None` where nothing differs.
fn file_diff(path: &str, from: Option<&String>, to: Option<&String>) -> Option<Value> {
    if from == to {
        return None;
    }
    let change = match (from, to) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "changed",
    };
    let text = |side: Option<&String>| side.cloned().unwrap_or_default();
    let (before, after) = (text(from), text(to));
    let diff = TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string();
    Some(json!({ "path": path, "change": change, "diff": unified }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compared_line_by_line() {
        let (a, b) = ("one\ntwo\n".to_owned(), "one\n2\n".to_owned());
        let changed = file_diff("flow.star", Some(&a), Some(&b)).unwrap();
        assert_eq!(changed["change"], "changed");
        let text = changed["diff"].as_str().unwrap();
        assert!(text.contains("-two") && text.contains("+2") && text.contains(" one"), "{text}");
        assert_eq!(file_diff("x", Some(&a), Some(&a)), None);
        assert_eq!(file_diff("x", None, Some(&a)).unwrap()["change"], "added");
        assert_eq!(file_diff("x", Some(&a), None).unwrap()["change"], "removed");
    }
}
