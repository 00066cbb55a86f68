//! `/v1/operators`: people with names, roles and tokens. A token is shown once, where it is made; its digest is what is kept.

use super::answer::Answer;
use super::caller::{Caller, EVERY_ROLE, OWNER};
use super::limits::{OPERATOR_ROLES, VAULT_NAME_CHARS};
use super::request::body;
use super::routes::Api;
use super::token::TokenDigest;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::setup::random_token;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_store::StoreError;
use sortie_store::model::vault::OperatorRow;

const MANAGE: &str = "manage operators";

fn view(row: &OperatorRow) -> Value {
    json!({
        "name": row.name,
        "roles": row.roles,
        "added_at": rfc3339(row.added_at),
        "added_by": row.added_by,
        "token_at": rfc3339(row.token_at),
    })
}

/// Everybody, by name.
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Answer {
    caller.require_admin(MANAGE)?;
    let rows = api.app.store.operators().await?;
    Ok(Success::new(json!({ "operators": rows.iter().map(view).collect::<Vec<_>>() })))
}

/// Who asks.
pub(super) async fn whoami(caller: Caller) -> Answer {
    Ok(Success::new(json!({ "name": caller.name, "roles": caller.roles })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
}

/// Add somebody; the answer has their token, and is never kept.
pub(super) async fn add(State(api): State<Api>, caller: Caller, bytes: Bytes) -> Answer {
    caller.require_admin(MANAGE)?;
    let asked: AddBody = body(&bytes)?;
    fitting(&asked)?;
    let (token, now) = (random_token(), api.app.clock.now());
    let row = OperatorRow {
        name: asked.name,
        roles: asked.roles,
        digest: TokenDigest::of(token.expose()).hex(),
        added_at: now,
        added_by: caller.name,
        token_at: now,
    };
    match api.app.store.add_operator(row.clone()).await {
        Ok(()) => {}
        Err(StoreError::Conflict(message)) => {
            let problem = Problem::new(ErrorCode::Conflict, message).hint("a lost token is made anew, not shown again");
            return Err(problem.next(Next::act(&["operator", "token", "rotate", &row.name])));
        }
        Err(error) => return Err(error.into()),
    }
    tracing::info!(target: "sortie::audit", operator = row.name, roles = ?row.roles, by = row.added_by, "operator added");
    Ok(shown_once(&row, &token).next(Next::look(&["operator", "list"])))
}

/// A new token; the old one is refused from the next request on.
pub(super) async fn rotate(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Answer {
    // Everybody may replace their own.
    if caller.name != name {
        caller.require_admin(MANAGE)?;
    }
    if name == OWNER {
        let problem = Problem::new(ErrorCode::Usage, format!("`{OWNER}` is the installation's own token, a file of its home"));
        return Err(problem.hint("write another one into operator.token (mode 0600) and start the server again"));
    }
    let row = found(&api, &name).await?;
    let token = random_token();
    let row = OperatorRow { digest: TokenDigest::of(token.expose()).hex(), token_at: api.app.clock.now(), ..row };
    api.app.store.put_operator(row.clone()).await?;
    Ok(shown_once(&row, &token))
}

/// Remove somebody: their token is refused from the next request on. What they did keeps their name.
pub(super) async fn remove(State(api): State<Api>, caller: Caller, Path(name): Path<String>) -> Answer {
    caller.require_admin(MANAGE)?;
    found(&api, &name).await?;
    let removed = api.app.store.remove_operator(&name).await?;
    Ok(Success::new(json!({ "name": name, "removed": removed })))
}

async fn found(api: &Api, name: &str) -> Result<OperatorRow, Problem> {
    let none = || Problem::new(ErrorCode::NotFound, format!("there is no operator `{name}`")).next(Next::look(&["operator", "list"]));
    api.app.store.operator(name).await?.ok_or_else(none)
}

fn shown_once(row: &OperatorRow, token: &sortie_keys::Secret) -> Success {
    let mut shown = view(row);
    shown["token"] = token.expose_str().unwrap_or_default().into();
    Success::new(shown)
}

fn fitting(asked: &AddBody) -> Result<(), Problem> {
    let usage = |message: String| Err(Problem::new(ErrorCode::Usage, message));
    if let Err(message) = fitting_name("an operator", &asked.name) {
        return usage(message);
    }
    if asked.name == OWNER {
        return usage(format!("`{OWNER}` is whoever holds the installation's own token; choose another name"));
    }
    if asked.roles.len() > OPERATOR_ROLES {
        return usage(format!("an operator has at most {OPERATOR_ROLES} roles"));
    }
    match asked.roles.iter().find(|role| *role != EVERY_ROLE && fitting_name("a role", role).is_err()) {
        Some(role) => usage(format!("`{role}` is no role: letters, digits, `-`, `_` and `.`, or `*` for all of them")),
        None => Ok(()),
    }
}

/// Names of operators, roles, secrets and connections: they stand in commands, paths and logs as they are.
///
/// # Errors
/// What is wrong with it.
pub(super) fn fitting_name(what: &str, name: &str) -> Result<(), String> {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if letters && first && name.len() <= VAULT_NAME_CHARS {
        return Ok(());
    }
    Err(format!("{what}'s name has 1 to {VAULT_NAME_CHARS} letters, digits, `-`, `_` and `.`, and starts with a letter or digit"))
}
