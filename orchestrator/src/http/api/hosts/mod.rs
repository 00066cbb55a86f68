//! `/v1/hosts`: what hosts there are, how they are shown, how they are asked; one file per thing done to them.

mod add;
mod remove;
mod test;

pub(super) use add::add;
pub(super) use remove::remove;
pub(super) use test::test;

use super::answer::Answer;
use super::limits::HOST_MS;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::launcher::AskError;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sortie_core::failure::FailureKind;
use sortie_core::host::{Host, Login};
use sortie_keys::pin::Pin;
use std::future::Future;
use std::time::Duration;

/// A host as it is shown.
fn view(host: &Host, open: usize) -> Value {
    let keys: Vec<Value> = host.host_keys.iter().map(|line| json!({ "key": line, "fingerprint": fingerprint(line) })).collect();
    json!({
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "login": match &host.login {
            Login::Key(path) if path.is_empty() => json!({ "key": "the installation's own" }),
            Login::Key(path) => json!({ "key": path }),
            Login::Agent => json!("agent"),
            Login::AgentKey(fingerprint) => json!({ "agent": fingerprint }),
            Login::Certificate { key, certificate } => json!({ "key": key, "certificate": certificate }),
        },
        "host_keys": keys,
        "state_root": host.state_root,
        "labels": host.labels,
        "slots": host.slots,
        "callbacks": host.callbacks,
        "added_at": rfc3339(host.added_at),
        "open_attempts": open,
    })
}

/// Its fingerprint, where the line is a key.
fn fingerprint(line: &str) -> Option<String> {
    line.parse::<Pin>().ok().map(|pin| pin.fingerprint())
}

/// Open attempts on a host.
async fn open_on(api: &Api, name: &str) -> Result<usize, Problem> {
    let open = api.app.store.open_attempts().await?;
    Ok(open.iter().filter(|(_, attempt)| attempt.handed.as_ref().is_some_and(|handed| handed.host == name)).count())
}

/// The host of this name.
///
/// # Errors
/// `not_found`.
pub(in crate::http::api) async fn asked_host(api: &Api, name: &str) -> Result<Host, Problem> {
    let none = || Problem::new(ErrorCode::NotFound, format!("there is no host `{name}`")).next(Next::look(&["host", "list"]));
    api.app.store.host(name).await?.ok_or_else(none)
}

/// A host that could not be asked, as a problem.
pub(in crate::http::api) fn not_asked(error: AskError) -> Problem {
    let code = match error.kind {
        FailureKind::Unreachable => ErrorCode::Unreachable,
        FailureKind::HostKey | FailureKind::WrongMachine => ErrorCode::HostUntrusted,
        _ => ErrorCode::HostFailed,
    };
    Problem::new(code, error.message).details(json!({ "kind": error.kind }))
}

/// Bound the whole of it: each phase has its own limit, and there are several.
async fn in_time<T>(asking: impl Future<Output = Result<T, AskError>>) -> Result<T, Problem> {
    match tokio::time::timeout(Duration::from_millis(HOST_MS), asking).await {
        Ok(answer) => answer.map_err(not_asked),
        Err(_) => Err(Problem::new(ErrorCode::Unreachable, format!("the host did not answer within {} s", HOST_MS / 1_000))),
    }
}

/// All hosts by name.
pub(in crate::http::api) async fn list(State(api): State<Api>) -> Answer {
    let open = api.app.store.open_attempts().await?;
    let on = |name: &str| open.iter().filter(|(_, attempt)| attempt.handed.as_ref().is_some_and(|handed| handed.host == name)).count();
    let hosts: Vec<Value> = api.app.store.hosts().await?.iter().map(|host| view(host, on(&host.name))).collect();
    Ok(Success::new(json!({ "hosts": hosts })))
}

/// One host.
pub(in crate::http::api) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let open = open_on(&api, &name).await?;
    Ok(Success::new(view(&host, open)).next(Next::look(&["host", "test", &name])))
}
