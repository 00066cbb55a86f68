//! `/v1/secrets`: values go in, and never come out again.

use super::answer::Answer;
use super::caller::Caller;
use super::operators::fitting_name;
use super::request::{body, query};
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::vault::limits::SECRET_BYTES;
use crate::vault::{VaultError, usages};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_flow::bundle::Bundle;
use sortie_keys::Secret;
use std::collections::{BTreeMap, BTreeSet};

const MANAGE: &str = "manage secrets";

/// A problem of the vault.
pub(super) fn problem(error: VaultError) -> Problem {
    let code = match &error {
        VaultError::Missing { .. } => ErrorCode::NotFound,
        VaultError::Store(_) => {
            let VaultError::Store(error) = error else { return Problem::new(ErrorCode::Failed, "no store") };
            return error.into();
        }
        VaultError::Sealed { .. } | VaultError::Connection { .. } => ErrorCode::Failed,
    };
    Problem::new(code, error.to_string())
}

/// Flows whose live release names a secret or a connection, by function and name.
pub(super) async fn named_by_flows(api: &Api) -> Result<BTreeMap<(String, String), BTreeSet<String>>, Problem> {
    let mut users: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for flow in api.app.store.flows().await? {
        let Some(digest) = &flow.live_digest else { continue };
        let Some(text) = api.app.store.bundle(digest).await? else { continue };
        let bundle: Bundle = serde_json::from_str(&text).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
        for (function, names) in usages::of_bundle(&bundle.files) {
            for name in names {
                users.entry((function.to_owned(), name)).or_default().insert(flow.name.clone());
            }
        }
    }
    Ok(users)
}

/// Who uses a secret: flows, and connections.
async fn used_by(api: &Api) -> Result<BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>, Problem> {
    let mut users: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for ((function, name), flows) in named_by_flows(api).await? {
        if function == "secret" {
            users.entry(name).or_default().0.extend(flows);
        }
    }
    for row in api.app.store.connections().await? {
        if let Ok(connection) = crate::vault::connection::Connection::from_row(&row) {
            for name in connection.secrets() {
                users.entry(name.to_owned()).or_default().1.insert(row.name.clone());
            }
        }
    }
    Ok(users)
}

/// All secrets by name: versions, when, by whom, who uses them. No values.
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Answer {
    caller.require_admin(MANAGE)?;
    let mut users = used_by(&api).await?;
    let rows = api.app.store.secrets().await?;
    let shown: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            let (flows, connections) = users.remove(&row.name).unwrap_or_default();
            json!({
                "name": row.name,
                "version": row.version,
                "set_at": rfc3339(row.at),
                "set_by": row.actor,
                "root": row.root,
                "flows": flows,
                "connections": connections,
            })
        })
        .collect();
    let missing: Vec<Value> = users
        .into_iter()
        .filter(|(_, (flows, connections))| !flows.is_empty() || !connections.is_empty())
        .map(|(name, (flows, connections))| json!({ "name": name, "flows": flows, "connections": connections }))
        .collect();
    Ok(Success::new(json!({ "secrets": shown, "missing": missing })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBody {
    value_base64: String,
}

/// Set a secret. Never remembered under a key: not even a digest of the request is kept.
pub(super) async fn set(State(api): State<Api>, caller: Caller, Path(name): Path<String>, bytes: Bytes) -> Answer {
    caller.require_admin(MANAGE)?;
    fitting_name("a secret", &name).map_err(|message| Problem::new(ErrorCode::Usage, message))?;
    // The message of a reader could quote the value.
    let bad = || Problem::new(ErrorCode::Usage, "the request's body is {\"value_base64\": \"...\"}, standard base64 with padding");
    let asked: SetBody = body(&bytes).map_err(|_| bad())?;
    let value = base64::engine::general_purpose::STANDARD.decode(asked.value_base64.as_bytes()).map_err(|_| bad())?;
    let value = Secret::new(value);
    if value.is_empty() {
        return Err(Problem::new(ErrorCode::Usage, "the value is empty"));
    }
    if value.expose().len() > SECRET_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("a secret has at most {SECRET_BYTES} bytes")));
    }
    let set = api.app.driver.vault().set(&name, &value, &caller.name, api.app.clock.now()).await;
    let (version, changed) = set.map_err(problem)?;
    let success = Success::new(json!({ "name": name, "version": version, "changed": changed }));
    Ok(success.next(Next::look(&["secret", "list"])))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoveQuery {
    /// Also where something names it.
    #[serde(default)]
    pub(super) force: bool,
}

/// Remove a secret. Refused while something names it, unless forced.
pub(super) async fn remove(State(api): State<Api>, caller: Caller, Path(name): Path<String>, uri: Uri) -> Answer {
    caller.require_admin(MANAGE)?;
    let asked: RemoveQuery = query(&uri)?;
    let (flows, connections) = used_by(&api).await?.remove(&name).unwrap_or_default();
    let in_use = !flows.is_empty() || !connections.is_empty();
    if in_use && !asked.force {
        let problem = Problem::new(ErrorCode::Conflict, format!("the secret `{name}` is in use"));
        let problem = problem.details(json!({ "flows": flows, "connections": connections }));
        return Err(problem.hint("change what names it, or remove it with --force: calls that name it will fail"));
    }
    if !api.app.store.remove_secret(&name, &caller.name, api.app.clock.now()).await? {
        return Err(Problem::new(ErrorCode::NotFound, format!("there is no secret `{name}`")).next(Next::look(&["secret", "list"])));
    }
    Ok(Success::new(json!({ "name": name, "removed": true })))
}
