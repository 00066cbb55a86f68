//! Durable calls: what a flow can ask for. Their JSON is what replay compares.

use crate::failure::FailureKind;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The arguments of one durable call. Two calls are the same when this is equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "few live at once, and a box would show in every match")]
pub enum CallSpec {
    /// Run a command on a host.
    Job(JobSpec),
    /// Wait for an answer from outside.
    Wait(WaitSpec),
    /// Wait for a time.
    Sleep {
        /// In milliseconds.
        duration_ms: u64,
    },
    /// The time, recorded.
    Now {},
    /// A random UUID, recorded.
    Uuid {},
    /// The first of several handles to be answered.
    WaitAny {
        /// Call numbers of the handles.
        of: Vec<u32>,
    },
}

impl CallSpec {
    /// As in JSON and in the history.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Wait(_) => "wait",
            Self::Sleep { .. } => "sleep",
            Self::Now {} => "now",
            Self::Uuid {} => "uuid",
            Self::WaitAny { .. } => "wait_any",
        }
    }
}

/// A command on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Where.
    pub on: HostSelector,
    /// Program and arguments, at least one.
    pub command: Vec<String>,
    /// Environment added to a minimal one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Reference>,
    /// Working directory; without one the attempt gets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Text for standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Limit of the step over all its attempts, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// Between two heartbeats, in milliseconds.
    #[serde(default = "default_heartbeat")]
    pub heartbeat_ms: u64,
    /// For the first sign of life after the launch, in milliseconds.
    #[serde(default = "default_started")]
    pub started_ms: u64,
    /// How long the host may be unreachable, in milliseconds.
    #[serde(default = "default_launch")]
    pub launch_ms: u64,
    /// Between TERM and KILL, in milliseconds.
    #[serde(default = "default_grace")]
    pub grace_ms: u64,
    /// What to do when an attempt fails.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// JSON Schema (draft 2020-12) of the result document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_schema: Option<serde_json::Value>,
}

const fn default_timeout() -> u64 {
    limits::WAIT_DEADLINE_MS
}
const fn default_heartbeat() -> u64 {
    limits::HEARTBEAT_MS
}
const fn default_started() -> u64 {
    limits::STARTED_MS
}
const fn default_launch() -> u64 {
    limits::LAUNCH_MS
}
const fn default_grace() -> u64 {
    limits::GRACE_MS
}

/// Which host a job runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostSelector {
    /// The host of this name.
    Name(String),
    /// Any host with this label, the least loaded first.
    Label(String),
}

/// A text, or something that only the edge resolves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// As it stands.
    Text(String),
    /// The signed URL of the wait with this call number.
    WaitUrl(u32),
    /// The correlation token of the wait with this call number. Reaches only the environment of the job that names it.
    WaitToken(u32),
}

/// When an attempt fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, from 1 to [`limits::RETRY_ATTEMPTS`].
    pub attempts: u32,
    /// Before the second attempt, in milliseconds; doubles, with full jitter.
    pub backoff_ms: u64,
    /// Longest pause, in milliseconds.
    pub max_backoff_ms: u64,
    /// Which failures are worth another attempt.
    pub on: Vec<FailureKind>,
}

impl Default for RetryPolicy {
    /// One attempt: work of an agent is not repeated unasked.
    fn default() -> Self {
        Self { attempts: 1, backoff_ms: 1_000, max_backoff_ms: 600_000, on: Vec::new() }
    }
}

/// An answer from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitSpec {
    /// For how long, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// JSON Schema (draft 2020-12) of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
}
