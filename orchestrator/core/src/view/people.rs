//! What people are asked and have said: approvals of flows, questions of jobs.

use crate::ids::{AttemptId, Ms, WaitId};
use crate::value::ApprovalOutcome;
use serde::{Deserialize, Serialize};

/// An approval's own state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalStep {
    /// Its id, which signed links name.
    pub id: WaitId,
    /// Number of the event that last changed what is asked of whom. A decision names the one it saw.
    pub revision: u64,
    /// Roles that may decide; every operator where empty.
    pub approvers: Vec<String>,
    /// How many different people have to approve.
    pub quorum: u32,
    /// Whether a decision needs a comment.
    pub comment_required: bool,
    /// Between two reminders, in milliseconds.
    pub remind_ms: Option<u64>,
    /// Reminders so far.
    pub reminded: u32,
    /// When the next reminder is due.
    pub remind_at: Option<Ms>,
    /// Whom to ask, too, and when; until that was done.
    pub escalate: Option<Escalating>,
    /// Connection through which people are told, where it names one.
    pub notify: Option<String>,
    /// What was decided so far, oldest first.
    pub votes: Vec<CastVote>,
    /// The job that asks, where no flow does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Asked>,
}

/// A question of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Call number of the job.
    pub call: u32,
    /// The attempt that asks.
    pub attempt: AttemptId,
    /// Number of the question in the attempt's event log.
    pub seq: u64,
    /// See [`crate::call::AskSpec::digest`]; empty in rows of an older version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The answer that people gave to the same question of an earlier attempt, after that had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<AskAnswer>,
    /// Its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AskAnswer>,
}

/// An answer to a question whose attempt had ended to wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// See [`crate::call::AskSpec::digest`].
    pub digest: String,
    /// What was decided.
    pub answer: AskAnswer,
}

/// The answer to a question of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskAnswer {
    /// How it ended.
    pub answered: ApprovalOutcome,
    /// Who has decided, where somebody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// What the last of them said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl AskAnswer {
    /// Nobody waits for it any more.
    #[must_use]
    pub fn withdrawn(why: &str) -> Self {
        Self { answered: ApprovalOutcome::Cancelled, by: Vec::new(), comment: Some(why.to_owned()) }
    }
}

/// More people who are to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalating {
    /// After so many milliseconds from when the step was opened.
    pub after_ms: u64,
    /// When.
    pub at: Ms,
    /// Roles that may decide from then on, too.
    pub to: Vec<String>,
}

/// One decision of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastVote {
    /// Who.
    pub actor: String,
    /// What.
    pub decision: Decision,
    /// Why, as they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When.
    pub at: Ms,
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go ahead.
    Approve,
    /// Do not.
    Reject,
}

impl Decision {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}
