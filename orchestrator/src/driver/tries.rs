//! Tries of `http` steps: on disk before the request, which carries the same `Idempotency-Key` in every try; then its outcome.
//!
//! And if the process dies in between? The due work is claimed again, the try that was under way is recorded as `interrupted`, and
//! the next one has the same key.

use super::Driver;
use super::work::NotDone;
use crate::failpoint;
use crate::outbound::limits::{HEADER_BYTES, OWN_HEADERS, TRY_MS};
use crate::outbound::{Answer, Fault, Request, retry_after};
use crate::resources::keep::reference;
use crate::resources::{KeepError, NewResource, Reference, keep_text};
use crate::vault::VaultError;
use crate::vault::connection::{Auth, Kind};
use crate::vault::mask::Masker;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::{Map, Value, json};
use sortie_core::call::{ArtifactSpec, CallSpec, HttpBody, HttpSpec, Reference as Given};
use sortie_core::canonical;
use sortie_core::decide::Reply;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Scope, TryOutcome};
use sortie_core::limits::{INLINE_BYTES, RESPONSE_BYTES};
use sortie_keys::Secret;
use sortie_store::model::Claim;
use std::time::Duration;
use url::Url;

/// What the server itself can perform.
enum Performed {
    Http(HttpSpec),
    Artifact(ArtifactSpec),
}

impl Driver {
    /// Make the next try of a step.
    pub(super) async fn perform_try(&self, claim: &Claim, call: u32) -> Result<(), NotDone> {
        let store = &self.parts().store;
        let Some(found) = store.link_step(&claim.run, call).await? else { return Ok(store.finish(claim.clone()).await?) };
        let performed = match found.spec {
            CallSpec::Http(spec) if found.step.is_open() => Performed::Http(spec),
            CallSpec::Artifact(spec) if found.step.is_open() => Performed::Artifact(spec),
            _ => return Ok(store.finish(claim.clone()).await?),
        };
        let scope = || Scope::Step(claim.run.clone(), call);
        let reply = self.deliver_for(scope(), InputBody::TryStarting { call }, None, None).await?.reply;
        let Reply::Try { number, idempotency_key } = reply else { return Ok(store.finish(claim.clone()).await?) };
        failpoint::hit("try_started");
        let outcome = match &performed {
            Performed::Http(spec) => self.http_try(&claim.run, call, spec, &idempotency_key).await?,
            Performed::Artifact(spec) => keep_text(&self.parts().resources, &claim.run, call, spec).await?,
        };
        failpoint::hit("try_answered");
        self.deliver_for(scope(), InputBody::TryEnded { call, number, outcome }, Some(claim.clone()), None).await?;
        Ok(())
    }

    async fn http_try(&self, run: &RunId, call: u32, spec: &HttpSpec, key: &str) -> Result<TryOutcome, NotDone> {
        let mut secrets = Vec::new();
        let request = match self.http_request(run, spec, key, &mut secrets).await {
            Ok(request) => request,
            Err(failure) => return Ok(failed(failure)),
        };
        let masker = Masker::new(&secrets);
        let now = self.parts().clock.now();
        match self.outbound().send(request).await {
            Ok(answer) => self.inline(run, call, judged(spec, &answer, &masker, now)).await,
            Err(fault) => Ok(failed(failure_of(&fault, &masker))),
        }
    }

    /// What is too large for the history is kept beside it: `resource` instead of `body` and `json`.
    async fn inline(&self, run: &RunId, call: u32, mut outcome: TryOutcome) -> Result<TryOutcome, NotDone> {
        let (TryOutcome::Done(value) | TryOutcome::Failed { value, .. }) = &mut outcome;
        if value.to_string().len() <= INLINE_BYTES {
            return Ok(outcome);
        }
        let Some(fields) = value.as_object_mut() else { return Ok(outcome) };
        let (text, encoded) = (fields.insert("body".to_owned(), Value::Null), fields.remove("body_base64"));
        fields.remove("json");
        let bytes = match (text, encoded) {
            (Some(Value::String(text)), _) => text.into_bytes(),
            (_, Some(Value::String(text))) => STANDARD.decode(text).unwrap_or_default(),
            _ => return Ok(outcome),
        };
        let subject = Reference::of_call(call);
        // Tries may be answered differently: each body has a name of its own.
        let name = format!("body-{}", &canonical::digest(&bytes)[..16]);
        let new = NewResource { run, subject: &subject, call, name: &name, media_type: "application/octet-stream", expires_at: None };
        match self.parts().resources.keep_bytes(new, bytes).await {
            Ok(row) => {
                fields.insert("resource".to_owned(), reference(&row).to_string().into());
                Ok(outcome)
            }
            Err(KeepError::Store(error)) => Err(error.into()),
            Err(KeepError::Disk(error)) => Err(NotDone::Later(error.to_string())),
            Err(error) => Ok(failed(Failure::new(FailureKind::TooLarge, error.to_string()))),
        }
    }

