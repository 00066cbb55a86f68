//! What goes through the door: one request and its replies, each a line of JSON.

use serde::{Deserialize, Serialize};
use sortie_protocol::artifact::Kept;
use sortie_protocol::ask::{Ask, AskAnswer};

/// A request. Which versions are read, says [`sortie_protocol::version`]: the command may be of another build than the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`sortie_protocol::VERSION`].
    pub v: u32,
    /// What is wanted.
    pub verb: Verb,
}

/// What a job can want. Documents travel as text, so that they are kept byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// How far it is.
    Progress {
        /// JSON.
        document: String,
    },
    /// From where it could be taken up again.
    Checkpoint {
        /// JSON.
        document: String,
    },
    /// Its result document; the last one counts.
    Result {
        /// JSON.
        document: String,
    },
    /// Keep a file as it is now.
    Artifact {
        /// Absolute path, below the working directory.
        path: String,
        /// Name to keep it under; without one its path below the working directory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Ask people, and wait.
    Ask {
        /// What.
        ask: Ask,
        /// Wait at most this long, in milliseconds, and leave the question open then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        park_ms: Option<u64>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done, durably.
    Done,
    /// The file is kept, and will be uploaded when the job is over.
    Kept {
        /// Its name.
        name: String,
        /// What is kept.
        kept: Kept,
    },
    /// The question is asked, durably; another reply will follow.
    Asked {
        /// Its number in the attempt's log.
        question: u64,
    },
    /// It is answered. The job says with a line of its own that it has read this.
    Answered {
        /// The question.
        question: u64,
        /// Its answer.
        answer: AskAnswer,
    },
    /// Nobody has answered within the time that the job wanted to wait. The question stays open.
    Pending {
        /// The question.
        question: u64,
    },
    /// Nothing was done.
    Refused {
        /// Of which kind.
        code: Code,
        /// For people.
        message: String,
    },
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request makes no sense.
    Usage,
    /// There is no such file.
    NotFound,
    /// Not of this job, or a file that is none of its own.
    NotAllowed,
    /// Larger, or more, than a limit allows.
    TooLarge,
    /// Not now: try again.
    Busy,
    /// The disk, most likely.
    Failed,
    /// The supervisor could not be reached. Never said by itself.
    Unavailable,
}

impl Code {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
        }
    }

    /// Exit code of a command that failed so, as those of `sortie`.
    pub const fn exit(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage | Self::TooLarge => 2,
            Self::NotFound => 3,
            Self::NotAllowed => 4,
            Self::Busy | Self::Unavailable => 7,
        }
    }
}

/// A line of its JSON.
pub fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
