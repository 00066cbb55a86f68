//! `POST /v1/hosts`: a machine is added by the key that it must show.

use super::{fingerprint, in_time, view};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::limits::{HOST_LABELS, HOST_NAME_CHARS};
use crate::http::api::request::body;
use crate::http::api::routes::Api;
use crate::ssh::enroll::{EnrollRequest, Expected};
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_store::StoreError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    address: String,
    #[serde(default = "ssh_port")]
    port: u16,
    user: String,
    /// A private key on the server; without it the installation's own.
    identity: Option<String>,
    #[serde(default)]
    agent: bool,
    expected: Option<ExpectedBody>,
    root: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    /// Jobs that may run there at once; without it there is no limit.
    slots: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExpectedBody {
    Fingerprint(String),
    Keys(Vec<String>),
    KnownHosts(String),
    TrustOnFirstUse(bool),
}

const fn ssh_port() -> u16 {
    22
}

/// Add a host: its key is compared with what is expected, then the shim is put there and the state root pinned.
pub(in crate::http::api) async fn add(State(api): State<Api>, bytes: Bytes) -> Answer {
    let asked: AddBody = body(&bytes)?;
    let login = fitting(&asked)?;
    if api.app.store.host(&asked.name).await?.is_some() {
        return Err(taken(&asked.name));
    }
    let expected = match &asked.expected {
        Some(ExpectedBody::Fingerprint(text)) => Expected::Fingerprint(text.clone()),
        Some(ExpectedBody::Keys(lines)) => Expected::Keys(lines.clone()),
        Some(ExpectedBody::KnownHosts(path)) => Expected::KnownHosts(path.into()),
        Some(ExpectedBody::TrustOnFirstUse(true)) => Expected::TrustOnFirstUse,
        Some(ExpectedBody::TrustOnFirstUse(false)) | None => return Err(offered(&api, &asked).await),
    };
    let trusted_blindly = expected == Expected::TrustOnFirstUse;
    let request = EnrollRequest {
        address: asked.address.clone(),
        port: asked.port,
        user: asked.user.clone(),
        login: login.clone(),
        expected: Some(expected),
        root: asked.root.clone(),
    };
    let enrolled = in_time(api.app.ssh.enroll(&request)).await?;
    let host = Host {
        name: asked.name.clone(),
        address: asked.address,
        port: asked.port,
        user: asked.user,
        login,
        host_keys: enrolled.host_keys,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        labels: asked.labels,
        callbacks: CallbackMode::default(),
        slots: asked.slots,
        added_at: api.app.clock.now(),
        ..Host::default()
    };
    match api.app.store.add_host(host.clone()).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Err(taken(&host.name)),
        Err(error) => return Err(error.into()),
    }
    let keys: Vec<Option<String>> = host.host_keys.iter().map(|line| fingerprint(line)).collect();
    tracing::info!(target: "sortie::audit", host = host.name, ?keys, trusted_on_first_use = trusted_blindly, "host added");
    let mut shown = view(&host, 0);
    shown["facts"] = serde_json::to_value(&enrolled.facts).unwrap_or_default();
    shown["trusted_on_first_use"] = trusted_blindly.into();
    if let Some(facts) = shown["facts"].as_object_mut() {
        facts.remove("marker");
    }
    Ok(Success::new(shown)
        .next(Next::look(&["host", "test", &host.name]))
        .next(Next::act(&["launch", "--on", &host.name, "--wait", "--", "uname", "-a"])))
}

fn taken(name: &str) -> Problem {
    Problem::new(ErrorCode::Conflict, format!("there is a host `{name}` already")).next(Next::look(&["host", "show", name]))
}

/// What can be wrong with the request itself; gives the login.
fn fitting(asked: &AddBody) -> Result<Login, Problem> {
    let usage = |message: String| Err(Problem::new(ErrorCode::Usage, message));
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !text.starts_with('-');
    if asked.name.is_empty() || asked.name.len() > HOST_NAME_CHARS || !letters(&asked.name) {
        return usage(format!("a host's name has 1 to {HOST_NAME_CHARS} lower-case letters, digits and `-`, and starts with no `-`"));
    }
    if asked.address.is_empty() || asked.user.is_empty() || asked.port == 0 {
        return usage("a host needs an address, a user and a port".to_owned());
    }
    if asked.labels.len() > HOST_LABELS
        || asked.labels.iter().any(|label| label.is_empty() || label.len() > HOST_NAME_CHARS || !letters(label))
    {
        return usage(format!("a host has at most {HOST_LABELS} labels, of the form of its name"));
    }
    if asked.slots == Some(0) {
        return usage("a host has at least one slot; one without `slots` has no limit".to_owned());
    }
    match (&asked.identity, asked.agent) {
        (Some(_), true) => usage("a host is logged in to by a key or by the agent, not by both".to_owned()),
        (Some(path), false) if !path.starts_with('/') => usage("the identity is an absolute path on the server's machine".to_owned()),
        (Some(path), false) => Ok(Login::Key(path.clone())),
        (None, true) => Ok(Login::Agent),
        (None, false) => Ok(Login::Key(String::new())),
    }
}

/// Nothing is expected of the host's key: show what it offers, and how to say that it is the right one.
async fn offered(api: &Api, asked: &AddBody) -> Problem {
    let seen = match in_time(api.app.ssh.scan(&asked.address, asked.port)).await {
        Ok(seen) => seen,
        Err(problem) => return problem,
    };
    let target = format!("{}@{}:{}", asked.user, asked.address, asked.port);
    let message = format!("{} offers the host key {}; nothing says yet that it is the right one", asked.address, seen.fingerprint);
    let fingerprint = fingerprint(&seen.key).unwrap_or_else(|| seen.fingerprint.clone());
    Problem::new(ErrorCode::HostUntrusted, message)
        .details(json!({ "offered": { "key": seen.key, "fingerprint": fingerprint } }))
        .hint("compare it with what the machine itself says (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then add it with that fingerprint")
        .next(Next::act(&["host", "add", &asked.name, &target, "--host-key-fingerprint", &fingerprint]))
}
