//! What starts runs of a flow, as plain data. The engine of triggers reads it from the manifest of the live release.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One way in which runs are started. In JSON `{"schedule": {...}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// By people and through the API. A flow without triggers has this one.
    Manual {},
    /// By the clock.
    Schedule(ScheduleTrigger),
    /// By a signed POST from outside.
    Webhook(WebhookTrigger),
}

/// Runs at times that a cron expression gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleTrigger {
    /// Five fields: minute, hour, day of month, month, day of week. Only its letters are checked here.
    pub cron: String,
    /// IANA time zone in which it counts.
    #[serde(default = "utc")]
    pub tz: String,
    /// What happens at a time when a run of this schedule is still open.
    #[serde(default)]
    pub overlap: Overlap,
    /// A time that was missed is made up for when it is at most this old, in milliseconds; 0 never.
    #[serde(default)]
    pub catch_up_ms: u64,
    /// Input of the runs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Value>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What a schedule does at a time when its last run is still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Nothing: the time is passed over, and that is recorded.
    #[default]
    Skip,
    /// The new run waits until the other is over.
    Queue,
    /// Both go on.
    Allow,
    /// The other is cancelled, and the new one starts when it is over.
    CancelRunning,
}

impl Overlap {
    /// All of them, with their names in flows.
    pub const ALL: [(&'static str, Self); 4] =
        [("skip", Self::Skip), ("queue", Self::Queue), ("allow", Self::Allow), ("cancel_running", Self::CancelRunning)];
}

/// Runs that a sender outside starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebhookTrigger {
    /// Stands in the URL; unique among the webhooks of the flow.
    pub name: String,
    /// How the sender signs.
    pub verify: Verify,
    /// Name of the secret that a signature is checked with: a shared secret, or for `ed25519` the public key.
    pub secret: String,
    /// Header of the signature where the scheme leaves it open (`hmac`, `ed25519`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// How old a signed timestamp may be, in milliseconds; schemes without one ignore it.
    #[serde(default = "replay_window")]
    pub replay_ms: u64,
    /// Where each field of the run's input comes from. Without a mapping the body is the input.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input: BTreeMap<String, Source>,
    /// What tells one delivery from another; the scheme's own delivery id where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Source>,
    /// Only check and record deliveries, start nothing.
    #[serde(default)]
    pub validate_only: bool,
}

const fn replay_window() -> u64 {
    crate::limits::WEBHOOK_REPLAY_MS
}

/// How a sender signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard,
    /// GitHub: `x-hub-signature-256` over the body, `x-github-delivery` as the id.
    Github,
    /// HMAC-SHA256 of the body, hex or base64, in a header.
    Hmac,
    /// Ed25519 over the body, hex or base64, in a header.
    Ed25519,
}

impl Verify {
    /// All of them, with their names in flows.
    pub const ALL: [(&'static str, Self); 4] =
        [("standard", Self::Standard), ("github", Self::Github), ("hmac", Self::Hmac), ("ed25519", Self::Ed25519)];
}

/// A place in a delivery: `body`, `body.issue.number`, `header.x-github-event`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Keys and list positions from the body's root; the whole body where there are none.
    Body(Vec<String>),
    /// Name of a header, in lower case.
    Header(String),
}

impl Source {
    /// Read a place.
    ///
    /// # Errors
    /// A sentence that says what places look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a place such as \"body.issue.number\" or \"header.x-event\", got {text:?}");
        if text == "body" {
            return Ok(Self::Body(Vec::new()));
        }
        match text.split_once('.') {
            Some(("body", path)) if path.split('.').all(|part| !part.is_empty()) => {
                Ok(Self::Body(path.split('.').map(str::to_owned).collect()))
            }
            Some(("header", name)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) => {
                Ok(Self::Header(name.to_ascii_lowercase()))
            }
            _ => Err(wrong()),
        }
    }

    /// What stands there. `header` is asked by lower-case name.
    #[must_use]
    pub fn take(&self, body: &Value, header: impl Fn(&str) -> Option<String>) -> Option<Value> {
        match self {
            Self::Header(name) => header(name).map(Value::String),
            Self::Body(path) => {
                let step = |at: &Value, part: &String| match at {
                    Value::Array(items) => part.parse::<usize>().ok().and_then(|n| items.get(n)).cloned(),
                    other => other.get(part).cloned(),
                };
                path.iter().try_fold(body.clone(), |at, part| step(&at, part))
            }
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        match source {
            Source::Body(path) if path.is_empty() => "body".to_owned(),
            Source::Body(path) => format!("body.{}", path.join(".")),
            Source::Header(name) => format!("header.{name}"),
        }
    }
}

/// Whether a text has the letters and the number of fields of a cron expression. What it means is read at the release.
#[must_use]
pub fn looks_like_cron(text: &str) -> bool {
    let fields = text.split_ascii_whitespace().count();
    let letters = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'*' | b',' | b'/' | b'-' | b'?' | b'#'));
    let named = text.strip_prefix('@').is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()));
    named || (letters && fields == 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_read_and_taken() {
        let body = json!({"issue": {"number": 7, "labels": ["a", "b"]}});
        let take = |text: &str| Source::parse(text).unwrap().take(&body, |name| (name == "x-event").then(|| "push".to_owned()));
        assert_eq!(take("body.issue.number"), Some(json!(7)));
        assert_eq!(take("body.issue.labels.1"), Some(json!("b")));
        assert_eq!(take("header.X-Event"), Some(json!("push")));
        assert_eq!((take("body.none"), take("header.none"), take("body")), (None, None, Some(body.clone())));
        for wrong in ["", "bodyx", "body.", "body..x", "header.", "header.a b", "query.x"] {
            assert!(Source::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cron_is_only_looked_at() {
        for good in ["0 2 * * *", "*/5 1-3 1,15 JAN MON#2", "@daily"] {
            assert!(looks_like_cron(good), "{good}");
        }
        for bad in ["", "soon", "0 2 * *", "0 2 * * * *", "0 2 * * $", "@", "@Daily"] {
            assert!(!looks_like_cron(bad), "{bad}");
        }
    }

    #[test]
    fn triggers_read_back() {
        let text = r#"[{"manual":{}},{"schedule":{"cron":"0 2 * * *","input":{"x":1.5}}},
            {"webhook":{"name":"gh","verify":"github","secret":"s","input":{"n":"body.issue.number"}}}]"#;
        let triggers: Vec<Trigger> = serde_json::from_str(text).unwrap();
        let again: Vec<Trigger> = serde_json::from_str(&serde_json::to_string(&triggers).unwrap()).unwrap();
        assert_eq!(again, triggers);
        let Trigger::Schedule(schedule) = &triggers[1] else { panic!() };
        assert_eq!((schedule.tz.as_str(), schedule.overlap, schedule.catch_up_ms), ("UTC", Overlap::Skip, 0));
    }
}
