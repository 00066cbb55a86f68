//! `HEAD` and `PUT /v1/artifacts/{attempt}/{slot}`: files of jobs, piece by piece, as `sortie_protocol::artifact` says.
//!
//! Nobody without URL, token and proof makes the server read a body. The artifact's name stands in the signed metadata only.

use super::callbacks::{answered, bare, only, webhook};
use super::limits::{PIECES_AT_ONCE, REFUSED_RETRY_S};
use super::problem::{not_found, with_status};
use super::refusals::Refusals;
use crate::callback;
use crate::callback::artifact::{self, Answered, ArtifactHead};
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::routing::put;
use http_body_util::{BodyExt, Limited};
use sortie_protocol::artifact::{HEADER_META, HEADER_OFFSET};
use sortie_protocol::limits::PIECE_BYTES;
use sortie_protocol::receipt::Outcome;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where artifacts are uploaded, before attempt and slot.
const UPLOADS: &str = "/v1/artifacts/";

#[derive(Clone)]
struct Uploads {
    driver: Driver,
    refusals: Arc<Refusals>,
    pieces: Arc<Semaphore>,
}

/// The routes of uploads. Refusals are counted with those of callbacks.
pub(super) fn routes(driver: Driver, refusals: Arc<Refusals>) -> Router {
    let state = Uploads { driver, refusals, pieces: Arc::new(Semaphore::new(PIECES_AT_ONCE)) };
    Router::new().route("/v1/artifacts/{id}/{slot}", put(request).head(request)).with_state(state)
}

async fn request(State(state): State<Uploads>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some((id, slot)) = named(parts.uri.path()) else { return not_found().await };
    if body.size_hint().lower() > PIECE_BYTES as u64 {
        return too_large();
    }
    let head = ArtifactHead {
        id,
        slot,
        query: parts.uri.query().unwrap_or(""),
        authorization: only(&parts.headers, &header::AUTHORIZATION),
        webhook: webhook(&parts.headers),
        meta: only(&parts.headers, &HeaderName::from_static(HEADER_META)),
    };
    let said = match artifact::admit(&state.driver, &head).await {
        Err(response) if response.outcome() == Outcome::Unauthorized && !state.refusals.count(peer.ip()) => {
            return bare(Outcome::TooMany, None, Some(REFUSED_RETRY_S));
        }
        Err(response) => return answered(&response),
        Ok(admitted) if parts.method == Method::HEAD => artifact::stand(&state.driver, &admitted).await,
        Ok(admitted) => {
            let offset = only(&parts.headers, &HeaderName::from_static(HEADER_OFFSET)).and_then(|text| text.parse().ok());
            let Some(offset) = offset else { return with_status(StatusCode::BAD_REQUEST, ErrorCode::Usage, "upload-offset is missing") };
            // A bound on memory; whoever finds none free comes again.
            let Ok(_held) = state.pieces.try_acquire() else {
                return bare(Outcome::Unavailable, None, Some(callback::limits::RETRY_AFTER_S));
            };
            match Limited::new(body, PIECE_BYTES).collect().await {
                Ok(piece) => artifact::take(&state.driver, &admitted, offset, piece.to_bytes().into()).await,
                Err(_) => {
                    return with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::Usage, "the piece did not come whole, or not in time");
                }
            }
        }
    };
    tracing::debug!(id, slot, "upload");
    match said {
        Answered::Callback(response) => answered(&response),
        Answered::At { offset, fits } => at(parts.method == Method::HEAD, offset, fits),
    }
}

fn at(asked: bool, offset: u64, fits: bool) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = match (asked, fits) {
        (true, _) => StatusCode::OK,
        (false, true) => StatusCode::ACCEPTED,
        (false, false) => StatusCode::CONFLICT,
    };
    response.headers_mut().insert(HEADER_OFFSET, HeaderValue::from(offset));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn too_large() -> Response<Body> {
    bare(Outcome::TooLarge, Some("the piece is over its limit"), None)
}

/// Attempt and slot of a path that is one of ours to the letter.
fn named(path: &str) -> Option<(&str, &str)> {
    let (id, slot) = path.strip_prefix(UPLOADS)?.split_once('/')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    (plain(id) && plain(slot)).then_some((id, slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f056_only_the_exact_path_is_an_upload() {
        assert_eq!(named("/v1/artifacts/att_x/0"), Some(("att_x", "0")));
        for other in
            ["/v1/artifacts/att_x/", "/v1/artifacts/att_x/0/", "/v1/artifacts/att_x/../0", "/v1/artifacts/att%5fx/0", "/v1/artifacts//0"]
        {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
