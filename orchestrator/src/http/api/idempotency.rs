//! One request, one effect: a request with the key of an earlier one gets the earlier answer.
//!
//! Only answers that say that something was done are remembered: what failed may be tried again under the same key.
//! What must survive a crash between doing and remembering has a second net: the id of a run is reserved before it is made.

use super::answer::response;
use super::caller::Caller;
use super::limits::{KEY_CHARS, KEYS_IN_FLIGHT};
use super::routes::Api;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sortie_core::canonical::digest;
use sortie_store::StoreError;
use sortie_store::model::IdempotentAnswer;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The header.
pub const HEADER: &str = "idempotency-key";

/// Keys that are being worked on in this process.
#[derive(Default)]
pub(super) struct InFlight(Mutex<HashSet<String>>);

/// Holds a key until it is dropped.
struct Held<'a>(&'a InFlight, String);

impl InFlight {
    fn hold(&self, key: &str) -> Result<Held<'_>, Problem> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_IN_FLIGHT {
            return Err(Problem::new(ErrorCode::Unavailable, "too many requests are being worked on"));
        }
        if !keys.insert(key.to_owned()) {
            return Err(Problem::new(ErrorCode::InProgress, "the same request is being worked on; ask again for its answer"));
        }
        Ok(Held(self, key.to_owned()))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// The key of a request, where it has one, as the store knows it.
///
/// # Errors
/// Where it is empty, too long or not printable ASCII.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_CHARS && key.bytes().all(|b| b.is_ascii_graphic()));
    let key = key.ok_or_else(|| {
        Problem::new(ErrorCode::Usage, format!("an idempotency key has 1 to {KEY_CHARS} printable characters without spaces"))
    })?;
    Ok(Some(format!("api:{key}")))
}

/// What a layer of a route knows.
#[derive(Clone)]
pub(super) struct Bounded {
    pub api: Api,
    /// Largest body.
    pub bytes: usize,
}

/// Give the earlier answer, or do it and remember the answer.
pub(super) async fn once(State(bounded): State<Bounded>, request: Request, next: Next) -> Response {
    match answered(&bounded.api, bounded.bytes, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answered(api: &Api, bytes: usize, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, bytes).await.map_err(|_| too_large(bytes))?;
    let key = key(&parts.headers)?;
    // Another operator's key is another request's: nobody is given what somebody else was answered.
    let who = parts.extensions.get::<Caller>().map(|caller| caller.name.clone()).unwrap_or_default();
    let asked = asked(&who, parts.method.as_str(), parts.uri.path_and_query().map_or("", |path| path.as_str()), &body);
    let request = Request::from_parts(parts, Body::from(body));
    let Some(key) = key else { return Ok(next.run(request).await) };
    let _held = api.in_flight.hold(&key)?;
    if let Some(before) = api.app.store.idempotent(&key, &asked).await.map_err(reused)? {
        return Ok(replay(&before));
    }
    let answer = next.run(request).await;
    if !answer.status().is_success() {
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let stands = IdempotentAnswer { status: parts.status.as_u16(), body: text };
    let first = api.app.store.remember(&key, &asked, stands.clone(), api.app.clock.now()).await.map_err(reused)?;
    Ok(if first == stands { Response::from_parts(parts, Body::from(bytes)) } else { replay(&first) })
}

/// Digest of what is asked, so that a key cannot be taken for another request.
pub(super) fn asked(who: &str, method: &str, path: &str, body: &Bytes) -> String {
    let mut hash = Sha256::new();
    for part in [who.as_bytes(), method.as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    digest(&hash.finalize())
}

/// The id that was reserved for this key first, whoever reserved it: the second net of requests that make something.
pub(super) async fn reserve(api: &Api, key: Option<&str>, what: &str, asked: &str, id: String) -> Result<String, Problem> {
    let Some(key) = key else { return Ok(id) };
    let answer = IdempotentAnswer { status: StatusCode::PROCESSING.as_u16(), body: id };
    let first = api.app.store.remember(&format!("{key}:{what}"), asked, answer, api.app.clock.now()).await.map_err(reused)?;
    Ok(first.body)
}

fn replay(before: &IdempotentAnswer) -> Response {
    let mut envelope: Value = serde_json::from_str(&before.body).unwrap_or_default();
    if let Some(meta) = envelope.get_mut("meta").and_then(Value::as_object_mut) {
        meta.insert("replayed".to_owned(), true.into());
    }
    response(StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK), &envelope)
}

fn reused(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict(_) => {
            let problem = Problem::new(ErrorCode::KeyReused, "this idempotency key came with another request before");
            problem.hint("use a new key for a new request")
        }
        other => other.into(),
    }
}

fn too_large(bytes: usize) -> Problem {
    Problem::new(ErrorCode::TooLarge, format!("the request has more than {bytes} bytes, or broke off"))
}
