//! `GET /v1/status`: what this server is and how much it has to do.

use super::answer::Answer;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::Success;
use axum::extract::State;
use serde_json::json;

/// The server, in one look.
pub(super) async fn show(State(api): State<Api>) -> Answer {
    let app = &api.app;
    let (runs, hosts, open) = (app.store.run_counts().await?, app.store.hosts().await?, app.store.open_attempts().await?);
    let debts = open.iter().filter(|(_, attempt)| attempt.debt).count();
    Ok(Success::new(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "installation": app.installation,
        "public_url": app.config.audience(),
        "plain_http": app.config.plain_http,
        "listen": app.config.listen,
        "operator_listen": app.config.operator_listen,
        "keys_generation": app.tokens.ring().generation(),
        "runs": runs,
        "hosts": hosts.len(),
        "open_attempts": open.len(),
        "debts": debts,
        "now": rfc3339(app.clock.now()),
        "clock_jump_ms": app.clock.jump(),
    })))
}
