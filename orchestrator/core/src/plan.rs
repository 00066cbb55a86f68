//! What is settled about a run when it is made, beside its flow and its input.

use crate::ids::RunId;
use serde::{Deserialize, Serialize};

/// How a run is queued, bounded, told about and related to others. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunPlan {
    /// How long it may take, in milliseconds, from leaving the queue and again from a redrive.
    pub deadline_ms: u64,
    /// Whether its flow has an `on_exit`.
    #[serde(skip_serializing_if = "is_default")]
    pub on_exit: bool,
    /// Higher goes first, from -100 to 100.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i8,
    /// How many runs may go on at once with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<RunLimit>,
    /// Starts only when no run of an older release of its flow is open (`drain`).
    #[serde(skip_serializing_if = "is_default")]
    pub after_older: bool,
    /// The step that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Runs above it, at most [`crate::limits::CHILD_DEPTH`].
    #[serde(skip_serializing_if = "is_default")]
    pub depth: u8,
    /// The run whose answers it may reuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<Fork>,
    /// Who is told of what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyRule>,
    /// After so many milliseconds an open run is overdue; 80 % of its deadline where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue_ms: Option<u64>,
    /// What started it: `manual`, `schedule:2026-01-01T00:00:00Z`, `webhook:NAME:ID`, `child`, `redrive` ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trigger: String,
}

impl Default for RunPlan {
    fn default() -> Self {
        Self {
            deadline_ms: crate::limits::RUN_DEADLINE_MS,
            on_exit: false,
            priority: 0,
            limit: None,
            after_older: false,
            parent: None,
            depth: 0,
            forked_from: None,
            notify: Vec::new(),
            overdue_ms: None,
            trigger: String::new(),
        }
    }
}

impl RunPlan {
    /// Whether it has to be let in, instead of starting as it is made.
    #[must_use]
    pub const fn queues(&self) -> bool {
        self.limit.is_some() || self.after_older
    }
}

/// At most so many runs at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimit {
    /// Runs with the same key are counted together: the flow's name, and the value of the key it names.
    pub key: String,
    /// How many, from 1.
    pub at_most: u32,
    /// What happens to one more.
    pub full: WhenFull,
}

/// What happens to a run for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It waits.
    #[default]
    Queue,
    /// It is not made.
    Skip,
    /// The others are cancelled, and it starts when they are over.
    CancelRunning,
}

/// The step that started a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its run.
    pub run: RunId,
    /// Its call number.
    pub call: u32,
}

/// The run that another was forked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// Which.
    pub run: RunId,
    /// Answers of calls up to this number may be reused.
    pub calls: u32,
}

/// Tell somebody of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyRule {
    /// What of.
    pub on: Vec<NoticeKind>,
    /// Name of the connection.
    pub to: String,
}

/// What somebody can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A run failed.
    Failed,
    /// A run was set aside.
    Parked,
    /// A run takes longer than it should.
    Overdue,
    /// A run gave up after its retries.
    Dead,
    /// People are asked to decide. Always told where there is a connection.
    Approval,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Failed, Self::Parked, Self::Overdue, Self::Dead, Self::Approval];

    /// As in JSON and in keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Overdue => "overdue",
            Self::Dead => "dead",
            Self::Approval => "approval",
        }
    }

    /// The kind a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