    /// The request, its secrets resolved; they are also put where they are masked from.
    async fn http_request(&self, run: &RunId, spec: &HttpSpec, key: &str, secrets: &mut Vec<Secret>) -> Result<Request, Failure> {
        let mut headers = HeaderMap::new();
        let (url, allow_private) = match &spec.connection {
            None => (Url::parse(&spec.url).map_err(|error| policy(format!("the URL: {error}")))?, false),
            Some(name) => self.through(name, spec, &mut headers, secrets).await?,
        };
        for (name, reference) in &spec.headers {
            let value = match reference {
                Given::Text(text) => Secret::new(text.as_str()),
                Given::Secret(name) => {
                    let value = self.vault().secret(name).await.map_err(secret)?;
                    let value = Secret::new(value.expose().trim_ascii_end());
                    secrets.push(value.clone());
                    value
                }
                Given::WaitUrl(_) | Given::WaitToken(_) => {
                    let value = self.wait_text(run, reference).await.map_err(|error| Failure::new(FailureKind::Secret, error))?;
                    let value = Secret::new(value.as_str());
                    secrets.push(value.clone());
                    value
                }
            };
            put(&mut headers, name, &value)?;
        }
        let body = match &spec.body {
            None => Vec::new(),
            Some(HttpBody::Text(text)) => text.clone().into_bytes(),
            Some(HttpBody::Json(value)) => {
                headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
                value.to_string().into_bytes()
            }
        };
        headers.insert("idempotency-key", HeaderValue::from_str(key).map_err(|error| policy(error.to_string()))?);
        Ok(Request {
            method: reqwest::Method::from_bytes(spec.method.as_bytes()).map_err(|error| policy(format!("the method: {error}")))?,
            url,
            headers,
            body,
            timeout: Duration::from_millis(spec.try_ms.clamp(1, TRY_MS)),
            response_bytes: spec.response_bytes.min(RESPONSE_BYTES),
            allow_private,
        })
    }

    /// Address and credentials of a connection. A URL that does not stay below its address gets neither.
    async fn through(
        &self,
        name: &str,
        spec: &HttpSpec,
        headers: &mut HeaderMap,
        secrets: &mut Vec<Secret>,
    ) -> Result<(Url, bool), Failure> {
        let vault = self.vault();
        let connection = vault.connection(name).await.map_err(secret)?;
        if connection.kind != Kind::Http {
            return Err(policy(format!("the connection `{name}` is of the kind {}, not http", connection.kind.as_str())));
        }
        let base = self.connection_url(&connection).await.map_err(|message| Failure::new(FailureKind::Secret, message))?;
        let url =
            below(&base, &spec.url).ok_or_else(|| policy(format!("the URL does not stay below the address of the connection `{name}`")))?;
        if let Some(of) = connection.auth.secret() {
            let value = vault.secret(of).await.map_err(secret)?;
            let value = Secret::new(value.expose().trim_ascii_end());
            secrets.extend(authorize(headers, &connection.auth, &value)?);
            secrets.push(value);
        }
        Ok((url, connection.allow_private))
    }
}

/// Put credentials into headers; gives what else has to be masked.
pub(super) fn authorize(headers: &mut HeaderMap, auth: &Auth, value: &Secret) -> Result<Option<Secret>, Failure> {
    let named = |name: &str, bytes: &[u8], headers: &mut HeaderMap| put(headers, name, &Secret::new(bytes));
    match auth {
        Auth::None => Ok(None),
        Auth::Bearer { .. } => named(AUTHORIZATION.as_str(), &[b"Bearer ", value.expose()].concat(), headers).map(|()| None),
        Auth::Header { name, .. } => named(name, value.expose(), headers).map(|()| None),
        Auth::Basic { user, .. } => {
            let pair = Secret::new([user.as_bytes(), b":", value.expose()].concat());
            let encoded = Secret::new(STANDARD.encode(pair.expose()));
            named(AUTHORIZATION.as_str(), &[b"Basic ", encoded.expose()].concat(), headers)?;
            Ok(Some(encoded))
        }
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &Secret) -> Result<(), Failure> {
    let known = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !OWN_HEADERS.contains(&name.as_str()));
    let known = known.ok_or_else(|| policy(format!("`{name}` is no header that a flow can set")))?;
    let mut text =
        HeaderValue::from_bytes(value.expose()).map_err(|_| policy(format!("the value of `{name}` cannot stand in a header")))?;
    text.set_sensitive(true);
    headers.insert(known, text);
    Ok(())
}

