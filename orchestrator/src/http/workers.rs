//! `POST /v1/worker/{hello,poll,answer}`: where workers fetch questions and bring answers, on the public listener.
//!
//! Nobody without a worker's token makes the server read a body.

use super::callbacks::only;
use super::limits::{REFUSED_RETRY_S, RefusalLimits};
use super::problem::{json, problem, with_status};
use super::refusals::Refusals;
use crate::envelope::{Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::token::TokenDigest;
use crate::worker::desk::Desk;
use crate::worker::limits::{BODY_BYTES, LARGE_AT_ONCE, LEASE, SMALL_BYTES};
use crate::worker::mailbox::Superseded;
use crate::worker::protocol::{Answered, Hello, Poll, Taken};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sortie_store::model::workers::WorkerRow;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Clone)]
struct Workers {
    desk: Desk,
    refusals: Arc<Refusals>,
    large: Arc<Semaphore>,
}

/// The routes of workers.
pub fn routes(desk: Desk) -> Router {
    let refusals = Arc::new(Refusals::new(RefusalLimits::default()));
    let state = Workers { desk, refusals, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) };
    Router::new()
        .route("/v1/worker/hello", post(hello))
        .route("/v1/worker/poll", post(poll))
        .route("/v1/worker/answer", post(answer))
        .with_state(state)
}

type Refusal = Box<Response<Body>>;

async fn hello(State(state): State<Workers>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (worker, hello) = match state.admit::<Hello>(peer, request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    match state.desk.hello(&worker, hello).await {
        Ok(welcome) => {
            tracing::info!(target: "sortie::audit", worker = welcome.name, fence = welcome.fence, labels = ?welcome.labels, "a worker came");
            said(&welcome)
        }
        Err(problem) => refused(&problem),
    }
}

async fn poll(State(state): State<Workers>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (worker, poll) = match state.admit::<Poll>(peer, request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    if poll.fence != worker.fence {
        return superseded(Superseded);
    }
    match state.desk.mailboxes.poll(&worker.name, poll.fence, &poll.held).await {
        Ok(questions) => said(&questions),
        Err(error) => superseded(error),
    }
}

async fn answer(State(state): State<Workers>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response<Body> {
    let (worker, answer) = match state.admit::<Answered>(peer, request).await {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    if answer.fence != worker.fence {
        return superseded(Superseded);
    }
    match state.desk.mailboxes.answered(&worker.name, answer.fence, answer.id, answer.outcome) {
        Ok(()) => said(&Taken { lease_ms: u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX) }),
        Err(error) => superseded(error),
    }
}

impl Workers {
    /// Whose token this is, and what the body says.
    async fn admit<T: DeserializeOwned>(&self, peer: SocketAddr, request: Request) -> Result<(WorkerRow, T), Refusal> {
        let (parts, body) = request.into_parts();
        let Some(worker) = self.identify(&parts.headers).await? else {
            if self.refusals.count(peer.ip()) {
                return Err(Box::new(problem(ErrorCode::Unauthorized, "no worker has this token")));
            }
            let mut response = with_status(StatusCode::TOO_MANY_REQUESTS, ErrorCode::Unavailable, "too many were refused");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(REFUSED_RETRY_S));
            return Err(Box::new(response));
        };
        let small = body.size_hint().upper().is_some_and(|most| most <= SMALL_BYTES as u64);
        let _held = if small {
            None
        } else {
            Some(self.large.try_acquire().map_err(|_| Box::new(problem(ErrorCode::Unavailable, "too many at once")))?)
        };
        let bytes = Limited::new(body, BODY_BYTES).collect().await;
        let bytes = bytes.map_err(|_| Box::new(problem(ErrorCode::TooLarge, "the body is too large, or did not come whole")))?.to_bytes();
        let said = serde_json::from_slice(&bytes);
        let said = said.map_err(|error| Box::new(problem(ErrorCode::Usage, &format!("the body cannot be read: {error}"))))?;
        Ok((worker, said))
    }

    async fn identify(&self, headers: &HeaderMap) -> Result<Option<WorkerRow>, Refusal> {
        let Some(given) = only(headers, &header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")) else { return Ok(None) };
        let row = self.desk.store.worker_by_digest(&TokenDigest::of(given.as_bytes()).hex()).await;
        let row = row.map_err(|error| Box::new(problem(ErrorCode::Unavailable, &error.to_string())))?;
        let fits = |digest: &str| TokenDigest::from_hex(digest).is_some_and(|digest| digest.fits(given.as_bytes()));
        Ok(row.filter(|row| fits(&row.digest)))
    }
}

fn said(what: &impl Serialize) -> Response<Body> {
    let data = serde_json::to_value(what).unwrap_or_default();
    json(StatusCode::OK, Success::new(data).json().to_string())
}

fn refused(problem: &Problem) -> Response<Body> {
    json(StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem.json().to_string())
}

fn superseded(error: Superseded) -> Response<Body> {
    problem(ErrorCode::Conflict, &error.to_string())
}
