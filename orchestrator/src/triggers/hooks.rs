//! Webhooks: a signed delivery becomes a run, once.

use super::limits::{HOOK_KEPT_BYTES, HOOK_REPLAY_MS};
use super::signatures;
use super::start::{NewRun, Program, StartError, Started, Version};
use crate::driver::{Driver, entropy};
use crate::failpoint;
use serde_json::{Map, Value};
use sortie_core::canonical::digest;
use sortie_core::ids::RunId;
use sortie_flow::trigger::{Source, Trigger, WebhookTrigger};
use sortie_store::model::triggers::HookDelivery;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Looks up the bytes of a secret by name; `None` where there is none.
pub type SecretOf = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send>> + Send + Sync>;

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum HookAnswer {
    /// Not believed, or no such webhook: nobody can tell which.
    Unauthorized,
    /// Believed, and it cannot start a run: why.
    Invalid(String),
    /// Not now: the sender may repeat it.
    NotNow(String),
    /// It has started this run.
    Run {
        /// Which.
        run: RunId,
        /// Whether an earlier delivery of the same id has.
        duplicate: bool,
    },
    /// It starts nothing, since there is no room and the flow says `skip`.
    Skipped {
        /// One of the runs that are there.
        running: Option<RunId>,
    },
    /// The webhook only validates: the input that a run would be given.
    Valid {
        /// The input.
        input: Value,
        /// Number of the release that would run.
        release: u32,
    },
}

