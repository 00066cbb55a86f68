//! `/v1/hosts`: adding a machine by its key, testing, removing.

use super::answer::Answer;
use super::limits::{HOST_LABELS, HOST_MS, HOST_NAME_CHARS};
use super::request::body;
use super::routes::Api;
use crate::clock::rfc3339;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::launcher::AskError;
use crate::ssh::enroll::{EnrollRequest, Expected};
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::failure::FailureKind;
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_keys::pin::Pin;
use sortie_store::StoreError;
use std::future::Future;
use std::time::Duration;

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

fn fingerprint(line: &str) -> Option<String> {
    line.parse::<Pin>().ok().map(|pin| pin.fingerprint())
}

async fn open_on(api: &Api, name: &str) -> Result<usize, Problem> {
    let open = api.app.store.open_attempts().await?;
    Ok(open.iter().filter(|(_, attempt)| attempt.handed.as_ref().is_some_and(|handed| handed.host == name)).count())
}

/// The host of this name.
///
/// # Errors
/// `not_found`.
pub(super) async fn asked_host(api: &Api, name: &str) -> Result<Host, Problem> {
    let none = || Problem::new(ErrorCode::NotFound, format!("there is no host `{name}`")).next(Next::look(&["host", "list"]));
    api.app.store.host(name).await?.ok_or_else(none)
}

/// A host that could not be asked, as a problem.
pub(super) fn not_asked(error: AskError) -> Problem {
    let code = match error.kind {
        FailureKind::Unreachable => ErrorCode::Unreachable,
        FailureKind::HostKey | FailureKind::WrongMachine => ErrorCode::HostUntrusted,
        _ => ErrorCode::HostFailed,
    };
    Problem::new(code, error.message).details(json!({ "kind": error.kind }))
}

/// All hosts by name.
pub(super) async fn list(State(api): State<Api>) -> Answer {
    let open = api.app.store.open_attempts().await?;
    let on = |name: &str| open.iter().filter(|(_, attempt)| attempt.handed.as_ref().is_some_and(|handed| handed.host == name)).count();
    let hosts: Vec<Value> = api.app.store.hosts().await?.iter().map(|host| view(host, on(&host.name))).collect();
    Ok(Success::new(json!({ "hosts": hosts })))
}

/// One host.
pub(super) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let open = open_on(&api, &name).await?;
    Ok(Success::new(view(&host, open)).next(Next::look(&["host", "test", &name])))
}

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
pub(super) async fn add(State(api): State<Api>, bytes: Bytes) -> Answer {
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

/// Bound the whole of it: each phase has its own limit, and there are several.
async fn in_time<T>(asking: impl Future<Output = Result<T, AskError>>) -> Result<T, Problem> {
    match tokio::time::timeout(Duration::from_millis(HOST_MS), asking).await {
        Ok(answer) => answer.map_err(not_asked),
        Err(_) => Err(Problem::new(ErrorCode::Unreachable, format!("the host did not answer within {} s", HOST_MS / 1_000))),
    }
}

/// Reach a host on a connection of its own: each phase with its time, and what the machine says of itself.
pub(super) async fn test(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let clock = api.app.clock;
    let now = move || clock.now();
    let report = in_time(api.app.ssh.test(&host, &now)).await?;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let elsewhere = host.address != "localhost" && !host.address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let findings = findings(&report.facts, report.clock_skew_ms, api.app.config.audience(), elsewhere);
    let mut facts = serde_json::to_value(&report.facts).unwrap_or_default();
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("marker");
    }
    Ok(Success::new(json!({
        "name": host.name,
        "phases": {
            "connect_ms": ms(report.timings.connect),
            "key_exchange_ms": ms(report.timings.kex),
            "login_ms": ms(report.timings.auth),
            "session_ms": ms(report.session),
            "answer_ms": ms(report.answer),
        },
        "shim_uploaded": report.uploaded,
        "clock_skew_ms": report.clock_skew_ms,
        "facts": facts,
        "findings": findings,
    })))
}

/// What is not right on a machine that answered, with its fix.
fn findings(facts: &sortie_protocol::view::HostFacts, skew_ms: i64, public_url: &str, elsewhere: bool) -> Value {
    let mut found = Vec::new();
    let mut add = |what: String, fix: &str| found.push(json!({ "level": "warning", "message": what, "fix": fix }));
    if facts.free_bytes < 1 << 30 {
        add(format!("{} MiB are free under {}", facts.free_bytes >> 20, facts.root), "make room: job output and results are kept there");
    }
    if skew_ms.abs() > 60_000 {
        add(format!("its clock is {skew_ms} ms off"), "run an NTP client on it; nothing here depends on it, agents might");
    }
    if facts.containment != "cgroup" {
        add(
            format!("jobs are held by `{}`", facts.containment),
            "a cgroup holds them better: enable lingering for the user (`loginctl enable-linger`)",
        );
    }
    let loopback = ["http://127.", "http://localhost", "http://[::1]"].iter().any(|start| public_url.starts_with(start));
    if loopback && elsewhere {
        add(
            format!("callbacks go to {public_url}, which is the machine itself"),
            "set public_url in config.toml to an address that the machine can reach",
        );
    }
    Value::Array(found)
}

/// Remove a host. Refused while attempts on it are open.
pub(super) async fn remove(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    match api.app.store.remove_host(&host.name).await {
        Ok(removed) => Ok(Success::new(json!({ "name": host.name, "removed": removed, "state_root": host.state_root }))),
        Err(StoreError::Conflict(_)) => {
            let open = open_on(&api, &name).await?;
            let problem = Problem::new(ErrorCode::Conflict, format!("{open} attempts on `{name}` are open"));
            Err(problem.hint("cancel their runs, or wait for them").next(Next::look(&["runs", "list"])))
        }
        Err(error) => Err(error.into()),
    }
}
