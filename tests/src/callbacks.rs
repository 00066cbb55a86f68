//! Posting as a shim does, with what a shim was handed; and as an attacker does, with something else.

use crate::http::{self, Response};
use serde_json::{Value, json};
use sortie_keys::KeyRing;
use sortie_protocol::callback::{CallbackKind, HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, proof_message, webhook_id};
use sortie_protocol::spec::Credentials;
use std::net::Ipv4Addr;
use std::path::Path;

/// Everything that a callback about an attempt is made of. Fields may be changed before it is sent.
#[derive(Clone)]
pub struct Callback {
    /// Path and query.
    pub target: String,
    /// The correlation token.
    pub token: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// `content-type`.
    pub content_type: String,
    /// Body.
    pub body: Vec<u8>,
}

/// What the shim of an attempt was handed.
#[must_use]
pub fn credentials(root: &Path, attempt: &str) -> Credentials {
    let path = root.join("jobs").join(attempt).join("credentials.json");
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// The document of a job that exited.
#[must_use]
pub fn exited(code: i32, result: Value) -> Value {
    json!({
        "outcome": "exited", "exit_code": code, "signal": null, "stop_reason": null, "tree_gone": true,
        "started_at_ms": 1_700_000_000_000_i64, "duration_ms": 5, "result": result, "result_error": null,
        "output": "", "error_output": "", "stdout_bytes": 0, "stderr_bytes": 0, "message": null,
    })
}

/// Path and query of the credentials' URL, for a kind.
#[must_use]
pub fn target(url: &str, kind: &str) -> String {
    let url = sortie_keys::callback_url_with_kind(url, kind);
    let rest = url.split_once("://").unwrap().1;
    rest[rest.find('/').unwrap()..].to_owned()
}

impl Callback {
    /// A callback of an attempt as its shim would sign it.
    #[must_use]
    pub fn new(home: &Path, root: &Path, attempt: &str, kind: CallbackKind, seq: u64, data: &Value) -> Self {
        let credentials = credentials(root, attempt);
        let body = json!({ "v": 1, "attempt": attempt, "kind": kind, "seq": seq, "at_ms": 1_700_000_000_000_i64, "instance": "a-test", "data": data });
        let mut callback = Self {
            target: target(&credentials.callback_url, kind.as_str()),
            token: credentials.token,
            id: webhook_id(attempt, kind, seq),
            timestamp: "1700000000".to_owned(),
            signature: String::new(),
            content_type: "application/json".to_owned(),
            body: body.to_string().into_bytes(),
        };
        callback.sign(home, attempt);
        callback
    }

    /// The result of an attempt.
    #[must_use]
    pub fn result(home: &Path, root: &Path, attempt: &str, seq: u64, data: &Value) -> Self {
        Self::new(home, root, attempt, CallbackKind::Result, seq, data)
    }

    /// Sign what it says now with the proof secret of an attempt of this installation.
    pub fn sign(&mut self, home: &Path, attempt: &str) {
        let ring = KeyRing::open(&home.join("keys")).unwrap();
        let secret = ring.proof_secret(ring.root_generation(), attempt).unwrap();
        self.signature = secret.sign(&proof_message(&self.id, self.timestamp.parse().unwrap(), &self.body));
    }

    /// Send it.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn send(&self, port: u16) -> std::io::Result<Response> {
        self.send_from(Ipv4Addr::LOCALHOST, port)
    }

    /// Send it from another address of loopback.
    ///
    /// # Errors
    /// Where nobody answers.
    pub fn send_from(&self, source: Ipv4Addr, port: u16) -> std::io::Result<Response> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", self.content_type.as_str()),
            (HEADER_ID, self.id.as_str()),
            (HEADER_TIMESTAMP, self.timestamp.as_str()),
            (HEADER_SIGNATURE, self.signature.as_str()),
        ];
        http::send_from(source, port, "POST", &self.target, &headers, &self.body)
    }

    /// Send it; gives status and outcome.
    #[must_use]
    pub fn outcome(&self, port: u16) -> (u16, String) {
        let answer = self.send(port).unwrap();
        (answer.status, answer.json()["outcome"].as_str().unwrap_or_default().to_owned())
    }
}
