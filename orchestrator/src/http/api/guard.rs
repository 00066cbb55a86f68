//! The layer at the root: who is not the operator gets nowhere, not even a 404.

use super::answer::response;
use super::routes::Api;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuse browsers and whoever does not carry the token; write down what was changed.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    if let Err(problem) = admit(&api, request.headers()) {
        return problem.into_response();
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = next.run(request).await;
    if method != Method::GET {
        tracing::info!(target: "sortie::audit", actor = super::request::ACTOR, %method, path, status = answer.status().as_u16(), "operator");
    }
    answer
}

fn admit(api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if headers.contains_key(header::ORIGIN) || site.is_some_and(|site| site != b"none") {
        return Err(Problem::new(ErrorCode::Forbidden, "requests from web pages are not taken"));
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    match (given, &api.token) {
        (Some(given), Some(token)) if token.fits(given) => Ok(()),
        _ => {
            let problem = Problem::new(ErrorCode::Unauthorized, "the operator token is missing or another one");
            Err(problem.hint("set SORTIE_TOKEN, or SORTIE_HOME to the installation of this server"))
        }
    }
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
