//! `GET /v1/resources?run=R`, `GET /v1/resources/content?resource=res://...`, `POST /v1/resources/link`, `POST /v1/resources/gc`.

use super::answer::Answer;
use super::request::{body, query};
use super::routes::Api;
use super::run_ids;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::downloads;
use crate::limits;
use crate::resources::keep::reference;
use crate::resources::limits::{GRACE_MS, LINK_LEAST_S, LINK_LONGEST_S};
use crate::resources::{Reference, SCHEME};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_store::model::resources::ResourceRow;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    run: String,
    after: Option<String>,
    limit: Option<usize>,
}

/// Everything that a run has kept, by subject and name, a page at a time.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: ListQuery = query(&uri)?;
    let run = run_ids::find(&api, &asked.run).await?.id;
    let after = match asked.after.as_deref().map(named).transpose()? {
        Some(after) if after.run != run => return Err(Problem::new(ErrorCode::Usage, "`after` is a resource of another run")),
        Some(after) => (after.subject, after.name),
        None => (String::new(), String::new()),
    };
    let limit = asked.limit.unwrap_or(limits::RUNS_PAGE).clamp(1, limits::RUNS_PAGE);
    let mut rows = api.app.store.resources(&run, after, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).map(|row| reference(row).to_string());
    let found = rows.iter().map(view).collect::<Value>();
    let success = Success::new(json!({ "run": run, "resources": found, "more": more, "after": last }));
    Ok(match &last {
        Some(last) => success.next(Next::look(&["resource", "list", "--run", run.as_str(), "--after", last])),
        None => success,
    })
}

fn view(row: &ResourceRow) -> Value {
    json!({
        "resource": reference(row).to_string(),
        "name": row.name,
        "subject": row.subject,
        "call": row.call,
        "media_type": row.media_type,
        "size": row.size,
        "sha256": row.sha256,
        "created_at": rfc3339(row.created_at),
        "expires_at": row.expires_at.map(rfc3339),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentQuery {
    resource: String,
}

/// The bytes themselves: the one answer of this API that is no envelope.
pub(super) async fn content(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    match query::<ContentQuery>(&uri).and_then(|asked| named(&asked.resource)) {
        Ok(reference) => downloads::bytes(&api.app.driver.parts().resources, &reference, &headers).await,
        Err(problem) => problem.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    resource: String,
    expires_s: u64,
}

/// A signed link that anybody can fetch the resource with until it expires.
pub(super) async fn link(State(api): State<Api>, bytes: Bytes) -> Answer {
    let asked: LinkBody = body(&bytes)?;
    let reference = named(&asked.resource)?;
    if !(LINK_LEAST_S..=LINK_LONGEST_S).contains(&asked.expires_s) {
        let message = format!("a link holds for {LINK_LEAST_S} s to {} days", LINK_LONGEST_S / 86_400);
        return Err(Problem::new(ErrorCode::Usage, message));
    }
    let parts = api.app.driver.parts();
    let row = parts.resources.find(&reference).await?.ok_or_else(|| absent(&reference))?;
    let expires_s = parts.clock.now_s().saturating_add(asked.expires_s.cast_signed());
    let id = downloads::id_of(&reference);
    let url = api.app.driver.ring().sign_download(parts.config.audience(), &parts.installation.id, &id, expires_s);
    let url = url.map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let expires_at = rfc3339(expires_s.saturating_mul(1_000));
    Ok(Success::new(json!({
        "resource": reference.to_string(), "url": url, "expires_at": expires_at, "size": row.size, "sha256": row.sha256,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CollectBody {
    #[serde(default)]
    apply: bool,
}

/// Remove what nothing names any more, or only count it.
pub(super) async fn collect(State(api): State<Api>, bytes: Bytes) -> Answer {
    let asked: CollectBody = body(&bytes)?;
    let found = api.app.driver.parts().resources.collect(asked.apply, GRACE_MS).await?;
    let success = Success::new(json!({ "applied": asked.apply, "found": found }));
    Ok(if asked.apply { success } else { success.next(Next::act(&["resource", "gc", "--apply"])) })
}

fn named(text: &str) -> Result<Reference, Problem> {
    Reference::parse(text).ok_or_else(|| {
        let problem = Problem::new(ErrorCode::Usage, format!("`{text}` is no reference to a resource; one starts with {SCHEME}run_"));
        problem.hint("copy it from `sortie resource list --run RUN`")
    })
}

fn absent(reference: &Reference) -> Problem {
    let problem = Problem::new(ErrorCode::NotFound, format!("there is no resource {reference}"));
    problem.next(Next::look(&["resource", "list", "--run", reference.run.as_str()]))
}
