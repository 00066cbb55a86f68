//! `wait` and `approval`: answers from outside and from people.

use super::default_timeout;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An answer from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitSpec {
    /// For how long, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// JSON Schema (draft 2020-12) of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What a sender has to show.
    #[serde(default, skip_serializing_if = "WaitAuth::is_token")]
    pub auth: WaitAuth,
    /// Roles of the people who may answer it as themselves; nobody may where empty, unless `auth` is `operator`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The value of the step when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::evaluation::present")]
    pub on_timeout: Option<Value>,
}

/// What somebody who answers a wait has to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitAuth {
    /// The signed URL and the correlation token.
    #[default]
    Token,
    /// The signed URL alone, for senders that can set no header.
    Url,
    /// Neither: only people answer, through the operator API.
    Operator,
}

impl WaitAuth {
    /// Whether it is the default.
    #[must_use]
    pub const fn is_token(&self) -> bool {
        matches!(self, Self::Token)
    }
}

/// A question to people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalSpec {
    /// One line.
    pub title: String,
    /// What they need to know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Resources to show, as `res://...`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<String>,
    /// Roles of those who may decide; every operator where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many different people have to approve, from 1.
    pub quorum: u32,
    /// Whether a decision needs a comment.
    #[serde(default)]
    pub comment_required: bool,
    /// Between two reminders, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_ms: Option<u64>,
    /// Whom to ask, too, after some time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
    /// Connection through which they are told; the run's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// For how long, in milliseconds. Nobody deciding is an outcome of its own.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
}

/// More people to ask when nobody has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// After so many milliseconds.
    pub after_ms: u64,
    /// Roles that may decide from then on, beside the first ones.
    pub to: Vec<String>,
}
