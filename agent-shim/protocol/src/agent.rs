//! Coding agents: what a shim is asked to drive, and what it says of how it went.

use crate::bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A coding agent that shims know: its flags, its stream of events, its way to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// Claude Code, `claude`.
    Claude,
    /// Codex CLI, `codex`.
    Codex,
    /// Gemini CLI, `gemini`.
    Gemini,
    /// opencode, `opencode`.
    Opencode,
    /// Any other program: the prompt on standard input, then end of file; nothing of its output is understood.
    Command,
}

impl AgentKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode, Self::Command];

    /// As in flows and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Command => "command",
        }
    }

    /// The kind a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What an agent may do without being asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permissions {
    /// Everything: the machine is the sandbox.
    #[default]
    All,
    /// What its own configuration and `tools` allow; the rest is denied, never waited for.
    Deny,
    /// As `Deny`, but what would be denied is asked of a person, where the agent can be made to ask (Claude Code).
    Ask,
}

/// What an agent is to do. Part of the spec, so of its digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentTask {
    /// Which agent.
    pub kind: AgentKind,
    /// What it is told; goes to it by standard input or a file, never on a command line.
    pub prompt: Bytes,
    /// What it is told where it goes on with an earlier session instead of starting over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_prompt: Option<Bytes>,
    /// Program to run, where it is not the agent's usual name on `PATH`. For [`AgentKind::Command`] program and arguments are [`crate::spec::Spec::command`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Bytes>,
    /// Further arguments, before the prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Bytes>,
    /// Model, as the agent names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub permissions: Permissions,
    /// Tools that are allowed without asking, as the agent names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Most turns, where the agent has such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
    /// What is left of the budget, in millionths of a US dollar, where the agent has such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd_micros: Option<u64>,
    /// JSON Schema of its final answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_schema: Option<Value>,
    /// UUID of the session it starts, a function of run, step and life of the step: an agent that was started twice refuses the second.
    pub session: String,
    /// Earlier attempts of this life of the step, newest first. Where one of them ran on this machine, its session is gone on with, in its working directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// Between two checkpoints, in milliseconds; 0 for none but the last.
    pub checkpoint_ms: u64,
    /// How long it may live on after its final event, in milliseconds.
    pub linger_ms: u64,
}

/// How an agent ended, judged from its stream and its exit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentOutcome {
    /// It says that it is done.
    Completed,
    /// It says that it is done, but tools that it wanted were denied.
    CompletedWithDenials,
    /// Its model refused the credentials.
    Auth,
    /// Its model refused for want of quota or credit.
    Quota,
    /// Its model could not be reached, or was overloaded, to the end.
    Unavailable,
    /// A limit on turns or money ended it.
    Limit,
    /// It waits for the answer of a person, and ended meanwhile: to be gone on with when the answer is there.
    Parked,
    /// It was ended because somebody asked for it.
    Cancelled,
    /// It failed in another way, or its stream ended without a final event.
    Error,
}

impl AgentOutcome {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CompletedWithDenials => "completed_with_denials",
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::Limit => "limit",
            Self::Parked => "parked",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
        }
    }
}

/// What an agent has used. Agents count over a whole session; here it is the part of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// In millionths of a US dollar, where the agent says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_micros: Option<u64>,
    /// Tokens in, cached ones included.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens out.
    #[serde(default)]
    pub output_tokens: u64,
}

/// A tool call that was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Name of the tool.
    pub tool: String,
    /// What it was to do, shortened.
    pub input: String,
}

/// What the shim read from the agent's stream. Part of the result; and, as far as it is known, of progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// Which agent.
    pub kind: AgentKind,
    /// Its version, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Id of its session, to go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Whether it went on with an earlier session.
    #[serde(default)]
    pub resumed: bool,
    /// How it ended.
    pub outcome: AgentOutcome,
    /// Its final text, shortened.
    #[serde(default)]
    pub text: String,
    /// Model that it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Used by this attempt alone.
    #[serde(default)]
    pub usage: Usage,
    /// Turns of this attempt.
    #[serde(default)]
    pub turns: u32,
    /// Tool calls of this attempt.
    #[serde(default)]
    pub tool_calls: u32,
    /// Denied tool calls, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Denial>,
    /// Its own words on what went wrong, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its last checkpoint: where the work can be taken up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<AgentCheckpoint>,
}

/// Where an agent's work can be taken up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCheckpoint {
    /// Number within the attempt, from 1.
    pub number: u32,
    /// Id of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Commit that holds the working tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Private ref that names it, in a repository on the VM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Path of that repository: one of the shim's own, so that nothing of the user's is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// A git bundle of working tree, transcript and session id that the server has, to start from on another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<crate::artifact::Kept>,
}
