//! What goes into one evaluation of a flow, and what comes out. Both are plain values: the evaluator is a child process.

use crate::call::CallSpec;
use crate::failure::Failure;
use crate::ids::Ms;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The level of the engine's replay. Rises when a builtin's replay changes; a run keeps the level it started with.
pub const ENGINE_LEVEL: u32 = 1;

/// One durable call as the journal has it. Entries are in call order, without gaps, from call 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Number of the call within the run, from 1.
    pub call: u32,
    /// Name of the step.
    pub step: String,
    /// Its arguments.
    pub spec: CallSpec,
    /// What it was answered, where it was. `null` is an answer (of a `sleep`); only a missing field is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub value: Option<Value>,
    /// Number of the event that answered it. The lowest wins a `wait_any`.
    pub completed_seq: Option<u64>,
}

/// A field that is there is a value, also where it is `null`.
pub(crate) fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What an evaluation asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A new durable call.
    Schedule {
        /// Its number: one above the last.
        call: u32,
        /// Name of the step, unique in the run.
        step: String,
        /// Its arguments.
        spec: CallSpec,
    },
    /// A durable call that is answered at once (`now`, `uuid`, a decided `wait_any`).
    Record {
        /// Its number.
        call: u32,
        /// Name of the step.
        step: String,
        /// Its arguments.
        spec: CallSpec,
        /// Its answer.
        value: Value,
        /// Handles that are no longer wanted: their jobs are stopped, their waits closed.
        losers: Vec<u32>,
    },
    /// A durable call that the run this one was forked from has made with the same name and arguments.
    Reuse {
        /// Its number.
        call: u32,
        /// Name of the step.
        step: String,
        /// Its arguments.
        spec: CallSpec,
        /// Its answer there.
        value: Value,
    },
}

/// How an evaluation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It needs one of these calls to be answered.
    Suspended {
        /// Call numbers.
        waiting_on: Vec<u32>,
    },
    /// `run` returned.
    Returned {
        /// What.
        value: Value,
    },
    /// It failed for a reason that is the same on every machine.
    Failed {
        /// Why; the message carries file, line and caret.
        failure: Failure,
        /// Whether it is a checked step that has used up its retries: the run becomes a dead letter.
        #[serde(default)]
        gave_up: bool,
    },
}

/// What came of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// In call order.
    pub commands: Vec<Command>,
    /// How it ended.
    pub end: End,
}

/// Facts about the run that a flow can read, the same in every evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Id of the run.
    pub run: String,
    /// Name of the flow.
    pub flow: String,
    /// Release number, or 0 for a draft.
    pub release: u32,
    /// When the run was created, Unix milliseconds.
    pub created_at: Ms,
}

/// One line that a flow has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Durable calls that were made before it.
    pub after_call: u32,
    /// What it says.
    pub text: String,
}

/// What `on_exit` is told of the end it follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitFacts {
    /// How the run ends: `succeeded`, `failed`, ...
    pub outcome: String,
    /// What `run` returned.
    pub value: Value,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Calls up to this number were made by `run`; `on_exit` sees their answers and makes the calls after it.
    pub from_call: u32,
}

/// What a job has reported so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reports {
    /// Its newest progress.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub progress: Option<Value>,
    /// Its newest checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub checkpoint: Option<Value>,
}
