//! Durable calls: what a flow can ask for. Their JSON is what replay compares.

mod agent;
mod http;
mod job;
mod outside;
mod people;

pub use agent::{AgentPermissions, AgentSpec, AskSpec, Cleanup, TreeLimits, WorkspaceSpec};
pub use http::{HttpBody, HttpSpec};
pub use job::{Budget, HostSelector, JobSpec, Reference, RetryPolicy};
pub use outside::{ArtifactSpec, ChildSpec, EventSpec, OnCancel, ReadWhat};
pub use people::{ApprovalSpec, Escalation, WaitAuth, WaitSpec};

use crate::ids::Ms;
use crate::limits;
use serde::{Deserialize, Serialize};

pub(crate) const fn default_timeout() -> u64 {
    limits::WAIT_DEADLINE_MS
}

/// The arguments of one durable call. Two calls are the same when this is equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one call at a time is read, matched and dropped: no collection of them is kept")]
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
    /// Wait until a time; one that has passed is over at once.
    SleepUntil {
        /// Unix milliseconds.
        at: Ms,
    },
    /// Send a request from the server.
    Http(HttpSpec),
    /// Wait for an outside event by its business key.
    WaitEvent(EventSpec),
    /// Ask people.
    Approval(ApprovalSpec),
    /// Run another flow.
    Child(ChildSpec),
    /// Keep a text as a resource.
    Artifact(ArtifactSpec),
    /// What a job has reported so far, recorded.
    Read {
        /// Call number of the job.
        of: u32,
        /// Which report.
        what: ReadWhat,
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
            Self::SleepUntil { .. } => "sleep_until",
            Self::Http(_) => "http",
            Self::WaitEvent(_) => "wait_event",
            Self::Approval(_) => "approval",
            Self::Child(_) => "child",
            Self::Artifact(_) => "artifact",
            Self::Read { .. } => "read",
            Self::Now {} => "now",
            Self::Uuid {} => "uuid",
            Self::WaitAny { .. } => "wait_any",
        }
    }

    /// Its own time limit, in milliseconds; 0 where it has none.
    #[must_use]
    pub const fn timeout_ms(&self) -> u64 {
        match self {
            Self::Job(spec) => spec.timeout_ms,
            Self::Wait(spec) => spec.timeout_ms,
            Self::Sleep { duration_ms } => *duration_ms,
            Self::Http(spec) => spec.timeout_ms,
            Self::WaitEvent(spec) => spec.timeout_ms,
            Self::Approval(spec) => spec.timeout_ms,
            Self::Child(spec) => spec.timeout_ms,
            Self::SleepUntil { .. } | Self::Artifact(_) | Self::Read { .. } | Self::Now {} | Self::Uuid {} | Self::WaitAny { .. } => 0,
        }
    }

    /// Whether it is answered within the evaluation that makes it, and so is never scheduled.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        matches!(self, Self::Now {} | Self::Uuid {} | Self::WaitAny { .. } | Self::Read { .. })
    }
}
