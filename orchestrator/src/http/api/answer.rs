//! Envelopes as HTTP answers.

use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;

/// What a handler gives.
pub(super) type Answer = Result<Success, Problem>;

impl IntoResponse for Success {
    fn into_response(self) -> axum::response::Response {
        response(StatusCode::OK, &self.json())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = response(status, &self.json());
        if self.code == ErrorCode::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.code == ErrorCode::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A JSON answer that no cache keeps and no browser sniffs.
pub(super) fn response(status: StatusCode, envelope: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(envelope.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
