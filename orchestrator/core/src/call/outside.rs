//! `wait_event`, `child`, `artifact` and reads of what a job has reported.

use super::default_timeout;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An outside event by its business key. One that came early is kept for [`crate::limits::EARLY_EVENT_MS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventSpec {
    /// What kind of event.
    pub name: String,
    /// Which one of them.
    pub key: String,
    /// For how long, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
}

/// A run of another flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildSpec {
    /// Its name.
    pub flow: String,
    /// Its release; the live one at that time where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
    /// Its input.
    pub input: Value,
    /// For how long, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// What becomes of it when this run is no longer waiting.
    #[serde(default)]
    pub on_cancel: OnCancel,
}

/// What becomes of a child that nobody waits for any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCancel {
    /// It is cancelled, and its end is waited for.
    #[default]
    Cancel,
    /// It goes on by itself.
    Abandon,
}

/// A text to keep as a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSpec {
    /// Its name within the run.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// The text.
    pub content: String,
}

/// Which report of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadWhat {
    /// Its newest progress.
    Progress,
    /// Its newest checkpoint.
    Checkpoint,
}

impl ReadWhat {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::Checkpoint => "checkpoint",
        }
    }
}
