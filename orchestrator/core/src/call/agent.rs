//! `agent`: a job that knows a coding agent; and where any job works and what holds it.

use super::people::ApprovalSpec;
use crate::limits;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a coding agent is to do, beside what every job has. The command of such a job is empty, but for `command` agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// `claude`, `codex`, `gemini`, `opencode` or `command`.
    pub kind: String,
    /// What it is told. Never holds a secret.
    pub prompt: String,
    /// Program, where it is not the agent's usual name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Further arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Model, as the agent names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it may do without being asked.
    #[serde(default)]
    pub permissions: AgentPermissions,
    /// Tools that are allowed without asking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Most turns of one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    /// Whether a completed attempt with denied tools counts as failed (`agent_denied`).
    #[serde(default)]
    pub denials_fail: bool,
    /// Whether a retry goes on with the session of the attempt before it.
    pub resume: bool,
    /// Between two checkpoints, in milliseconds; 0 for none but the last.
    pub checkpoint_ms: u64,
    /// How long it may live on after its final event, in milliseconds.
    pub linger_ms: u64,
    /// Roles that may answer its questions; every operator where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
}

/// What an agent may do without being asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentPermissions {
    /// Everything: the machine is the sandbox.
    #[default]
    All,
    /// What its own configuration and `tools` allow; the rest is denied.
    Deny,
    /// As `deny`, but a person is asked.
    Ask,
}

/// A git repository whose worktree a job works in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceSpec {
    /// URL, or path on the host.
    pub repository: String,
    /// Branch, tag or commit; the default branch without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// When a job's working directory is removed.
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

/// Limits on a job's whole tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeLimits {
    /// Memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Bytes below the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

impl TreeLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A question that a job asks people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskSpec {
    /// One line.
    pub title: String,
    /// What is to be decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Roles that may answer; every operator where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How long an answer is waited for, in milliseconds.
    pub timeout_ms: u64,
    /// Tool that waits for permission, and the SHA-256 of its input, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<(String, String)>,
}

impl AskSpec {
    /// SHA-256 of what is asked of whom, hex: the same question has the same one, however long its answer is waited for.
    #[must_use]
    pub fn digest(&self) -> String {
        let asked = serde_json::json!([self.title, self.message, self.approvers, self.tool]);
        data_encoding::HEXLOWER.encode(&Sha256::digest(asked.to_string()))
    }

    /// The approval that it becomes: one person of those who may answer decides.
    #[must_use]
    pub fn approval(&self) -> ApprovalSpec {
        let tool = self.tool.as_ref().map(|(name, digest)| format!("Tool: {name}\nSHA-256 of its input: {digest}"));
        let parts = [Some(self.message.clone()).filter(|text| !text.is_empty()), tool];
        ApprovalSpec {
            title: self.title.clone(),
            text: parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"),
            show: Vec::new(),
            approvers: self.approvers.clone(),
            quorum: 1,
            comment_required: false,
            remind_ms: Some(limits::ASK_REMIND_MS),
            escalate: None,
            notify: None,
            timeout_ms: self.timeout_ms,
        }
    }
}
