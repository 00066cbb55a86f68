//! What a shim knows of an attempt and of its machine.

use serde::{Deserialize, Serialize};

/// Where an attempt stands on the VM. `Orphaned`, `Gone` and `Interrupted` are derived by readers, never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Never seen here.
    Unknown,
    /// A tombstone: will never start.
    Sealed,
    /// The claim is made, the job is not started yet.
    Claimed,
    /// The job runs under a live supervisor.
    Running,
    /// Being ended.
    Stopping,
    /// Over; the result is spooled.
    Finished,
    /// Over, and the server has committed the result.
    Acked,
    /// The supervisor is gone, the job's tree is alive.
    Orphaned,
    /// Supervisor and tree are gone without a result.
    Gone,
    /// The machine was started anew since.
    Interrupted,
}

/// What a shim knows of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Id of the attempt.
    pub attempt: String,
    /// Where it stands.
    pub phase: Phase,
    /// Digest of the spec it was claimed with.
    #[serde(default)]
    pub spec_digest: Option<String>,
    /// Id of the installation that launched it, where its spec says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// Random id of the state directory's owner process; another one exposes a clone.
    #[serde(default)]
    pub instance: Option<String>,
    /// Boot id of the machine when the job was started.
    #[serde(default)]
    pub boot_id: Option<String>,
    /// Process id of the job.
    #[serde(default)]
    pub pid: Option<u32>,
    /// When the job was started, by the VM's clock, Unix milliseconds.
    #[serde(default)]
    pub started_at_ms: Option<i64>,
    /// Number of the last event in the attempt's log.
    pub last_seq: u64,
    /// Number of the spooled result, where there is one.
    #[serde(default)]
    pub result_seq: Option<u64>,
    /// Whether the tree is verified to be gone.
    pub tree_gone: bool,
    /// How the tree is held, a [`crate::confine::Containment`].
    #[serde(default)]
    pub containment: Option<String>,
    /// Whether its supervisor is out of reach of a logout; false where the end of the login session may end the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlives_login: Option<bool>,
    /// Milliseconds since the supervisor last had a receipt for anything; absent where it never had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u64>,
    /// Why the last post failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_error: Option<String>,
    /// The last heartbeat it would have posted, for hosts that are collected from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<crate::callback::Heartbeat>,
    /// The last progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<crate::artifact::Report>,
    /// The last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<crate::artifact::Report>,
}

/// Facts about a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Absolute path of the state root.
    pub root: String,
    /// Its marker.
    pub marker: String,
    /// Version of the shim.
    pub shim_version: String,
    /// Kernel and machine, as `uname -srm` says it.
    pub uname: String,
    /// Host name.
    pub hostname: String,
    /// Login name or uid of the shim.
    pub user: String,
    /// Boot id.
    pub boot_id: String,
    /// The VM's clock, Unix milliseconds.
    pub now_ms: i64,
    /// Free bytes under the state root.
    pub free_bytes: u64,
    /// Best containment available: `cgroup` or `subreaper`.
    pub containment: String,
    /// Attempts known, not acknowledged.
    pub open_attempts: u64,
    /// Best isolation available.
    #[serde(default)]
    pub isolation: crate::confine::Isolation,
    /// What keeps the better levels away, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether jobs outlive the SSH session: `KillUserProcesses` and lingering were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlives_login: Option<bool>,
    /// Coding agents found on `PATH`, by name, with what they say of their version.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub agents: std::collections::BTreeMap<String, String>,
}
