//! A shim in miniature: what an attempt or a wait was handed, and the posts made with it.

use super::client::{self, Answer};
use super::{PUBLIC_URL, World};
use serde_json::{Value, json};
use sortie_core::ids::{AttemptId, RunId, WaitId};
use sortie_core::input::{InputBody, LaunchOutcome, Scope};
use sortie_core::state::AttemptState;
use sortie_core::view::{Attempt, Handed, Step};
use sortie_keys::{Claims, KeyRing, ProofSecret, Scope as TokenScope};
use sortie_protocol::callback::{CallbackKind, proof_message, webhook_id};
use sortie_protocol::receipt::{CallbackAnswer, receipt_message};

/// An attempt that was handed its credentials.
#[derive(Clone)]
pub struct Job {
    pub run: RunId,
    pub attempt: AttemptId,
    pub handed: Handed,
    pub claims: Claims,
    pub query: String,
    pub token: String,
    pub secret: ProofSecret,
}

/// A wait with its address.
pub struct Wait {
    pub run: RunId,
    pub wait: WaitId,
    pub claims: Claims,
    pub query: String,
    pub token: String,
}

/// A post in its parts, so that a test can change any of them.
#[derive(Clone)]
pub struct Post {
    pub path: String,
    pub query: String,
    pub host: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Job {
    pub async fn launching(world: &World, run: &RunId, attempt: AttemptId) -> Self {
        let now = world.now();
        let handed = Handed {
            host: "vm".to_owned(),
            spec_digest: "0".repeat(64),
            kid: world.ring.active_kid(),
            root: world.ring.root_generation(),
            audience: PUBLIC_URL.to_owned(),
            issued_s: now / 1_000,
            expires_s: now / 1_000 + 86_400,
            launching_at: now,
            own_user: false,
            disk_floor_bytes: 0,
        };
        let starting = InputBody::LaunchStarting { attempt: attempt.clone(), handed, slots: None };
        world.driver.deliver(Scope::Attempt { attempt: attempt.clone(), callback: None }, starting).await.unwrap();
        Self::of(world, run, &attempt).await
    }

    /// What is handed out is made from the journal's row.
    pub async fn of(world: &World, run: &RunId, attempt: &AttemptId) -> Self {
        let (_, step, row) = world.store.attempt(attempt).await.unwrap().unwrap();
        let handed = row.handed.clone().unwrap();
        let claims = Claims {
            iss: world.installation().to_owned(),
            aud: handed.audience.clone(),
            sub: run.to_string(),
            jti: attempt.to_string(),
            step: step.name.clone(),
            fence: row.fence,
            scope: TokenScope::Attempt,
            iat: handed.issued_s,
            nbf: handed.issued_s,
            exp: handed.expires_s,
        };
        let ring = &world.ring;
        let token = ring.mint_with(&handed.kid, &claims).unwrap().expose().to_owned();
        let url = ring.sign_url_with(handed.root, PUBLIC_URL, world.installation(), attempt.as_str(), handed.expires_s).unwrap();
        let query = url.split_once('?').unwrap().1.to_owned();
        let secret = ring.proof_secret(handed.root, attempt.as_str()).unwrap();
        Self { run: run.clone(), attempt: attempt.clone(), handed, claims, query, token, secret }
    }

    pub async fn row(&self, world: &World) -> Attempt {
        world.store.attempt(&self.attempt).await.unwrap().unwrap().2
    }

    pub async fn state(&self, world: &World) -> AttemptState {
        self.row(world).await.state
    }

    pub async fn launched(&self, world: &World) {
        let outcome = LaunchOutcome::Acked { created: true, pid: Some(1), boot_id: None, containment: None };
        let ended = InputBody::LaunchEnded { attempt: self.attempt.clone(), outcome };
        world.driver.deliver(Scope::Attempt { attempt: self.attempt.clone(), callback: None }, ended).await.unwrap();
    }

    pub fn body(&self, kind: CallbackKind, seq: u64, data: &Value) -> String {
        json!({
            "v": 1, "attempt": self.attempt.as_str(), "kind": kind.as_str(), "seq": seq,
            "at_ms": 1_700_000_000_000_i64, "instance": "i1", "data": data,
        })
        .to_string()
    }

    /// A signed post of these very bytes.
    pub fn post(&self, kind: CallbackKind, seq: u64, body: impl Into<Vec<u8>>) -> Post {
        let body = body.into();
        let id = webhook_id(self.attempt.as_str(), kind, seq);
        let timestamp = 1_700_000_000;
        let signature = self.secret.sign(&proof_message(&id, timestamp, &body));
        let headers = [
            ("Authorization", format!("Bearer {}", self.token)),
            ("Content-Type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        Post {
            path: format!("/v1/callbacks/{}/{}", self.attempt, kind.as_str()),
            query: self.query.clone(),
            host: "callbacks.example".to_owned(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body,
        }
    }

    /// A signed post with this data.
    pub fn say(&self, kind: CallbackKind, seq: u64, data: &Value) -> Post {
        self.post(kind, seq, self.body(kind, seq, data))
    }

    pub fn result(&self, seq: u64) -> Post {
        self.say(CallbackKind::Result, seq, &result_data())
    }

    pub fn heartbeat(&self, seq: u64) -> Post {
        self.say(CallbackKind::Heartbeat, seq, &json!({"silent_ms": 1, "stdout_bytes": 2, "stderr_bytes": 3}))
    }

    /// Whether the receipt is there and genuine.
    pub fn verifies(&self, answer: &CallbackAnswer) -> bool {
        match (&answer.receipt, &answer.mac) {
            (Some(receipt), Some(mac)) => self.secret.verify(&receipt_message(receipt), mac),
            _ => false,
        }
    }
}

impl Wait {
    pub fn of(world: &World, run: RunId, step: Step, wait: WaitId) -> Self {
        let now_s = world.now() / 1_000;
        let claims = Claims {
            iss: world.installation().to_owned(),
            aud: PUBLIC_URL.to_owned(),
            sub: run.to_string(),
            jti: wait.to_string(),
            step: step.name,
            fence: u64::from(step.call),
            scope: TokenScope::Wait,
            iat: now_s,
            nbf: now_s,
            exp: now_s + 86_400,
        };
        let token = world.ring.mint(&claims).unwrap().expose().to_owned();
        let url = world.ring.sign_url(PUBLIC_URL, world.installation(), wait.as_str(), claims.exp).unwrap();
        Self { run, wait, claims, query: url.split_once('?').unwrap().1.to_owned(), token }
    }

    /// As `curl` would send it.
    pub fn answer(&self, body: &str) -> Post {
        let headers = [("Authorization", format!("Bearer {}", self.token)), ("Content-Type", "application/json".to_owned())];
        Post {
            path: format!("/v1/callbacks/{}/result", self.wait),
            query: self.query.clone(),
            host: "callbacks.example".to_owned(),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.as_bytes().to_vec(),
        }
    }
}

impl Post {
    /// Another value for a header; `None` leaves it out.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.with("Authorization", Some(&format!("Bearer {token}")))
    }

    pub fn head(&self, length: usize) -> Vec<u8> {
        let mut head = format!("POST {}?{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.path, self.query, self.host);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {length}\r\n\r\n"));
        head.into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(self.body.len()), self.body.clone()].concat()
    }

    pub async fn send(&self, world: &World) -> Answer {
        client::request(world.address, &self.bytes()).await
    }
}

/// A token of any claims, signed by a ring.
pub fn minted(ring: &KeyRing, claims: &Claims) -> String {
    ring.mint(claims).unwrap().expose().to_owned()
}

pub fn result_data() -> Value {
    json!({
        "outcome": "exited", "exit_code": 0, "signal": null, "stop_reason": null, "tree_gone": true,
        "started_at_ms": 1_700_000_000_000_i64, "duration_ms": 5, "result": {"answer": 42}, "result_error": null,
        "output": "done\n", "error_output": "", "stdout_bytes": 5, "stderr_bytes": 0, "message": null,
    })
}

/// The same with some fields changed.
pub fn result_with(changes: &Value) -> Value {
    let mut data = result_data();
    for (name, value) in changes.as_object().unwrap() {
        data[name] = value.clone();
    }
    data
}
