//! `POST /v1/hooks/{flow}/{name}`: deliveries of webhooks, on the public listener.
//!
//! Whatever is not believed gets one answer, whether or not there is such a webhook; those who are refused too often are told to
//! come later. A delivery is answered 200 once its run is on disk, also when it is not the first of its id.

use super::limits::{BODIES_KIB, REFUSED_RETRY_S, RefusalLimits};
use super::problem::{json, problem, with_status};
use super::refusals::Refusals;
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use crate::triggers::hooks::{HookAnswer, SecretOf};
use crate::triggers::limits::HOOK_BYTES;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json as value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Clone)]
struct Hooks {
    driver: Driver,
    secrets: SecretOf,
    refusals: Arc<Refusals>,
    /// In KiB.
    bodies: Arc<Semaphore>,
}

/// The path of every webhook.
pub fn routes(driver: Driver, secrets: SecretOf) -> Router {
    let refusals = Arc::new(Refusals::new(RefusalLimits::default()));
    let bodies = Arc::new(Semaphore::new(BODIES_KIB as usize));
    Router::new().route("/v1/hooks/{flow}/{name}", post(take)).with_state(Hooks { driver, secrets, refusals, bodies })
}

async fn take(
    State(state): State<Hooks>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((flow, name)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::Usage, "send the body not encoded");
    }
    let share = body.size_hint().exact().map_or(HOOK_BYTES, |exact| usize::try_from(exact).unwrap_or(usize::MAX));
    if share > HOOK_BYTES {
        return too_large();
    }
    let Ok(_held) = state.bodies.try_acquire_many(u32::try_from(share.div_ceil(1_024)).unwrap_or(BODIES_KIB)) else {
        return later(ErrorCode::Unavailable, "too many at once");
    };
    let body = match Limited::new(body, HOOK_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return too_large(),
        Err(_) => return with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::Usage, "the body did not come whole, or not in time"),
    };
    let headers = parts.headers;
    let answer = state.driver.take_hook(&flow, &name, &state.secrets, |name| one(&headers, name), &body).await;
    tracing::debug!(flow, hook = name, ?answer, "webhook");
    match answer {
        HookAnswer::Unauthorized if !state.refusals.count(peer.ip()) => {
            let mut response = with_status(StatusCode::TOO_MANY_REQUESTS, ErrorCode::Unavailable, "too many were refused");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(REFUSED_RETRY_S));
            response
        }
        HookAnswer::Unauthorized => problem(ErrorCode::Unauthorized, "no such webhook, or not signed as it should be"),
        HookAnswer::Invalid(why) => problem(ErrorCode::InvalidInput, &why),
        HookAnswer::NotNow(why) => later(ErrorCode::Unavailable, &why),
        HookAnswer::Run { run, duplicate } => ok(&value!({ "run": run, "duplicate": duplicate })),
        HookAnswer::Skipped { running } => ok(&value!({ "run": null, "skipped": true, "running": running })),
        HookAnswer::Valid { input, release } => {
            ok(&value!({ "run": null, "validated": true, "would_start": { "flow": flow, "release": release, "input": input } }))
        }
    }
}

/// The value of a header of any name that stands there exactly once.
fn one(headers: &HeaderMap, name: &str) -> Option<String> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    super::callbacks::only(headers, &name).map(str::to_owned)
}

fn ok(data: &serde_json::Value) -> Response<Body> {
    json(StatusCode::OK, data.to_string())
}

fn too_large() -> Response<Body> {
    problem(ErrorCode::TooLarge, &format!("a delivery may have {HOOK_BYTES} bytes"))
}

fn later(code: ErrorCode, why: &str) -> Response<Body> {
    let mut response = problem(code, why);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(crate::callback::limits::RETRY_AFTER_S));
    response
}
