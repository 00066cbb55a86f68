//! `POST /v1/reach/{id}`: a machine that is being tested says that it can post here.
//!
//! The URL is signed for one test and a short time, as that of a callback. The answer is signed, too: who asked for the test can tell
//! it from the page of a proxy or of a captive portal. Nothing is kept, and no body is read.

use super::problem::{json, not_found, problem};
use crate::driver::Driver;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use serde_json::Value;
use sortie_keys::SignedQuery;

const PREFIX: &str = "/v1/reach/";

/// Routes of the callback listener.
pub(super) fn routes(driver: Driver) -> Router {
    Router::new().route("/v1/reach/{id}", post(echo)).with_state(driver)
}

async fn echo(State(driver): State<Driver>, request: Request) -> Response<Body> {
    let Some(id) = request.uri().path().strip_prefix(PREFIX).filter(|id| id.starts_with("reach_")) else { return not_found().await };
    if let Err(error) = driver.ring().reload_if_changed() {
        tracing::error!(%error, "the key ring cannot be read");
        return problem(ErrorCode::Unavailable, "the key ring cannot be read");
    }
    let (installation, now_s) = (&driver.parts().installation.id, driver.parts().clock.now_s());
    let signed = SignedQuery::parse(request.uri().query().unwrap_or(""))
        .and_then(|query| driver.ring().verify_url(installation, id, query.kid, query.exp, query.sig, now_s));
    match (signed, signature(&driver, id)) {
        (Ok(()), Some(signature)) => json(StatusCode::OK, serde_json::json!({ "reach": id, "signature": signature }).to_string()),
        _ => problem(ErrorCode::Unauthorized, "this address was not made here, or is too old"),
    }
}

fn signature(driver: &Driver, id: &str) -> Option<String> {
    Some(driver.ring().proof_secret(driver.ring().root_generation(), id)?.sign(id.as_bytes()))
}

/// An address to post to, and the id it is for.
///
/// # Errors
/// For people: why none can be made.
pub(super) fn address(driver: &Driver, valid_s: i64) -> Result<(String, String), String> {
    let id = format!("reach_{}", sortie_protocol::bytes::to_hex(&crate::driver::entropy().bytes("reach", 0)[..16]));
    let parts = driver.parts();
    let url = driver.ring().sign_url(parts.config.audience(), &parts.installation.id, &id, parts.clock.now_s() + valid_s);
    Ok((sortie_keys::reach_url(&url.map_err(|error| error.to_string())?), id))
}

/// Whether a body is the answer of this very server to a post under that id.
pub(super) fn is_answer(driver: &Driver, id: &str, body: &str) -> bool {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return false };
    let secret = driver.ring().proof_secret(driver.ring().root_generation(), id);
    body["reach"] == *id && secret.zip(body["signature"].as_str()).is_some_and(|(secret, given)| secret.verify(id.as_bytes(), given))
}
