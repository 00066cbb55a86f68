//! `POST /v1/callbacks/{id}/{kind}`, as in the design's *Callbacks*, and the public keys.
//!
//! The path is matched as it stands on the wire: nothing is decoded, no slash is forgiven (F056). `Host` is never read,
//! nothing is ever redirected (F047, F074).

use super::limits::{BODIES_KIB, REFUSED_RETRY_S, RefusalLimits};
use super::problem::{json, method_not_allowed, not_found, problem, with_status};
use super::refusals::Refusals;
use super::{downloads, health, logs, reach, uploads};
use crate::callback::{self, CallbackHead, CallbackResponse, WebhookHeaders};
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sortie_protocol::callback::{CallbackKind, HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP};
use sortie_protocol::limits::CALLBACK_BYTES;
use sortie_protocol::receipt::{CallbackAnswer, Outcome};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Where callbacks are posted, before id and kind.
const PREFIX: &str = "/v1/callbacks/";

#[derive(Clone)]
struct Callbacks {
    driver: Driver,
    refusals: Arc<Refusals>,
    /// In KiB.
    bodies: Arc<Semaphore>,
}

/// What is answered on the public listener.
pub fn routes(driver: Driver) -> Router {
    routes_with(driver, RefusalLimits::default())
}

/// As [`routes`], with other limits for those who are refused.
pub fn routes_with(driver: Driver, refusals: RefusalLimits) -> Router {
    let bodies = Arc::new(Semaphore::new(BODIES_KIB as usize));
    let refusals = Arc::new(Refusals::new(refusals));
    let state = Callbacks { driver: driver.clone(), refusals: Arc::clone(&refusals), bodies };
    Router::new()
        .route("/v1/callbacks/{id}/{kind}", post(take))
        .route("/v1/keys/jwks.json", get(jwks))
        .with_state(state)
        .merge(uploads::routes(driver.clone(), Arc::clone(&refusals)))
        .merge(logs::routes(driver.clone(), refusals))
        .merge(downloads::routes(driver.clone()))
        .merge(reach::routes(driver.clone()))
        .merge(health::routes(driver))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// Public keys, for `sortie token verify` on another machine.
async fn jwks(State(state): State<Callbacks>) -> Response<Body> {
    if let Err(error) = state.driver.ring().reload_if_changed() {
        tracing::error!(%error, "the key ring cannot be read");
        return problem(ErrorCode::Unavailable, "the key ring cannot be read");
    }
    json(StatusCode::OK, state.driver.ring().jwks().to_string())
}

async fn take(State(state): State<Callbacks>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some((id, kind)) = named(parts.uri.path()) else { return not_found().await };
    if body.size_hint().lower() > CALLBACK_BYTES as u64 {
        return too_large();
    }
    if !is_json(&parts.headers) || !is_plain(&parts.headers) {
        return bare(Outcome::UnsupportedType, Some("send application/json, not encoded"), None);
    }
    let head = CallbackHead {
        id,
        kind,
        query: parts.uri.query().unwrap_or(""),
        authorization: only(&parts.headers, &header::AUTHORIZATION),
        webhook: webhook(&parts.headers),
    };
    let response = match callback::admit(&state.driver, &head) {
        Err(response) => *response,
        Ok(admitted) => match state.read(body).await {
            Err(response) => return response,
            Ok((body, _held)) => callback::settle(&state.driver, admitted, body).await,
        },
    };
    tracing::debug!(id, kind = kind.as_str(), outcome = response.outcome().as_str(), "callback");
    if response.outcome() == Outcome::Unauthorized && !state.refusals.count(peer.ip()) {
        return bare(Outcome::TooMany, None, Some(REFUSED_RETRY_S));
    }
    answered(&response)
}

/// Id and kind of a path that is one of ours to the letter.
fn named(path: &str) -> Option<(&str, CallbackKind)> {
    let (id, kind) = path.strip_prefix(PREFIX)?.split_once('/')?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    CallbackKind::parse(kind).filter(|_| plain).map(|kind| (id, kind))
}

impl Callbacks {
    /// The body, and the share of memory that it holds until it is decided.
    async fn read(&self, body: Body) -> Result<(Vec<u8>, SemaphorePermit<'_>), Response<Body>> {
        let bytes = body.size_hint().exact().map_or(CALLBACK_BYTES, |exact| usize::try_from(exact).unwrap_or(CALLBACK_BYTES));
        let share = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(BODIES_KIB);
        let Ok(held) = self.bodies.try_acquire_many(share) else {
            return Err(bare(Outcome::Unavailable, None, Some(callback::limits::RETRY_AFTER_S)));
        };
        match Limited::new(body, CALLBACK_BYTES).collect().await {
            Ok(collected) => Ok((collected.to_bytes().into(), held)),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::Usage, "the body did not come whole, or not in time")),
        }
    }
}

