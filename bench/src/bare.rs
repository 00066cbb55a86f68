//! What the callback server would do if there were nothing to do: the same accept loop, limits and routing, a handler that
//! parses the JSON and answers as many bytes.

use crate::child;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{Response, StatusCode, header};
use axum::routing::post;
use serde::Deserialize;
use serde_json::Value;
use sortie::http;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What is read of a body.
#[derive(Deserialize)]
struct Said {
    attempt: String,
    data: Value,
}

/// As long as a real answer with its receipt.
const ANSWER: &str = "{\"outcome\":\"accepted\",\"receipt\":{\"id\":\"0123456789012345678901234567890123456789012345678901\",\
    \"digest\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"outcome\":\"accepted\",\"at_ms\":1700000000000},\
    \"mac\":\"v1,01234567890123456789012345678901234567890123\"}";

/// Serve until nobody asks any more.
///
/// # Errors
/// Where there is no port.
pub async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let routes = Router::new().route("/v1/callbacks/{id}/{kind}", post(take));
    let serving = tokio::spawn(http::serve(listener, routes, None, stopped));
    child::answer(&address)?;
    while child::question().await?.is_some() {}
    stop.send_replace(true);
    Ok(serving.await?)
}

async fn take(Path((id, _)): Path<(String, String)>, body: Bytes) -> Response<Body> {
    let known = serde_json::from_slice::<Said>(&body).is_ok_and(|said| said.attempt == id && said.data.is_object());
    let mut response = Response::new(Body::from(if known { ANSWER } else { "{}" }));
    *response.status_mut() = if known { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