/// A path below the address of a connection, or a whole URL that is below it.
fn below(base: &Url, url: &str) -> Option<Url> {
    let mut folder = base.clone();
    folder.set_query(None);
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", base.path()));
    }
    let url = match url.strip_prefix('/') {
        Some(path) => Url::parse(&format!("{folder}{path}")).ok()?,
        None => Url::parse(url).ok()?,
    };
    // After parsing, so that no `..` is left; an escaped dot is one to some servers.
    let climbs = url.path().to_ascii_lowercase().contains("%2e%2e") || url.path().contains('\\');
    let same = url.origin() == folder.origin() && url.username().is_empty() && url.password().is_none();
    (same && !climbs && (url.path().starts_with(folder.path()) || url.path() == base.path())).then_some(url)
}

fn judged(spec: &HttpSpec, answer: &Answer, masker: &Masker, now: i64) -> TryOutcome {
    let value = match value(answer, masker) {
        Ok(value) => value,
        Err(failure) => return failed(failure),
    };
    let expected = if spec.expect.is_empty() { (200..300).contains(&answer.status) } else { spec.expect.contains(&answer.status) };
    if expected {
        return TryOutcome::Done(value);
    }
    let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    TryOutcome::Failed {
        failure: Failure::new(FailureKind::Http, format!("status {} is not one of those that were expected", answer.status)),
        value,
        retry_after_ms: asked.and_then(|asked| retry_after::parse(asked, now)),
    }
}

/// What the flow sees of an answer: `status`, `headers`, `body` and, where the other side says that it is JSON, `json`.
fn value(answer: &Answer, masker: &Masker) -> Result<Value, Failure> {
    let mut headers = Map::new();
    let mut size = 0;
    for (name, value) in &answer.headers {
        let text = masker.text(&String::from_utf8_lossy(value.as_bytes()));
        size += name.as_str().len() + text.len();
        if size > HEADER_BYTES {
            break;
        }
        match headers.get_mut(name.as_str()) {
            Some(Value::String(before)) => *before = format!("{before}, {text}"),
            _ => drop(headers.insert(name.as_str().to_owned(), Value::String(text))),
        }
    }
    let media = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = std::str::from_utf8(&answer.body).ok();
    let mut value = json!({ "status": answer.status, "headers": headers, "body": text.map(|text| masker.text(text)) });
    if text.is_none() {
        value["body_base64"] = STANDARD.encode(&answer.body).into();
    }
    if is_json(media) {
        value["json"] = match crate::callback::bounded_json(&answer.body) {
            Ok(parsed) => masker.json(parsed),
            Err(message) => return Err(Failure::new(FailureKind::Http, format!("the answer says that it is JSON: {message}"))),
        };
    }
    Ok(value)
}

/// `application/json`, `text/json`, `application/problem+json` ...
fn is_json(media: &str) -> bool {
    let kind = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

fn failed(failure: Failure) -> TryOutcome {
    TryOutcome::Failed { failure, value: json!({ "status": null, "headers": {}, "body": null }), retry_after_ms: None }
}

fn failure_of(fault: &Fault, masker: &Masker) -> Failure {
    let kind = match fault {
        Fault::Policy(_) => FailureKind::Policy,
        Fault::Unreachable(_) => FailureKind::Unreachable,
        Fault::TimedOut(_) => FailureKind::TimedOut,
        Fault::TooLarge(_) => FailureKind::TooLarge,
    };
    Failure::new(kind, masker.text(&fault.to_string()))
}

fn policy(message: String) -> Failure {
    Failure::new(FailureKind::Policy, message)
}

fn secret(error: VaultError) -> Failure {
    Failure::new(FailureKind::Secret, error.to_string())
}

#[cfg(test)]
#[path = "tries_tests.rs"]
mod tests;
