//! What a worker and the server say to each other: JSON in the bodies of `POST /v1/worker/{hello,poll,answer}`, with the worker's
//! token as bearer. Every request can be sent again: a hello of the same process changes nothing, a question is handed out until
//! it is held, an answer that nobody waits for is dropped.

use serde::{Deserialize, Serialize};
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::HostFacts;

/// Who comes. Its answer is a [`Welcome`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`sortie_protocol::VERSION`].
    pub v: u32,
    /// Random id of the process: another one takes over from the one before.
    pub instance: String,
    /// Labels it wants to serve, of those that it may; all of them where absent.
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    /// What the shim says of its machine, the marker of its state root included.
    pub facts: HostFacts,
}

/// Taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Name of the worker.
    pub name: String,
    /// Number of the process, to be said with everything else.
    pub fence: u64,
    /// Labels it serves.
    pub labels: Vec<String>,
    /// How long its jobs may go on without an answer of the server, in milliseconds.
    pub lease_ms: u64,
}

/// Is there something? Its answer is [`Questions`], after a while perhaps none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// From the welcome.
    pub fence: u64,
    /// Questions that it works on: those are not handed out again.
    #[serde(default)]
    pub held: Vec<u64>,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Questions {
    /// Oldest first.
    pub questions: Vec<Question>,
    /// As in the welcome, from now on.
    pub lease_ms: u64,
}

/// One question to the shim.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Its number.
    pub id: u64,
    /// The marker that the state root must have.
    pub marker: String,
    /// What is asked.
    pub verb: Verb,
}

/// The answer to one question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// From the welcome.
    pub fence: u64,
    /// Number of the question.
    pub id: u64,
    /// What the shim said.
    pub outcome: Outcome,
}

/// What came of a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The shim's answer.
    Answered(Box<Reply>),
    /// The shim could not be asked: nothing was done.
    NotAsked(String),
    /// The shim was asked, and its answer was lost.
    Unknown(String),
}

/// The answer to an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// As in the welcome, from now on.
    pub lease_ms: u64,
}
