//! Errors that are not answers to a callback, in the one envelope.

use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use axum::body::Body;
use axum::http::{Response, StatusCode, header};

/// `application/json`, never cached.
pub(super) fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}

/// The envelope of an error, with the code's own status.
pub(super) fn problem(code: ErrorCode, message: &str) -> Response<Body> {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_status(status, code, message)
}

/// The envelope of an error, with another status.
pub(super) fn with_status(status: StatusCode, code: ErrorCode, message: &str) -> Response<Body> {
    json(status, Problem::new(code, message).json().to_string())
}

/// No such path. Says nothing about what there is.
pub(super) async fn not_found() -> Response<Body> {
    problem(ErrorCode::NotFound, "no such path")
}

/// The path is there, the method is not.
pub(super) async fn method_not_allowed() -> Response<Body> {
    problem(ErrorCode::MethodNotAllowed, "the path does not take this method")
}
