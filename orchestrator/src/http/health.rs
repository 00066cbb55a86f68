//! `/healthz`: the process is up. `/readyz`: callbacks can be taken. Open to everybody, so they say nothing else and cost little.

use super::limits::{READY_FOR, READY_WITHIN};
use super::problem::{json, problem};
use super::server::Stopping;
use crate::driver::Driver;
use crate::envelope::Success;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// What was found, and when.
type Look = (Instant, Result<(), &'static str>);

/// The last look at what callbacks need. One look at a time: whoever comes meanwhile gets its answer.
#[derive(Clone)]
struct Readiness {
    driver: Driver,
    last: Arc<Mutex<Option<Look>>>,
}

/// `GET /healthz` and `GET /readyz`.
pub fn routes(driver: Driver) -> Router {
    let readiness = Readiness { driver, last: Arc::default() };
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(readiness)
}

async fn healthz() -> Response<Body> {
    said("up")
}

async fn readyz(State(readiness): State<Readiness>, stopping: Option<Extension<Stopping>>) -> Response<Body> {
    if stopping.is_some_and(|Extension(Stopping(stopping))| stopping) {
        return problem(ErrorCode::Unavailable, "the server is stopping");
    }
    match readiness.now().await {
        Ok(()) => said("ready"),
        Err(why) => problem(ErrorCode::Unavailable, why),
    }
}

impl Readiness {
    async fn now(&self) -> Result<(), &'static str> {
        let mut last = self.last.lock().await;
        if let Some((at, known)) = *last
            && at.elapsed() < READY_FOR
        {
            return known;
        }
        let found = self.look().await;
        *last = Some((Instant::now(), found));
        found
    }

    async fn look(&self) -> Result<(), &'static str> {
        if let Err(error) = self.driver.ring().reload_if_changed() {
            tracing::error!(%error, "not ready");
            return Err("the key ring cannot be read");
        }
        match tokio::time::timeout(READY_WITHIN, self.driver.parts().store.writable()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(%error, "not ready");
                Err("the store cannot commit")
            }
            Err(_) => Err("the store is slow to answer"),
        }
    }
}

fn said(status: &str) -> Response<Body> {
    json(StatusCode::OK, Success::new(serde_json::json!({ "status": status })).json().to_string())
}
