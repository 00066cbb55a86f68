//! `http`: a request that the server itself sends.

use super::{Reference, RetryPolicy, default_timeout};
use crate::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A request. Every try of a step carries the same `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpSpec {
    /// In upper case.
    pub method: String,
    /// Absolute; or a path, where a connection gives the base.
    pub url: String,
    /// Connection that gives base URL, credentials and what the outbound policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// By name, in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Reference>,
    /// What is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<HttpBody>,
    /// Statuses that count as success; 200 to 299 where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<u16>,
    /// Largest answer, in bytes, up to [`limits::RESPONSE_BYTES`].
    #[serde(default = "default_response")]
    pub response_bytes: u64,
    /// Limit of one try, in milliseconds.
    #[serde(default = "default_try")]
    pub try_ms: u64,
    /// Limit of the step over all its tries, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// What to do when a try fails.
    #[serde(default)]
    pub retry: RetryPolicy,
}

/// What a request sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpBody {
    /// As it stands.
    Text(String),
    /// With `content-type: application/json`.
    Json(Value),
}

const fn default_response() -> u64 {
    limits::RESPONSE_BYTES
}
const fn default_try() -> u64 {
    limits::HTTP_TRY_MS
}
