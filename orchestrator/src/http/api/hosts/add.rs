//! `POST /v1/hosts`: a machine is added by the key, or the certificate, that it must show.

use super::place::{self, ExpectedBody, JumpBody, LoginBody, ssh_port};
use super::{fingerprint, in_time, view};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::request::body;
use crate::http::api::routes::Api;
use crate::launchers::names;
use crate::ssh::enroll::{EnrollRequest, Enrolled, Expected, Place};
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use sortie_core::host::Host;
use sortie_store::StoreError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    address: String,
    #[serde(default = "ssh_port")]
    port: u16,
    user: String,
    /// See [`LoginBody`].
    identity: Option<String>,
    certificate: Option<String>,
    #[serde(default)]
    agent: bool,
    agent_key: Option<String>,
    expected: Option<ExpectedBody>,
    /// The name that it has in known_hosts and certificates, where that is not the address.
    key_name: Option<String>,
    /// The alias that all of this was read from.
    alias: Option<String>,
    /// Machines on the way, nearest first.
    #[serde(default)]
    jumps: Vec<JumpBody>,
    root: Option<String>,
    /// Path of a shim that is installed there; none is sent then.
    shim: Option<String>,
    /// Whether the login becomes root by `sudo`.
    #[serde(default)]
    sudo: bool,
    #[serde(default)]
    labels: Vec<String>,
    /// Jobs that may run there at once; without it there is no limit.
    slots: Option<u32>,
}

/// Add a host: its key is compared with what is expected, then the shim is put there and the state root pinned.
pub(in crate::http::api) async fn add(State(api): State<Api>, bytes: Bytes) -> Answer {
    let asked: AddBody = body(&bytes)?;
    fitting(&asked)?;
    let request = request(&asked)?;
    if api.app.store.host(&asked.name).await?.is_some() {
        return Err(taken(&asked.name));
    }
    // Nothing is expected of one of them: show what the first such offers.
    let way: Vec<&Place> = request.jumps.iter().chain([&request.host]).collect();
    if let Some(at) = way.iter().position(|place| place.expected.is_none()) {
        return Err(offered(&api, &asked.name, &request, at).await);
    }
    let trusted_blindly = way.iter().any(|place| place.expected == Some(Expected::TrustOnFirstUse));
    let enrolled = in_time(Box::pin(api.app.ssh.enroll(&request))).await?;
    let facts = serde_json::to_value(&enrolled.facts).unwrap_or_default();
    let host = host(asked, request, enrolled, api.app.clock.now());
    match api.app.store.add_host(host.clone()).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => return Err(taken(&host.name)),
        Err(error) => return Err(error.into()),
    }
    let keys: Vec<Option<String>> = host.host_keys.iter().chain(&host.host_cas).map(|line| fingerprint(line)).collect();
    tracing::info!(target: "sortie::audit", host = host.name, ?keys, trusted_on_first_use = trusted_blindly, "host added");
    let mut shown = view(&host, 0);
    shown["facts"] = facts;
    shown["trusted_on_first_use"] = trusted_blindly.into();
    if let Some(facts) = shown["facts"].as_object_mut() {
        facts.remove("marker");
    }
    Ok(Success::new(shown)
        .next(Next::look(&["host", "test", &host.name]))
        .next(Next::act(&["launch", "--on", &host.name, "--wait", "--", "uname", "-a"])))
}

fn host(asked: AddBody, request: EnrollRequest, enrolled: Enrolled, now: i64) -> Host {
    let Place { address, port, user, login, key_name, .. } = request.host;
    Host {
        name: asked.name,
        address,
        port,
        user,
        login,
        key_name,
        host_keys: enrolled.host_keys,
        host_cas: enrolled.host_cas,
        jumps: enrolled.jumps,
        alias: asked.alias,
        state_root: enrolled.state_root,
        marker: enrolled.marker,
        arch: enrolled.arch,
        shim: request.shim,
        // Nobody asks for root in order to run agents as root.
        own_user: request.sudo,
        sudo: request.sudo,
        labels: asked.labels,
        slots: asked.slots,
        added_at: now,
        ..Host::default()
    }
}

fn taken(name: &str) -> Problem {
    Problem::new(ErrorCode::Conflict, format!("there is a host `{name}` already")).next(Next::look(&["host", "show", name]))
}

fn request(asked: &AddBody) -> Result<EnrollRequest, Problem> {
    let login = LoginBody {
        identity: asked.identity.clone(),
        certificate: asked.certificate.clone(),
        agent: asked.agent,
        agent_key: asked.agent_key.clone(),
    };
    let host = place::place(&asked.address, asked.port, &asked.user, &login, asked.expected.as_ref(), asked.key_name.as_deref())?;
    let jumps = place::jumps(&asked.jumps)?;
    Ok(EnrollRequest { host, jumps, root: asked.root.clone(), shim: asked.shim.clone(), sudo: asked.sudo })
}

/// What can be wrong with the request itself, beside its machines.
fn fitting(asked: &AddBody) -> Result<(), Problem> {
    let usage = |message: String| Err(Problem::new(ErrorCode::Usage, message));
    names::host(&asked.name).map_err(|message| Problem::new(ErrorCode::Usage, message))?;
    names::labels(&asked.labels).map_err(|message| Problem::new(ErrorCode::Usage, message))?;
    if asked.slots == Some(0) {
        return usage("a host has at least one slot; one without `slots` has no limit".to_owned());
    }
    Ok(())
}

/// Nothing is expected of a machine's key: show what it offers, and how to say that it is the right one. `at` counts the
/// machines on the way; the number of them is the host itself.
async fn offered(api: &Api, name: &str, request: &EnrollRequest, at: usize) -> Problem {
    let jumps = &request.jumps[..at];
    let place = request.jumps.get(at).unwrap_or(&request.host);
    let seen = match in_time(Box::pin(api.app.ssh.scan_behind(jumps, place))).await {
        Ok(seen) => seen,
        Err(problem) => return problem,
    };
    let fingerprint = fingerprint(&seen.key).unwrap_or_else(|| seen.fingerprint.clone());
    let message = format!("{} offers the host key {}; nothing says yet that it is the right one", place.address, seen.fingerprint);
    let problem = Problem::new(ErrorCode::HostUntrusted, message)
        .details(json!({ "offered": { "address": place.address, "key": seen.key, "fingerprint": fingerprint } }));
    let compare = "compare it with what the machine itself says (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), then add";
    if at < request.jumps.len() {
        let earlier = if at == 0 { String::new() } else { format!(" after the {at} given before") };
        return problem.hint(format!("{compare} --jump-host-key-fingerprint {fingerprint}{earlier}"));
    }
    if !request.jumps.is_empty() {
        return problem.hint(format!("{compare} --host-key-fingerprint {fingerprint}"));
    }
    let target = format!("{}@{}:{}", place.user, place.address, place.port);
    problem.hint(format!("{compare} it with that fingerprint")).next(Next::act(&[
        "host",
        "add",
        name,
        &target,
        "--host-key-fingerprint",
        &fingerprint,
    ]))
}
