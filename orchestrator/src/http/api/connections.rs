//! `/v1/connections`: where the server sends to. Secrets by name only.

use super::answer::Answer;
use super::caller::Caller;
use super::operators::fitting_name;
use super::request::{body, query};
use super::routes::Api;
use super::secrets::{RemoveQuery, named_by_flows, problem};
use crate::clock::rfc3339;
use crate::driver::notices::test_message;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::outbound::limits::{NOTICE_ANSWER_BYTES, NOTICE_MS};
use crate::outbound::{Fault, Request};
use crate::vault::connection::Connection;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_store::StoreError;
use sortie_store::model::vault::ConnectionRow;
use std::collections::BTreeSet;
use std::time::Duration;

const MANAGE: &str = "manage connections";

fn view(row: &ConnectionRow) -> Value {
    let mut shown = row.data.clone();
    shown["name"] = row.name.clone().into();
    shown["kind"] = row.kind.clone().into();
    shown["changed_at"] = rfc3339(row.at).into();
    shown["changed_by"] = row.actor.clone().into();
    shown
}

fn none(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no connection `{name}`")).next(Next::look(&["connection", "list"]))
}

/// All connections by name.
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Answer {
    caller.require_admin(MANAGE)?;
    let rows = api.app.store.connections().await?;
    Ok(Success::new(json!({ "connections": rows.iter().map(view).collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
struct AddBody {
    name: String,
    /// Take the place of one of the same name: another account, and no flow changes.
    #[serde(default)]
    replace: bool,
    connection: Connection,
}

/// Add a connection, or replace one.
pub(super) async fn add(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    caller.require_admin(MANAGE)?;
    let AddBody { name, replace, connection } = body(&bytes)?;
    let usage = |message: String| Problem::new(ErrorCode::Usage, message);
    fitting_name("a connection", &name).map_err(usage)?;
    connection.check().map_err(usage)?;
    let vault = api.app.driver.vault();
    for secret in connection.secrets() {
        vault.secret(secret).await.map_err(|error| problem(error).next(Next::act(&["secret", "set", secret])))?;
    }
    let row = ConnectionRow {
        name,
        kind: connection.kind.as_str().to_owned(),
        data: serde_json::to_value(&connection).map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?,
        at: api.app.clock.now(),
        actor: caller.name,
    };
    match api.app.store.put_connection(row.clone(), replace).await {
        Ok(()) => Ok(Success::new(view(&row)).next(Next::act(&["connection", "test", &row.name]))),
        Err(StoreError::Conflict(message)) => {
            Err(Problem::new(ErrorCode::Conflict, message).hint("--replace puts this one into its place"))
        }
        Err(error) => Err(error.into()),
    }
}

async fn users(api: &Api, name: &str) -> Result<(BTreeSet<String>, bool), Problem> {
    let mut flows = named_by_flows(api).await?.remove(&("connection".to_owned(), name.to_owned())).unwrap_or_default();
    for flow in api.app.store.flows().await?.into_iter().filter(|flow| flow.live.is_some()) {
        let manifest: Value = serde_json::from_str(&flow.manifest).unwrap_or_default();
        let told = manifest["notify"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["to"] == name));
        if told {
            flows.insert(flow.name);
        }
    }
    Ok((flows, api.app.config.notify.iter().any(|rule| rule.to == name)))
}

/// Who uses a connection.
pub(super) async fn usages(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Answer {
    caller.require_admin(MANAGE)?;
    let row = api.app.store.connection(&name).await?.ok_or_else(|| none(&name))?;
    let (flows, default) = users(&api, &name).await?;
    let secrets: Vec<String> =
        Connection::from_row(&row).map(|connection| connection.secrets().map(str::to_owned).collect()).unwrap_or_default();
    Ok(Success::new(json!({ "name": name, "flows": flows, "default_for_notices": default, "secrets": secrets })))
}

/// Remove a connection. Refused while something names it, unless forced.
pub(super) async fn remove(State(api): State<Api>, caller: Caller, Path(name): Path<String>, uri: Uri) -> Answer {
    caller.require_admin(MANAGE)?;
    let asked: RemoveQuery = query(&uri)?;
    let (flows, default) = users(&api, &name).await?;
    if !asked.force && (default || !flows.is_empty()) {
        let problem = Problem::new(ErrorCode::Conflict, format!("the connection `{name}` is in use"));
        let problem = problem.details(json!({ "flows": flows, "default_for_notices": default }));
        return Err(problem.hint("change what names it, or remove it with --force"));
    }
    if api.app.store.remove_connection(&name).await? {
        Ok(Success::new(json!({ "name": name, "removed": true })))
    } else {
        Err(none(&name))
    }
}

/// Send something through it: a message, or for an API a `GET` of its address. Says what came of it.
pub(super) async fn test(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Answer {
    caller.require_admin(MANAGE)?;
    let connection = api.app.driver.vault().connection(&name).await.map_err(problem)?;
    if connection.kind.tells() {
        let message = test_message(&name, &caller.name, api.app.clock.now());
        return match api.app.driver.tell(&name, &message).await {
            Ok(()) => Ok(Success::new(json!({ "name": name, "sent": true }))),
            Err(not) => {
                Err(Problem::new(ErrorCode::Unreachable, format!("`{name}`: {}", not.message)).details(json!({ "again": not.again })))
            }
        };
    }
    let url = api.app.driver.connection_url(&connection).await.map_err(|message| Problem::new(ErrorCode::Failed, message))?;
    let headers = api.app.driver.connection_headers(&connection).await.map_err(|message| Problem::new(ErrorCode::Failed, message))?;
    let request = Request {
        method: reqwest::Method::GET,
        url,
        headers,
        body: Vec::new(),
        timeout: Duration::from_millis(NOTICE_MS),
        response_bytes: NOTICE_ANSWER_BYTES,
        allow_private: connection.allow_private,
    };
    match api.app.driver.outbound().send(request).await {
        Ok(answer) => Ok(Success::new(json!({ "name": name, "status": answer.status }))),
        Err(Fault::TooLarge(_)) => Ok(Success::new(json!({ "name": name, "status": null }))),
        Err(Fault::Policy(message)) => Err(Problem::new(ErrorCode::Forbidden, message)),
        Err(fault) => Err(Problem::new(ErrorCode::Unreachable, format!("`{name}`: {fault}"))),
    }
}
