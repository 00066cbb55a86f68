//! What a shim posts: started, heartbeat, progress, checkpoint, ask, result. The same bytes go over HTTP and through `collect`.

use crate::agent::AgentReport;
use crate::artifact::{ArtifactNote, Kept, Report};
use crate::confine::{Held, ResourceUse};
use serde::{Deserialize, Serialize};

/// Header that names the event: stable over every repeat (Standard Webhooks).
pub const HEADER_ID: &str = "webhook-id";
/// Header with the Unix seconds of signing. Recorded as clock skew, never judged.
pub const HEADER_TIMESTAMP: &str = "webhook-timestamp";
/// Header with the proof, `v1,<base64>`: HMAC-SHA256 of `id.timestamp.body` with the attempt's proof secret.
pub const HEADER_SIGNATURE: &str = "webhook-signature";

/// What a callback is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackKind {
    /// The job was started.
    Started,
    /// The shim lives.
    Heartbeat,
    /// The job says how far it is.
    Progress,
    /// The job says from where it could be taken up again.
    Checkpoint,
    /// The job asks a person.
    Ask,
    /// The job is over. For a plain wait: the answer.
    Result,
}

impl CallbackKind {
    /// As in the path and in the body.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Heartbeat => "heartbeat",
            Self::Progress => "progress",
            Self::Checkpoint => "checkpoint",
            Self::Ask => "ask",
            Self::Result => "result",
        }
    }

    /// The kind a path names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Started, Self::Heartbeat, Self::Progress, Self::Checkpoint, Self::Ask, Self::Result]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// The body of a callback about an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallbackBody {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Must equal the token's `jti` and the path.
    pub attempt: String,
    /// Must equal the path.
    pub kind: CallbackKind,
    /// Number in the attempt's event log, from 1. Heartbeats count their own, in memory.
    pub seq: u64,
    /// When it happened, by the VM's clock, Unix milliseconds.
    pub at_ms: i64,
    /// Random id of the supervisor that says so.
    pub instance: String,
    /// By kind: [`Started`], [`Heartbeat`], any JSON for progress and checkpoint, [`crate::ask::Ask`], [`JobResult`].
    pub data: serde_json::Value,
}

/// Data of `started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Process id of the job.
    pub pid: u32,
    /// Boot id of the machine.
    pub boot_id: String,
    /// How the tree is held.
    pub containment: String,
}

/// Data of `heartbeat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Milliseconds since the job last wrote to a stream.
    pub silent_ms: u64,
    /// Bytes written to standard output so far.
    pub stdout_bytes: u64,
    /// Bytes written to standard error so far.
    pub stderr_bytes: u64,
    /// Milliseconds since the job last did anything that can be seen: output, its transcript, processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// What it has used of its machine so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<ResourceUse>,
    /// Milliseconds that the machine slept since the job was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_ms: Option<u64>,
    /// Boot id of the machine: another instance with another one exposes a clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Instance of the supervisor that this one came after, where there was one. An instance that beats on after it was succeeded, or
    /// a new one that succeeds nobody, is a second reporter: a clone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeds: Option<String>,
}

/// How a job ended, as its shim saw it, not as the agent claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// By exit code, whatever it was.
    Exited,
    /// By a signal that the shim did not send.
    Signalled,
    /// Killed for want of memory.
    Oom,
    /// Ended by the shim at its time limit.
    TimedOut,
    /// Ended by the shim because it was asked to.
    Stopped,
    /// Could not be started.
    SpawnFailed,
    /// The supervisor died and its successor could not learn how the job ended.
    Lost,
    /// The machine was started anew.
    Interrupted,
}

/// Data of `result` for an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// How it ended.
    pub outcome: JobOutcome,
    /// Exit code, where it exited.
    pub exit_code: Option<i32>,
    /// Signal number, where one ended it.
    pub signal: Option<i32>,
    /// Why the shim ended it, where it did.
    pub stop_reason: Option<String>,
    /// Whether the whole tree is verified to be gone.
    pub tree_gone: bool,
    /// When the job was started, by the VM's clock, Unix milliseconds.
    pub started_at_ms: i64,
    /// How long it ran, in milliseconds, by the VM's monotonic clock.
    pub duration_ms: u64,
    /// The document that the job left in `$SORTIE_RESULT`.
    pub result: Option<serde_json::Value>,
    /// What was wrong with that document, where it was not taken.
    pub result_error: Option<String>,
    /// That document, where it is over [`crate::limits::RESULT_BYTES`] and was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_kept: Option<Kept>,
    /// What became of the files that the spec names as artifacts, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactNote>,
    /// The last progress, so that none is lost with the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Report>,
    /// The last checkpoint, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Report>,
    /// Last bytes of standard output, at most [`crate::limits::OUTPUT_TAIL_BYTES`], as UTF-8 with replacements.
    pub output: String,
    /// Last bytes of standard error, likewise.
    pub error_output: String,
    /// Bytes written to standard output.
    pub stdout_bytes: u64,
    /// Bytes written to standard error.
    pub stderr_bytes: u64,
    /// For people: what went wrong, where something did.
    pub message: Option<String>,
    /// What was read from the stream of a coding agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentReport>,
    /// What the job used of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<ResourceUse>,
    /// How it was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Milliseconds that the machine slept while it ran; not part of `duration_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_ms: Option<u64>,
    /// Milliseconds that it waited for people; not part of its time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_ms: Option<u64>,
    /// Processes that had outlived its main process and were ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leftovers: Option<u32>,
}

/// A callback as it was signed: what a POST carries, and what `collect` returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedPost {
    /// [`HEADER_ID`]: `{attempt}.{kind}.{seq}`.
    pub id: String,
    /// [`HEADER_TIMESTAMP`].
    pub timestamp: i64,
    /// [`HEADER_SIGNATURE`].
    pub signature: String,
    /// What it is about.
    pub kind: CallbackKind,
    /// Number in the attempt's event log.
    pub seq: u64,
    /// Exact body.
    pub body: String,
}

/// The id of an event, the same on every repeat.
#[must_use]
pub fn webhook_id(attempt: &str, kind: CallbackKind, seq: u64) -> String {
    format!("{attempt}.{}.{seq}", kind.as_str())
}

/// The bytes that a proof signs (Standard Webhooks: `id.timestamp.body`).
#[must_use]
pub fn proof_message(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body].concat()
}
