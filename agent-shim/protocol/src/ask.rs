//! Questions that a job asks people while it runs, and their answers.
//!
//! A question is an event of the attempt's log (`ask`): posted until it has a receipt, and collected like a result. Its answer
//! comes with the receipt of the same post sent again, or by [`crate::verb::Verb::Answer`] where the VM cannot post.

use crate::limits::{ASK_APPROVERS, ASK_LEAST_MS, ASK_MESSAGE_BYTES, ASK_MOST_MS, ASK_NAME_BYTES, ASK_TITLE_BYTES};
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
    /// The job's own name of the question: under the same one nothing is asked twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Ask {
    /// What is wrong with it, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let long = |text: &str| text.len() > ASK_NAME_BYTES || text.is_empty() || text.chars().any(char::is_control);
        if self.title.trim().is_empty() || self.title.len() > ASK_TITLE_BYTES || self.title.chars().any(char::is_control) {
            return Some(format!("the title of a question is one line of 1 to {ASK_TITLE_BYTES} bytes"));
        }
        if self.message.len() > ASK_MESSAGE_BYTES {
            return Some(format!("the message of a question has at most {ASK_MESSAGE_BYTES} bytes"));
        }
        if self.approvers.len() > ASK_APPROVERS || self.approvers.iter().any(|role| long(role)) {
            return Some(format!("a question names at most {ASK_APPROVERS} roles of 1 to {ASK_NAME_BYTES} bytes each"));
        }
        if !(ASK_LEAST_MS..=ASK_MOST_MS).contains(&self.timeout_ms) {
            return Some(format!("an answer is waited for from {} second to {} days", ASK_LEAST_MS / 1_000, ASK_MOST_MS / 86_400_000));
        }
        if self.key.as_deref().is_some_and(long) {
            return Some(format!("the key of a question has 1 to {ASK_NAME_BYTES} bytes, none of them a control character"));
        }
        let named = |tool: &AskedTool| !long(&tool.name) && tool.input_digest.len() == 64 && tool.input_digest.bytes().all(is_hex);
        (!self.tool.as_ref().is_none_or(named)).then(|| "a tool has a name, and its input a SHA-256 in lower-case hex".to_owned())
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask { title: "Deploy?".into(), message: String::new(), approvers: Vec::new(), timeout_ms: 60_000, tool: None, key: None }
    }

    #[test]
    fn a_question_is_bounded() {
        assert_eq!(ask().fault(), None);
        let tool = |name: &str, digest: &str| Some(AskedTool { name: name.into(), input_digest: digest.into() });
        assert_eq!(Ask { tool: tool("Bash", &"0".repeat(64)), key: Some("k".into()), ..ask() }.fault(), None);
        for bad in [
            Ask { title: " ".into(), ..ask() },
            Ask { title: "two\nlines".into(), ..ask() },
            Ask { title: "x".repeat(ASK_TITLE_BYTES + 1), ..ask() },
            Ask { message: "x".repeat(ASK_MESSAGE_BYTES + 1), ..ask() },
            Ask { approvers: vec![String::new()], ..ask() },
            Ask { approvers: vec!["a".into(); ASK_APPROVERS + 1], ..ask() },
            Ask { timeout_ms: 0, ..ask() },
            Ask { timeout_ms: u64::MAX, ..ask() },
            Ask { key: Some(String::new()), ..ask() },
            Ask { tool: tool("Bash", "A"), ..ask() },
        ] {
            assert!(bad.fault().is_some(), "{bad:?}");
        }
    }
}
