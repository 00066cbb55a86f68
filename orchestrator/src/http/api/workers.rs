//! `/v1/workers`: machines that come and ask for work. And hosts of this very machine.

use super::answer::Answer;
use super::caller::Caller;
use super::request::body;
use super::routes::Api;
use super::token::TokenDigest;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::launchers::names;
use crate::setup::random_token;
use crate::ssh::script::Root;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::host::{Host, LauncherKind};
use sortie_keys::Secret;
use sortie_protocol::verb::{Reply, Verb};
use sortie_store::StoreError;
use sortie_store::model::workers::WorkerRow;

const MANAGE: &str = "manage workers";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    #[serde(default)]
    labels: Vec<String>,
    slots: Option<u32>,
    /// Of a host of this machine.
    root: Option<String>,
}

fn view(row: &WorkerRow, seen_s: Option<u64>) -> Value {
    json!({
        "name": row.name,
        "fence": row.fence,
        "allowed_labels": row.labels,
        "here_s_ago": seen_s,
        "came_at": row.seen_at.map(rfc3339),
        "token_at": rfc3339(row.token_at),
    })
}

/// Everyone, by name.
pub(super) async fn list(State(api): State<Api>) -> Answer {
    let rows = api.app.store.workers().await?;
    let seen = |row: &WorkerRow| api.app.workers.seen(&row.name).map(|ago| ago.as_secs());
    Ok(Success::new(json!({ "workers": rows.iter().map(|row| view(row, seen(row))).collect::<Vec<_>>() })))
}

/// Add a worker; the answer has its token, and is never kept.
pub(super) async fn add(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    caller.require_admin(MANAGE)?;
    let asked: AddBody = body(&bytes)?;
    fitting(&asked)?;
    let (token, now) = (random_token(), api.app.clock.now());
    let host = Host {
        name: asked.name.clone(),
        launcher: LauncherKind::Worker,
        labels: asked.labels,
        slots: asked.slots,
        added_at: now,
        ..Host::default()
    };
    match api.app.store.add_worker(host, &TokenDigest::of(token.expose()).hex(), now).await {
        Ok(()) => {}
        Err(StoreError::Conflict(message)) => {
            let problem = Problem::new(ErrorCode::Conflict, message).hint("a lost token is made anew, not shown again");
            return Err(problem.next(Next::act(&["host", "token", &asked.name])));
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(target: "sortie::audit", worker = asked.name, by = caller.name, "worker added");
    Ok(shown_once(&api, &asked.name, &token))
}

/// A new token; the old one is refused from the next request on.
pub(super) async fn rotate(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Answer {
    caller.require_admin(MANAGE)?;
    let token = random_token();
    if !api.app.store.put_worker_token(&name, &TokenDigest::of(token.expose()).hex(), api.app.clock.now()).await? {
        return Err(Problem::new(ErrorCode::NotFound, format!("there is no worker `{name}`")).next(Next::look(&["host", "list"])));
    }
    tracing::info!(target: "sortie::audit", worker = name, by = caller.name, "the token of a worker was made anew");
    Ok(shown_once(&api, &name, &token))
}

/// Add this machine as a host: jobs run here, beside the server.
pub(super) async fn add_local(State(api): State<Api>, bytes: Bytes) -> Answer {
    let asked: AddBody = body(&bytes)?;
    fitting(&asked)?;
    let root = asked.root.unwrap_or_else(|| format!("{}/local", api.app.home.path().display()));
    let root = Root::parse(&root).map_err(|error| Problem::new(ErrorCode::Usage, error))?;
    let facts = match api.app.local.ask_at(&asked.name, &root, None, Verb::Doctor { create_marker: true }).await {
        Ok(Reply::Doctor(facts)) => facts,
        Ok(other) => return Err(Problem::new(ErrorCode::HostFailed, format!("the shim answered doctor with {other:?}"))),
        Err(error) => return Err(Problem::new(ErrorCode::HostFailed, error.message)),
    };
    let host = Host {
        name: asked.name.clone(),
        launcher: LauncherKind::Local,
        address: "localhost".to_owned(),
        user: facts.user.clone(),
        state_root: facts.root.clone(),
        marker: facts.marker.clone(),
        arch: facts.uname.split(' ').next_back().map(str::to_owned),
        labels: asked.labels,
        slots: asked.slots,
        added_at: api.app.clock.now(),
        ..Host::default()
    };
    api.app.store.add_host(host).await.map_err(|error| match error {
        StoreError::Conflict(message) => Problem::new(ErrorCode::Conflict, message),
        error => error.into(),
    })?;
    let shown = json!({ "name": asked.name, "launcher": "local", "state_root": facts.root, "containment": facts.containment });
    Ok(Success::new(shown).next(Next::act(&["launch", "--on", &asked.name, "--wait", "--", "uname", "-a"])))
}

fn shown_once(api: &Api, name: &str, token: &Secret) -> Success {
    let server = api.app.config.audience();
    let shown = json!({ "name": name, "server": server, "token": token.expose_str().unwrap_or_default() });
    Success::new(shown).next(Next::act(&["worker", "--server", server, "--token-file", "worker.token"]))
}

fn fitting(asked: &AddBody) -> Result<(), Problem> {
    let usage = |message: String| Problem::new(ErrorCode::Usage, message);
    names::host(&asked.name).map_err(usage)?;
    names::labels(&asked.labels).map_err(usage)?;
    if asked.slots == Some(0) {
        return Err(usage("a host has at least one slot; one without `slots` has no limit".to_owned()));
    }
    Ok(())
}
