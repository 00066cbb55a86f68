//! `PUT /v1/logs/{attempt}/{stream}`: output of jobs, chunk by chunk, as `sortie_protocol::log` says.
//!
//! Nobody without URL, token and proof makes the server read a body.

use super::callbacks::{answered, bare, only, webhook};
use super::limits::{LOG_CHUNKS_AT_ONCE, REFUSED_RETRY_S};
use super::problem::{json, not_found, with_status};
use super::refusals::Refusals;
use crate::callback;
use crate::callback::log::{self, Answered, LogHead};
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, Response, StatusCode, header};
use axum::routing::put;
use http_body_util::{BodyExt, Limited};
use sortie_protocol::limits::LOG_CHUNK_BYTES;
use sortie_protocol::log::{HEADER_LOG, Stream};
use sortie_protocol::receipt::Outcome;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where output is shipped, before attempt and stream.
const LOGS: &str = "/v1/logs/";

#[derive(Clone)]
struct Chunks {
    driver: Driver,
    refusals: Arc<Refusals>,
    held: Arc<Semaphore>,
}

/// The route of output. Refusals are counted with those of callbacks.
pub(super) fn routes(driver: Driver, refusals: Arc<Refusals>) -> Router {
    let state = Chunks { driver, refusals, held: Arc::new(Semaphore::new(LOG_CHUNKS_AT_ONCE)) };
    Router::new().route("/v1/logs/{id}/{stream}", put(take)).with_state(state)
}

async fn take(State(state): State<Chunks>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some((id, stream)) = named(parts.uri.path()) else { return not_found().await };
    if body.size_hint().lower() > LOG_CHUNK_BYTES {
        return bare(Outcome::TooLarge, Some("the chunk is over its limit"), None);
    }
    let head = LogHead {
        id,
        stream,
        query: parts.uri.query().unwrap_or(""),
        authorization: only(&parts.headers, &header::AUTHORIZATION),
        webhook: webhook(&parts.headers),
        meta: only(&parts.headers, &HeaderName::from_static(HEADER_LOG)),
    };
    let said = match log::admit(&state.driver, &head).await {
        Err(Answered::Callback(response)) if response.outcome() == Outcome::Unauthorized && !state.refusals.count(peer.ip()) => {
            return bare(Outcome::TooMany, None, Some(REFUSED_RETRY_S));
        }
        Err(said) => said,
        Ok(admitted) => {
            // A bound on memory; whoever finds none free comes again.
            let Ok(_held) = state.held.try_acquire() else {
                return bare(Outcome::Unavailable, None, Some(callback::limits::RETRY_AFTER_S));
            };
            let limit = usize::try_from(LOG_CHUNK_BYTES).unwrap_or(usize::MAX);
            match Limited::new(body, limit).collect().await {
                Ok(bytes) => log::take(&state.driver, admitted, bytes.to_bytes().into()).await,
                Err(_) => {
                    return with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::Usage, "the chunk did not come whole, or not in time");
                }
            }
        }
    };
    match said {
        Answered::Receipt(answer) => json(StatusCode::OK, serde_json::to_string(&*answer).unwrap_or_default()),
        Answered::Invalid(why) => with_status(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Usage, &why),
        Answered::Callback(response) => answered(&response),
    }
}

/// Attempt and stream of a path that is one of ours to the letter.
fn named(path: &str) -> Option<(&str, Stream)> {
    let (id, stream) = path.strip_prefix(LOGS)?.split_once('/')?;
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    Stream::parse(stream).filter(|_| plain).map(|stream| (id, stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f056_only_the_exact_path_is_output() {
        assert_eq!(named("/v1/logs/att_x/stderr"), Some(("att_x", Stream::Stderr)));
        for other in ["/v1/logs/att_x/", "/v1/logs/att_x/stdin", "/v1/logs/att_x/stdout/", "/v1/logs/att%5fx/stdout", "/v1/logs//stdout"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
