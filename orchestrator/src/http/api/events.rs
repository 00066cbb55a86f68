//! `/v1/events`: outside events, which runs wait for by name and key.

use super::answer::Answer;
use super::caller::Caller;
use super::idempotency;
use super::request::{body, query};
use super::routes::Api;
use crate::clock::rfc3339;
use crate::driver::entropy;
use crate::envelope::{Next, Problem, Success};
use crate::error_code::ErrorCode;
use crate::triggers::limits::{EVENT_BYTES, EVENT_CHARS, FIRES_AT_ONCE};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};
use sortie_core::canonical;
use sortie_core::limits::EARLY_EVENT_MS;
use sortie_store::model::triggers::OutsideEvent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventBody {
    name: String,
    key: String,
    /// Tells one event from another; the same again is the same event.
    id: Option<String>,
    #[serde(default)]
    payload: Value,
}

/// Keep an event for a day, and wake whoever waits for it.
pub(super) async fn publish(State(api): State<Api>, caller: Caller, headers: HeaderMap, bytes: Bytes) -> Answer {
    let asked: EventBody = body(&bytes)?;
    for (what, text) in [("name", &asked.name), ("key", &asked.key), ("id", asked.id.as_ref().unwrap_or(&asked.key))] {
        if text.is_empty() || text.chars().count() > EVENT_CHARS || text.contains(char::is_control) {
            return Err(Problem::new(
                ErrorCode::Usage,
                format!("{what} has 1 to {EVENT_CHARS} characters, none of them a control character"),
            ));
        }
    }
    let bytes = asked.payload.to_string().len();
    if bytes > EVENT_BYTES {
        return Err(Problem::new(ErrorCode::TooLarge, format!("the payload has {bytes} bytes of JSON; it may have {EVENT_BYTES}")));
    }
    let now = api.app.clock.now();
    let id = match asked.id {
        Some(id) => id,
        None => {
            let fresh = format!("evt-{}", HEXLOWER.encode(&entropy().bytes("event", 0)));
            let digest = canonical::digest(json!([asked.name, asked.key, asked.payload]).to_string().as_bytes());
            idempotency::reserve(&api, idempotency::key(&headers)?.as_deref(), "event", &digest, fresh).await?
        }
    };
    let event = OutsideEvent {
        id: id.clone(),
        name: asked.name.clone(),
        key: asked.key.clone(),
        payload: asked.payload,
        actor: caller.name,
        at: now,
        expires_at: now.saturating_add_unsigned(EARLY_EVENT_MS),
    };
    let published = api.app.store.publish(event).await?;
    api.app.driver.wake_links(now);
    let view = json!({ "id": id, "name": asked.name, "key": asked.key, "duplicate": published.duplicate, "waiting": published.waiting });
    Ok(Success::new(view).next(Next::look(&["event", "list", "--name", &asked.name])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    name: Option<String>,
}

/// Events that are kept, newest first.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Answer {
    let asked: ListQuery = query(&uri)?;
    let events = api.app.store.events(asked.name.as_deref(), FIRES_AT_ONCE).await?;
    let view = |event: &OutsideEvent| {
        json!({
            "id": event.id,
            "name": event.name,
            "key": event.key,
            "payload": event.payload,
            "actor": event.actor,
            "at": rfc3339(event.at),
            "expires_at": rfc3339(event.expires_at),
        })
    };
    Ok(Success::new(json!({ "events": events.iter().map(view).collect::<Value>() })))
}
