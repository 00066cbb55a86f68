//! `/v1/hosts/{name}/keys`: what is pinned against what is offered, and taking another key after a planned change.
//!
//! A key that is offered is never taken by itself (F080, F081): the operator names the fingerprint that the machine's owner has told.

use super::{asked_host, fingerprint, in_time, shown};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::request::body;
use crate::http::api::routes::Api;
use crate::ssh::pins::split_revoked;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sortie_core::host::{Host, LauncherKind};

/// Which machine is meant.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct Which {
    /// A machine on the way, counted from 1, nearest to the server first; the host itself without it.
    jump: Option<usize>,
}

/// Pinned and offered keys. Looking costs a handshake for each type of key and believes nothing.
pub(in crate::http::api) async fn show(State(api): State<Api>, Path(name): Path<String>, Query(which): Query<Which>) -> Answer {
    let host = asked_host(&api, &name).await?;
    let machine = machine(&host, which)?;
    let offered = offered(&api, &host, machine).await?;
    let lines = pinned(&host, machine).into_iter();
    let success = Success::new(json!({
        "name": host.name,
        "address": address(&host, machine),
        "pinned": lines.map(|line| json!({ "key": line, "fingerprint": fingerprint(&line) })).collect::<Value>(),
        "offered": offered.iter().map(|key| json!(key)).collect::<Value>(),
    }));
    if offered.iter().any(|key| key.pinned) {
        return Ok(success);
    }
    let jump = which.jump.map(|jump| jump.to_string());
    let accept = |key: &OfferedKey| {
        let mut words = vec!["host", "keys", "accept", &host.name, "--fingerprint", &key.fingerprint];
        words.extend(jump.iter().flat_map(|jump| ["--jump", jump.as_str()]));
        Next::act(&words)
    };
    Ok(offered.iter().map(accept).fold(success, Success::next))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptBody {
    /// `SHA256:...`, as the machine's owner has told it.
    fingerprint: String,
    /// See [`Which`].
    jump: Option<usize>,
}

/// Pin the key that is offered with this fingerprint; it takes the place of those that were pinned.
pub(in crate::http::api) async fn accept(State(api): State<Api>, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: AcceptBody = body(&bytes)?;
    let mut host = asked_host(&api, &name).await?;
    let machine = machine(&host, Which { jump: asked.jump })?;
    let offered = offered(&api, &host, machine).await?;
    let wanted = asked.fingerprint.trim_end_matches('=');
    let Some(key) = offered.iter().find(|key| key.fingerprint == wanted) else {
        let given: Vec<&str> = offered.iter().map(|key| key.fingerprint.as_str()).collect();
        let given = if given.is_empty() { "no key that can be pinned".to_owned() } else { given.join(" and ") };
        let message = format!("the host offers {given}, not {wanted}; nothing was changed");
        let hint = "if nobody has changed the machine's keys, somebody is in between";
        return Err(Problem::new(ErrorCode::HostUntrusted, message).details(json!({ "offered": offered })).hint(hint));
    };
    let lines = host.jumps.get_mut(machine).map_or(&mut host.host_keys, |jump| &mut jump.host_keys);
    let (kept, before) = split_revoked(lines);
    *lines = std::iter::once(key.key.clone()).chain(kept).collect();
    let before: Vec<Option<String>> = before.iter().map(|line| fingerprint(line)).collect();
    api.app.store.put_host(host.clone()).await?;
    let address = address(&host, machine);
    tracing::warn!(target: "sortie::audit", host = host.name, address, ?before, after = wanted, "another host key was accepted");
    let mut data = shown(&api, &host).await?;
    data["replaced"] = json!(before);
    Ok(Success::new(data).next(Next::look(&["host", "test", &host.name])))
}

/// The machines on the way counted from 0; their number is the host itself.
fn machine(host: &Host, which: Which) -> Result<usize, Problem> {
    let usage = |message: String| Problem::new(ErrorCode::Usage, message);
    if host.launcher != LauncherKind::Ssh {
        return Err(usage(format!("`{}` is not reached over SSH: it has no host key", host.name)));
    }
    match which.jump {
        None => Ok(host.jumps.len()),
        Some(jump) if (1..=host.jumps.len()).contains(&jump) => Ok(jump - 1),
        Some(jump) => Err(usage(format!("there is no machine {jump} on the way to `{}`; there are {}", host.name, host.jumps.len()))),
    }
}

fn address(host: &Host, machine: usize) -> &str {
    host.jumps.get(machine).map_or(&host.address, |jump| &jump.address)
}

/// Lines of the keys that it may show.
fn pinned(host: &Host, machine: usize) -> Vec<String> {
    split_revoked(host.jumps.get(machine).map_or(&host.host_keys, |jump| &jump.host_keys)).1
}

/// A key that a machine shows to somebody who does not log in.
#[derive(Serialize)]
struct OfferedKey {
    key: String,
    fingerprint: String,
    pinned: bool,
}

async fn offered(api: &Api, host: &Host, machine: usize) -> Result<Vec<OfferedKey>, Problem> {
    let seen = in_time(Box::pin(api.app.ssh.scan_host(host, machine))).await?;
    let known: Vec<Option<String>> = pinned(host, machine).into_iter().map(|line| fingerprint(&line)).collect();
    let with_pins = seen.into_iter().filter_map(|offered| {
        let fingerprint = fingerprint(&offered.key)?;
        Some(OfferedKey { pinned: known.contains(&Some(fingerprint.clone())), key: offered.key, fingerprint })
    });
    Ok(with_pins.collect())
}