impl Driver {
    /// Take a delivery. `header` is asked by lower-case name.
    pub async fn take_hook(
        &self,
        flow: &str,
        name: &str,
        secrets: &SecretOf,
        header: impl Fn(&str) -> Option<String> + Send + Sync,
        body: &[u8],
    ) -> HookAnswer {
        let (program, hook) = match self.hook(flow, name).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                signatures::pretend(body);
                return HookAnswer::Unauthorized;
            }
            Err(error) => return not_started(&error),
        };
        let secret = match secrets(hook.secret.clone()).await {
            Ok(Some(secret)) => secret,
            Ok(None) => {
                tracing::error!(
                    flow,
                    hook = name,
                    secret = hook.secret,
                    "the secret of a webhook is not there; its deliveries are refused"
                );
                signatures::pretend(body);
                return HookAnswer::Unauthorized;
            }
            Err(message) => return HookAnswer::NotNow(message),
        };
        let Ok(id) = signatures::verify(&hook, &secret, &header, body, self.parts().clock.now()) else {
            return HookAnswer::Unauthorized;
        };
        let delivered = match Delivered::read(&hook, id, &header, body) {
            Ok(delivered) => delivered,
            Err(wrong) => return HookAnswer::Invalid(wrong),
        };
        self.start_of_hook(program, &hook, delivered, body).await
    }

    /// The webhook of this name in what is live.
    async fn hook(&self, flow: &str, name: &str) -> Result<Option<(Program, WebhookTrigger)>, StartError> {
        let program = match self.program(flow, Version::Live).await {
            Ok(program) => program,
            Err(StartError::NoFlow(_) | StartError::NotLive(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let hook = program.manifest.triggers.iter().find_map(|trigger| match trigger {
            Trigger::Webhook(hook) if hook.name == name => Some(hook.clone()),
            _ => None,
        });
        Ok(hook.map(|hook| (program, hook)))
    }

    async fn start_of_hook(&self, program: Program, hook: &WebhookTrigger, delivered: Delivered, body: &[u8]) -> HookAnswer {
        let now = self.parts().clock.now();
        let fresh = RunId::new(now, &entropy(), 0);
        let actor = format!("webhook:{}", hook.name);
        let trigger = format!("webhook:{}:{}", hook.name, delivered.id);
        let new = |run: RunId| NewRun { trigger: trigger.clone(), ..NewRun::manual(run, delivered.input.clone(), &actor) };
        // Judged before it is remembered: what cannot start a run may be sent again when the flow has learnt it.
        let create = match self.wish(program.clone(), new(fresh.clone())) {
            Ok(create) => create,
            Err(error) => return HookAnswer::Invalid(error.to_string()),
        };
        if hook.validate_only {
            return HookAnswer::Valid { input: create.input, release: create.release };
        }
        let delivery = HookDelivery {
            flow: program.flow.clone(),
            name: hook.name.clone(),
            delivery: delivered.id.clone(),
            digest: digest(body),
            run: fresh.clone(),
            at: now,
            body: body[..body.len().min(HOOK_KEPT_BYTES)].to_vec(),
        };
        let first = match self.parts().store.remember_delivery(delivery).await {
            Ok(first) => first,
            Err(error) => return not_started(&error.into()),
        };
        failpoint::hit("delivery_kept");
        match self.start_run(program, new(first.run.clone())).await {
            Ok(Started::Made) => HookAnswer::Run { run: first.run, duplicate: false },
            Ok(Started::Exists) => HookAnswer::Run { run: first.run, duplicate: true },
            Ok(Started::Skipped { running }) => HookAnswer::Skipped { running },
            Err(error) => not_started(&error),
        }
    }
}

fn not_started(error: &StartError) -> HookAnswer {
    tracing::warn!(%error, "a webhook could not start a run");
    if error.is_retryable() { HookAnswer::NotNow("not now".to_owned()) } else { HookAnswer::Invalid(error.to_string()) }
}

/// A delivery that is believed.
struct Delivered {
    /// Tells one delivery from another.
    id: String,
    /// What a run of it is given.
    input: Value,
}

impl Delivered {
    /// The id that the flow names, else that of the scheme, else the digest of the body; the input by the flow's mapping, or the body.
    fn read(hook: &WebhookTrigger, id: Option<String>, header: &impl Fn(&str) -> Option<String>, body: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
        let named = match &hook.dedupe {
            None => None,
            Some(source) => {
                let place = String::from(source.clone());
                let value =
                    source.take(&json, header).ok_or_else(|| format!("there is nothing at `{place}`, which tells deliveries apart"))?;
                Some(match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                })
            }
        };
        let id = named.or(id).filter(|id| id.len() <= super::limits::DELIVERY_CHARS).unwrap_or_else(|| digest(body));
        Ok(Self { id, input: input(&hook.input, &json, header) })
    }
}

/// A field whose place is empty stays away, so that the flow's default holds.
fn input(mapping: &std::collections::BTreeMap<String, Source>, body: &Value, header: &impl Fn(&str) -> Option<String>) -> Value {
    if mapping.is_empty() {
        return body.clone();
    }
    let taken = mapping.iter().filter_map(|(field, source)| Some((field.clone(), source.take(body, header)?)));
    Value::Object(taken.collect::<Map<_, _>>())
}

const _: () = assert!(HOOK_REPLAY_MS >= 60_000);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sortie_flow::trigger::Verify;

    fn hook(input: &[(&str, &str)], dedupe: Option<&str>) -> WebhookTrigger {
        WebhookTrigger {
            name: "h".to_owned(),
            verify: Verify::Hmac,
            secret: "s".to_owned(),
            header: None,
            replay_ms: HOOK_REPLAY_MS,
            input: input.iter().map(|(field, place)| ((*field).to_owned(), Source::parse(place).unwrap())).collect(),
            dedupe: dedupe.map(|place| Source::parse(place).unwrap()),
            validate_only: false,
        }
    }

    fn read(hook: &WebhookTrigger, id: Option<&str>, body: &[u8]) -> Result<(String, Value), String> {
        let header = |name: &str| (name == "x-event").then(|| "push".to_owned());
        Delivered::read(hook, id.map(str::to_owned), &header, body).map(|delivered| (delivered.id, delivered.input))
    }

    #[test]
    fn the_mapping_takes_places_and_leaves_empty_ones_away() {
        let mapped = hook(&[("issue", "body.issue.number"), ("event", "header.x-event"), ("none", "body.nothing")], None);
        let (_, input) = read(&mapped, Some("d1"), br#"{"issue":{"number":7}}"#).unwrap();
        assert_eq!(input, json!({"issue": 7, "event": "push"}));
        assert_eq!(read(&hook(&[], None), None, br#"{"a":1}"#).unwrap().1, json!({"a": 1}));
    }

    #[test]
    fn a_delivery_is_told_by_what_the_flow_names_then_its_scheme_then_its_body() {
        assert_eq!(read(&hook(&[], Some("body.id")), Some("d1"), br#"{"id":5}"#).unwrap().0, "5");
        assert_eq!(read(&hook(&[], None), Some("d1"), b"{}").unwrap().0, "d1");
        assert_eq!(read(&hook(&[], None), None, b"{}").unwrap().0, digest(b"{}"));
        assert!(read(&hook(&[], Some("body.id")), Some("d1"), b"{}").unwrap_err().contains("body.id"));
        assert!(read(&hook(&[], None), None, b"no json").is_err());
    }
}
