//! `/v1/hosts/{name}/keys`: what is pinned against what is offered, and taking another key after a planned change.
//!
//! A key that is offered is never taken by itself (F080, F081): the operator names the fingerprint that the machine's owner has told.

use super::{asked_host, fingerprint, in_time, shown};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::request::body;
use crate::http::api::routes::Api;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::host::{Host, LauncherKind};

/// Pinned and offered keys. Looking costs a handshake and believes nothing.
pub(in crate::http::api) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    of_ssh(&host)?;
    let offered = offered(&api, &host).await?;
    let known = offered["pinned"] == true;
    let success = Success::new(json!({
        "name": host.name,
        "pinned": host.host_keys.iter().map(|line| json!({ "key": line, "fingerprint": fingerprint(line) })).collect::<Value>(),
        "offered": offered,
    }));
    let given = offered["fingerprint"].as_str().unwrap_or_default();
    Ok(if known { success } else { success.next(Next::act(&["host", "keys", "accept", &host.name, "--fingerprint", given])) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptBody {
    /// `SHA256:...`, as the machine's owner has told it.
    fingerprint: String,
}

/// Pin the key that is offered, if it has this fingerprint; it takes the place of those that were pinned.
pub(in crate::http::api) async fn accept(State(api): State<Api>, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: AcceptBody = body(&bytes)?;
    let host = asked_host(&api, &name).await?;
    of_ssh(&host)?;
    let offered = offered(&api, &host).await?;
    let wanted = asked.fingerprint.trim_end_matches('=');
    let (Some(key), Some(given)) = (offered["key"].as_str(), offered["fingerprint"].as_str()) else {
        return Err(Problem::new(ErrorCode::HostFailed, "the host offers no key that can be pinned"));
    };
    if given != wanted {
        let message = format!("the host offers {given}, not {wanted}; nothing was changed");
        let hint = "if nobody has changed the machine's keys, somebody is in between";
        return Err(Problem::new(ErrorCode::HostUntrusted, message).details(json!({ "offered": offered })).hint(hint));
    }
    let before: Vec<Option<String>> = host.host_keys.iter().map(|line| fingerprint(line)).collect();
    let changed = Host { host_keys: vec![key.to_owned()], ..host };
    api.app.store.put_host(changed.clone()).await?;
    tracing::warn!(target: "sortie::audit", host = changed.name, ?before, after = given, "another host key was accepted");
    let mut data = shown(&api, &changed).await?;
    data["replaced"] = json!(before);
    Ok(Success::new(data).next(Next::look(&["host", "test", &changed.name])))
}

fn of_ssh(host: &Host) -> Result<(), Problem> {
    if host.launcher == LauncherKind::Ssh {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::Usage, format!("`{}` is not reached over SSH: it has no host key", host.name)))
}

/// What the host shows to somebody who does not log in.
async fn offered(api: &Api, host: &Host) -> Result<Value, Problem> {
    let seen = in_time(Box::pin(api.app.ssh.scan_of(host))).await?;
    let given = fingerprint(&seen.key).unwrap_or_else(|| seen.fingerprint.clone());
    let pinned = host.host_keys.iter().any(|line| fingerprint(line).as_deref() == Some(given.as_str()));
    Ok(json!({ "key": seen.key, "fingerprint": given, "pinned": pinned }))
}
