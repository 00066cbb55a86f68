//! `POST /v1/hosts/{name}`, `.../drain`, `.../ready`: what operators want of a host.

use super::{asked_host, shown};
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::http::api::answer::Answer;
use crate::http::api::request::body;
use crate::http::api::routes::Api;
use crate::launchers::names;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Deserializer};
use sortie_core::host::{CallbackMode, Host, HostState, LauncherKind};
use sortie_store::StoreError;

/// What is not named stays as it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SetBody {
    labels: Option<Vec<String>>,
    add_labels: Vec<String>,
    remove_labels: Vec<String>,
    /// `null` takes the limit away.
    #[serde(deserialize_with = "given")]
    slots: Option<Option<u32>>,
    callbacks: Option<CallbackMode>,
    own_user: Option<bool>,
    disk_floor_bytes: Option<u64>,
}

/// What is there, `null` too, is given.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::<u32>::deserialize(deserializer).map(Some)
}

/// Change what is set of a host. New jobs go by it; what runs goes on as it was launched.
pub(in crate::http::api) async fn set(State(api): State<Api>, Path(name): Path<String>, bytes: Bytes) -> Answer {
    let asked: SetBody = body(&bytes)?;
    let host = asked_host(&api, &name).await?;
    let changed = changed(host, asked).map_err(|message| Problem::new(ErrorCode::Usage, message))?;
    put(&api, changed).await
}

/// No new jobs; what runs there goes on.
pub(in crate::http::api) async fn drain(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    put(&api, Host { state: HostState::Draining, ..host }).await
}

/// New jobs again.
pub(in crate::http::api) async fn ready(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    let host = asked_host(&api, &name).await?;
    put(&api, Host { state: HostState::Ready, ..host }).await
}

async fn put(api: &Api, host: Host) -> Answer {
    match api.app.store.put_host(host.clone()).await {
        Ok(()) => {}
        Err(StoreError::NotFound(_)) => return Err(asked_host(api, &host.name).await.err().unwrap_or_else(|| gone(&host.name))),
        Err(error) => return Err(error.into()),
    }
    // It may take launches now that waited for it.
    api.app.driver.look_at_held().await;
    let success = Success::new(shown(api, &host).await?);
    Ok(success.next(Next::look(&["host", "show", &host.name])))
}

fn gone(name: &str) -> Problem {
    Problem::new(ErrorCode::NotFound, format!("there is no host `{name}`"))
}

/// The host as it is wanted.
fn changed(mut host: Host, asked: SetBody) -> Result<Host, String> {
    if let Some(labels) = asked.labels {
        host.labels = labels;
    }
    host.labels.retain(|label| !asked.remove_labels.contains(label));
    for label in asked.add_labels {
        if !host.labels.contains(&label) {
            host.labels.push(label);
        }
    }
    names::labels(&host.labels)?;
    match asked.slots {
        Some(Some(0)) => {
            return Err("a host has at least one slot; `none` takes the limit away, `host drain` keeps new jobs off".to_owned());
        }
        Some(slots) => host.slots = slots,
        None => {}
    }
    if let Some(callbacks) = asked.callbacks {
        if host.launcher == LauncherKind::Worker && callbacks != CallbackMode::Push {
            return Err("nobody can collect from a worker: it posts".to_owned());
        }
        host.callbacks = callbacks;
    }
    if host.sudo && asked.own_user == Some(false) {
        return Err("its shim becomes root by sudo, so its jobs have users of their own; add the host again without --sudo".to_owned());
    }
    host.own_user = asked.own_user.unwrap_or(host.own_user);
    host.disk_floor_bytes = asked.disk_floor_bytes.unwrap_or(host.disk_floor_bytes);
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host { name: "vm".to_owned(), labels: vec!["a".to_owned(), "b".to_owned()], slots: Some(2), own_user: true, ..Host::default() }
    }

    fn set(text: &str) -> Result<Host, String> {
        changed(host(), serde_json::from_str(text).unwrap())
    }

    #[test]
    fn jobs_of_a_shim_that_became_root_keep_their_users() {
        let by_sudo = |own_user| changed(Host { sudo: true, ..host() }, SetBody { own_user: Some(own_user), ..SetBody::default() });
        assert!(by_sudo(true).is_ok());
        assert!(by_sudo(false).unwrap_err().contains("--sudo"));
    }

    #[test]
    fn only_what_is_named_changes() {
        assert_eq!(set("{}").unwrap(), host());
        assert_eq!(set(r#"{"slots": null}"#).unwrap().slots, None);
        assert_eq!(set(r#"{"slots": 5}"#).unwrap(), Host { slots: Some(5), ..host() });
        assert_eq!(
            set(r#"{"callbacks": "pull", "own_user": false}"#).unwrap(),
            Host { callbacks: CallbackMode::Pull, own_user: false, ..host() }
        );
        assert_eq!(set(r#"{"add_labels": ["c", "a"], "remove_labels": ["b"]}"#).unwrap().labels, ["a", "c"]);
        assert!(set(r#"{"labels": []}"#).unwrap().labels.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [r#"{"slots": 0}"#, r#"{"labels": ["A"]}"#, r#"{"add_labels": ["-x"]}"#] {
            assert!(set(bad).is_err(), "{bad}");
        }
    }
}
