//! The launch frame: an immutable, digested spec plus replaceable credentials.

use crate::agent::AgentTask;
use crate::artifact::Kept;
use crate::bytes::Bytes;
use crate::confine::{Cleanup, Isolation, JobLimits, Workspace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one attempt is to run. Its exact JSON bytes are digested: the same attempt with another digest is a conflict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Id of the attempt, `att_...`. Also the name of its directory on the VM.
    pub attempt: String,
    /// Id of the installation that launches it: on a state root that several share, each looks after its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// Id of the run, `run_...`.
    pub run: String,
    /// Name of the step.
    pub step: String,
    /// Which try of the step this is, from 1.
    pub number: u32,
    /// Fence of the attempt; only grows within a step.
    pub fence: u64,
    /// Program and arguments, at least one; none where [`Spec::agent`] says what is run.
    #[serde(default)]
    pub command: Vec<Bytes>,
    /// A coding agent to drive instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentTask>,
    /// Where the working directory comes from; an empty one of its own without. Never together with [`Spec::cwd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Workspace>,
    /// When the working directory is removed.
    #[serde(default)]
    pub cleanup: Cleanup,
    /// Which user the job runs as. One of its own is refused where it cannot be had; the login's files and keys are not its own.
    #[serde(default)]
    pub isolation: Isolation,
    /// Limits on the whole tree.
    #[serde(default)]
    pub limits: JobLimits,
    /// Free bytes that the state root's disk must have for the job to be started, and under which it is ended.
    #[serde(default)]
    pub disk_floor_bytes: u64,
    /// Environment added to a minimal one (`PATH`, `HOME`, `USER`, `SHELL`, `LANG`).
    #[serde(default)]
    pub env: Vec<(String, Bytes)>,
    /// Working directory; without one the attempt gets a directory of its own.
    #[serde(default)]
    pub cwd: Option<Bytes>,
    /// Bytes for standard input, followed by end of file. Without: `/dev/null`.
    #[serde(default)]
    pub stdin: Option<Bytes>,
    /// Files to write below the working directory before the start, mode 0600; what stands there is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SpecFile>,
    /// Files below the working directory to keep after the end, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
    /// The shim ends the job by itself after this long, in milliseconds.
    pub timeout_ms: u64,
    /// Between two heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// Between TERM and KILL, in milliseconds.
    pub grace_ms: u64,
}

/// A file that a job is handed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecFile {
    /// Relative to the working directory; never leaves it.
    pub path: String,
    /// Its content.
    pub data: Bytes,
}

/// What lets the shim speak for the attempt. Never part of the digest: it may be re-issued.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Where to post, up to and including the id; the kind is appended as `/{kind}` to the path, before the query.
    pub callback_url: String,
    /// The correlation token, for `Authorization: Bearer`.
    pub token: String,
    /// The proof secret of the attempt, base64 (standard alphabet, padded).
    pub proof_secret: String,
    /// How the server's certificate is judged.
    pub trust: Trust,
    /// Secret environment values for the job, by name. Kept out of the spec, so out of its digest.
    #[serde(default)]
    pub secret_env: BTreeMap<String, Bytes>,
    /// Secret standard input; goes before the spec's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_stdin: Option<Bytes>,
    /// Secret files, by path as in [`SpecFile::path`]. Removed when the job is over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_files: BTreeMap<String, Bytes>,
    /// Where artifacts are uploaded, up to and including the attempt; `/{slot}` is appended to the path, before the query.
    /// Absent where the host cannot reach the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_url: Option<String>,
    /// Where log chunks go, up to and including the attempt; the stream is appended as `/{stream}` to the path, before the query.
    /// Absent where the host cannot reach the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs_url: Option<String>,
    /// The last checkpoint of an earlier attempt on another machine, to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
}

/// Bytes to fetch before the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// A signed URL.
    pub url: String,
    /// What is there.
    pub kept: Kept,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// How the shim judges the callback server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The CA roots of the VM's system.
    System,
    /// These CA certificates only, PEM.
    Ca(String),
    /// Plain HTTP, where the operator configured it.
    PlainHttp,
}
