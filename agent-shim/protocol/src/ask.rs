//! Questions that a job asks people while it runs, and their answers.
//!
//! A question is an event of the attempt's log (`ask`): posted until it has a receipt, and collected like a result. Its answer
//! comes with the receipt of the same post sent again, or by [`crate::verb::Verb::Answer`] where the VM cannot post.

use serde::{Deserialize, Serialize};

/// Data of `ask`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// One line.
    pub title: String,
    /// What is to be decided, for people.
    #[serde(default)]
    pub message: String,
    /// Roles that may answer; those of the job's step, or every operator, without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How long an answer is waited for, in milliseconds.
    pub timeout_ms: u64,
    /// Call of a tool that waits for permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<AskedTool>,
}

/// A tool that an agent wants to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedTool {
    /// Name.
    pub name: String,
    /// SHA-256 of its input as the agent gave it, lower-case hex: what was approved is what runs.
    pub input_digest: String,
}

/// How a question was answered. Silence is neither consent nor refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// Go ahead.
    Approved,
    /// Do not.
    Rejected,
    /// Nobody answered in time.
    TimedOut,
    /// The question was withdrawn: its run or its attempt is over.
    Cancelled,
}

impl Answered {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskAnswer {
    /// How.
    pub answered: Answered,
    /// Who, where somebody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}
