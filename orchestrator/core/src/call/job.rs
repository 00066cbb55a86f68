//! `job`: a command on a host, and what `retry`, `budget` and references are.

use super::agent::{AgentSpec, Cleanup, TreeLimits, WorkspaceSpec};
use super::default_timeout;
use crate::failure::FailureKind;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Where.
    pub on: HostSelector,
    /// Program and arguments, at least one; none where a coding agent is driven, but for `command` agents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The coding agent to drive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentSpec>,
    /// Where its working directory comes from. Never together with `cwd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceSpec>,
    /// When its working directory is removed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cleanup: Cleanup,
    /// Whether it must run as a user of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub own_user: bool,
    /// Limits on its whole tree.
    #[serde(default, skip_serializing_if = "TreeLimits::is_none")]
    pub tree: TreeLimits,
    /// Environment added to a minimal one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Reference>,
    /// Working directory; without one the attempt gets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// For standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Reference>,
    /// Files to write before the start, by path relative to the working directory; mode 0600.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Reference>,
    /// Files to keep as artifacts after the end, as paths relative to the working directory, at most [`limits::ARTIFACTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How long it may write no output, in milliseconds; no limit without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
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

impl JobSpec {
    /// A command on a host, with everything else as it is where a flow says nothing.
    #[must_use]
    pub fn new(on: HostSelector, command: Vec<String>) -> Self {
        Self {
            on,
            command,
            agent: None,
            workspace: None,
            cleanup: Cleanup::default(),
            own_user: false,
            tree: TreeLimits::default(),
            env: BTreeMap::new(),
            cwd: None,
            stdin: None,
            files: BTreeMap::new(),
            artifacts: Vec::new(),
            budget: None,
            silence_ms: None,
            timeout_ms: limits::WAIT_DEADLINE_MS,
            heartbeat_ms: limits::HEARTBEAT_MS,
            started_ms: limits::STARTED_MS,
            launch_ms: limits::LAUNCH_MS,
            grace_ms: limits::GRACE_MS,
            retry: RetryPolicy::default(),
            result_schema: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// The secret of this name. Reaches only environment, standard input, files and headers of the call that names it.
    Secret(String),
}

/// What a job may use before it is stopped, as its own progress reports say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
    /// Tokens of a model, input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// When an attempt fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, from 1 to [`limits::RETRY_ATTEMPTS`].
    pub attempts: u32,
    /// Before the second attempt, in milliseconds; doubles, with full jitter.
    pub backoff_ms: u64,
    /// Longest pause, in milliseconds. A `Retry-After` is honoured up to it, too.
    pub max_backoff_ms: u64,
    /// From the first attempt to the start of the last one, in milliseconds; no limit but the step's without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Which failures are worth another attempt.
    pub on: Vec<FailureKind>,
}

impl Default for RetryPolicy {
    /// One attempt: work of an agent is not repeated unasked.
    fn default() -> Self {
        Self { attempts: 1, backoff_ms: 1_000, max_backoff_ms: 600_000, total_ms: None, on: Vec::new() }
    }
}
