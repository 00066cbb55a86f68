//! Where a job works and what holds it: working directory, user, limits, use of the machine.

use serde::{Deserialize, Serialize};

/// A git repository whose worktree is the working directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// URL or path on the VM. Cloned once a host, as a bare mirror; each job gets a worktree of its own.
    pub repository: String,
    /// Branch, tag or commit; the remote's default branch without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// When a job's working directory is removed. Output, result and artifacts are kept apart from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleanup {
    /// With the attempt, after its retention.
    #[default]
    Keep,
    /// At the end, where the job succeeded.
    Success,
    /// At the end.
    Always,
}

/// Which user a job runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// The shim's own: the job can read what the shim holds of this attempt.
    #[default]
    SharedUser,
    /// A user of its own, made by root or with sudo.
    OwnUser,
}

/// How well a job's processes are held together, best first in the order of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// A transient unit of the system's manager.
    SystemUnit,
    /// A transient unit of the user's manager, with lingering.
    UserUnit,
    /// A cgroup of its own.
    Cgroup,
    /// Subreaper, walk over descendants, cookie sweep.
    Subreaper,
}

impl Containment {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemUnit => "system_unit",
            Self::UserUnit => "user_unit",
            Self::Cgroup => "cgroup",
            Self::Subreaper => "subreaper",
        }
    }
}

/// Limits of a job, held where the level of containment allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLimits {
    /// Memory of the whole tree, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads of the whole tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Bytes below the working directory; looked at now and then, not on every write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

/// What a job used of its machine. Absent is not known, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUse {
    /// User and system time of the whole tree, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
    /// Most memory at once, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Read from storage, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Written to storage, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
}

/// How a job was held, for its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Level reached.
    pub containment: Containment,
    /// User it ran as.
    pub isolation: Isolation,
    /// Limits that the level could hold, of those that were asked for.
    #[serde(default)]
    pub limits: JobLimits,
}