/// The headers of a proof.
pub(super) fn webhook(headers: &HeaderMap) -> WebhookHeaders<'_> {
    WebhookHeaders {
        id: only(headers, &HeaderName::from_static(HEADER_ID)),
        timestamp: only(headers, &HeaderName::from_static(HEADER_TIMESTAMP)),
        signature: only(headers, &HeaderName::from_static(HEADER_SIGNATURE)),
    }
}

/// The value of a header that stands there exactly once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// `application/json`, perhaps `; charset=utf-8`, and nothing else (F067).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = only(headers, &header::CONTENT_TYPE) else { return false };
    let (kind, charset) = value.split_once(';').map_or((value, None), |(kind, rest)| (kind.trim_end(), Some(rest.trim())));
    kind.eq_ignore_ascii_case("application/json")
        && charset.is_none_or(|charset| ["charset=utf-8", "charset=\"utf-8\""].iter().any(|utf8| charset.eq_ignore_ascii_case(utf8)))
}

/// Not compressed: what is small on the wire must be small here (F065).
fn is_plain(headers: &HeaderMap) -> bool {
    match headers.get(header::CONTENT_ENCODING) {
        None => true,
        Some(_) => only(headers, &header::CONTENT_ENCODING).is_some_and(|value| value.eq_ignore_ascii_case("identity")),
    }
}

fn too_large() -> Response<Body> {
    bare(Outcome::TooLarge, Some("the body is over the inline limit"), None)
}

pub(super) fn bare(outcome: Outcome, message: Option<&str>, retry_after_s: Option<u32>) -> Response<Body> {
    let answer = CallbackAnswer { outcome, receipt: None, mac: None, message: message.map(str::to_owned) };
    answered(&CallbackResponse { answer, retry_after_s })
}

pub(super) fn answered(response: &CallbackResponse) -> Response<Body> {
    let outcome = response.outcome();
    crate::counters::callback(outcome);
    let status = StatusCode::from_u16(outcome.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(&response.answer).unwrap_or_default();
    let mut out = json(status, body);
    if let Some(seconds) = response.retry_after_s {
        out.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if outcome == Outcome::Unauthorized {
        out.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f056_only_the_exact_path_is_a_callback() {
        assert_eq!(named("/v1/callbacks/att_x/result"), Some(("att_x", CallbackKind::Result)));
        let others = [
            "/v1/callbacks/att_x/result/",
            "/v1/callbacks/att_x/result/health",
            "/v1/callbacks/att_x/Result",
            "/v1/callbacks/att%5fx/result",
            "/v1/callbacks/att_x%2fresult",
            "/v1/callbacks/att_x/result%20",
            "/v1/callbacks//result",
            "/v1/callbacks/../att_x/result",
            "/v1/callbacks/./result",
            "/v1/callbacks/att_x/result;x",
            "//v1/callbacks/att_x/result",
            "/V1/callbacks/att_x/result",
            "/v1/callbacks/att_x",
        ];
        assert!(others.iter().all(|path| named(path).is_none()));
    }

    #[test]
    fn f067_one_content_type() {
        let with = |value: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]);
        for good in
            ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json; charset=\"utf-8\""]
        {
            assert!(is_json(&with(good)), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; x=y",
            "application/x-www-form-urlencoded",
            "application/json, text/html",
            "application/jsonx",
            "application/json; boundary=x",
        ] {
            assert!(!is_json(&with(bad)), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
