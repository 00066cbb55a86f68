//! `/v1/hosts`: what hosts there are, how they are shown, how they are asked; one file per thing done to them.

mod add;
mod findings;
mod gc;
pub(super) mod keys;
mod place;
mod remove;
mod set;
mod test;
mod view;

pub(super) use add::add;
pub(super) use gc::gc;
pub(super) use remove::remove;
pub(super) use set::{drain, ready, set};
pub(super) use test::test;
use view::{Load, fingerprint};

use super::answer::Answer;
use super::limits::HOST_MS;
use super::routes::Api;
use crate::driver::host_health::HostSeen;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::launcher::AskError;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::verb::Reply;
use sortie_store::model::HostHealth;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

/// A host of which nothing was seen yet.
fn view(host: &Host, open: usize) -> Value {
    view::view(host, Load { open, debts: 0 }, &HostSeen { health: HostHealth::default(), next_try: None }, host.added_at)
}

/// A host as it stands.
async fn shown(api: &Api, host: &Host) -> Result<Value, Problem> {
    let load = loads(api).await?.get(&host.name).copied().unwrap_or_default();
    Ok(view::view(host, load, &api.app.driver.host_seen(&host.name), api.app.clock.now()))
}

/// What is open on each host.
async fn loads(api: &Api) -> Result<BTreeMap<String, Load>, Problem> {
    let mut loads: BTreeMap<String, Load> = BTreeMap::new();
    for (_, attempt) in api.app.store.open_attempts().await? {
        let Some(handed) = attempt.handed else { continue };
        let load = loads.entry(handed.host).or_default();
        load.open += 1;
        load.debts += usize::from(attempt.debt);
    }
    Ok(loads)
}

/// A host that answered another question.
fn unexpected(name: &str, reply: &Reply) -> Problem {
    let message = match reply {
        Reply::Refused { refusal, message } => format!("`{name}` refused ({refusal:?}): {message}"),
        _ => format!("`{name}` answered another question"),
    };
    Problem::new(ErrorCode::HostFailed, message)
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
    let (loads, now) = (loads(&api).await?, api.app.clock.now());
    let load = |host: &Host| loads.get(&host.name).copied().unwrap_or_default();
    let one = |host: &Host| view::view(host, load(host), &api.app.driver.host_seen(&host.name), now);
    let hosts: Vec<Value> = api.app.store.hosts().await?.iter().map(one).collect();
    Ok(Success::new(json!({ "hosts": hosts })))
}

/// One host.
pub(in crate::http::api) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    Ok(Success::new(shown(&api, &host).await?).next(Next::look(&["host", "test", &name])))
}
