//! The layer at the root: who is no operator gets nowhere, not even a 404.

use super::answer::response;
use super::caller::Caller;
use super::limits::AUDIT_PATH_CHARS;
use super::routes::Api;
use super::token::TokenDigest;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sortie_store::model::operations::ActionRow;

/// Refuse browsers and whoever carries no operator's token; say who asks; write down what was changed.
pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let caller = match admit(&api, request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let actor = caller.name.clone();
    request.extensions_mut().insert(caller);
    let answer = next.run(request).await;
    if method != Method::GET {
        let status = answer.status().as_u16();
        tracing::info!(target: "sortie::audit", actor, %method, path, status, "operator");
        let action = ActionRow {
            at: api.app.clock.now(),
            actor,
            method: method.to_string(),
            path: path.chars().take(AUDIT_PATH_CHARS).collect(),
            status,
        };
        // What was done is done: a record that cannot be kept is in the log.
        if let Err(error) = api.app.store.record_action(action).await {
            tracing::warn!(%error, "the command could not be recorded");
        }
    }
    answer
}

async fn admit(api: &Api, headers: &HeaderMap) -> Result<Caller, Problem> {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != b"none") {
        return Err(Problem::new(ErrorCode::Forbidden, "requests from web pages are not taken"));
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let found = match given {
        Some(given) => identify(api, given).await?,
        None => None,
    };
    found.ok_or_else(|| {
        let problem = Problem::new(ErrorCode::Unauthorized, "the operator token is missing or another one");
        problem.hint("set SORTIE_TOKEN, or SORTIE_HOME to the installation of this server")
    })
}

/// Whose token this is. The installation's own is compared in constant time. Others are looked up by their digest, and compared
/// again: how long the index takes says something of digests, and nothing of tokens.
async fn identify(api: &Api, given: &[u8]) -> Result<Option<Caller>, Problem> {
    if api.token.is_some_and(|own| own.fits(given)) {
        return Ok(Some(Caller::owner()));
    }
    // Without the installation's own token nobody gets in: its folder is not as it should be.
    if api.token.is_none() {
        return Ok(None);
    }
    let row = api.app.store.operator_by_digest(&TokenDigest::of(given).hex()).await?;
    let fits = |digest: &str| TokenDigest::from_hex(digest).is_some_and(|digest| digest.fits(given));
    Ok(row.filter(|row| fits(&row.digest)).map(|row| Caller { name: row.name, roles: row.roles }))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// A path that is not there.
pub(super) async fn no_such_path(request: Request) -> Response {
    Problem::new(ErrorCode::NotFound, format!("there is no path {}", request.uri().path())).into_response()
}

/// A path that is there, with another method.
pub(super) async fn no_such_method(request: Request) -> Response {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    response(axum::http::StatusCode::METHOD_NOT_ALLOWED, &Problem::new(ErrorCode::MethodNotAllowed, message).json())
}
