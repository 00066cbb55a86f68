//! Inputs: what the world tells the engine.

use crate::effect::Timer;
use crate::evaluation::Evaluation;
use crate::failure::Failure;
use crate::ids::{AttemptId, Entropy, Ms, RunId, WaitId};
use crate::view::Handed;
use serde_json::Value;

/// An input with the time and the randomness of its arrival.
#[derive(Clone, Debug)]
pub struct Input {
    /// Now, Unix milliseconds.
    pub at: Ms,
    /// For new ids and jitter.
    pub entropy: Entropy,
    /// What is said.
    pub body: InputBody,
}

/// Which rows an input is decided from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No rows: the run is not there yet (or is, and the input repeats).
    New(RunId),
    /// The head, all open steps, all attempts that are not over. The newest attempt of a step in a backoff is over and may be
    /// missing; with it, the answer to a step that is ended then names its host.
    Run(RunId),
    /// The head, this attempt, its step and the step's newest attempt; the prior callback of this `webhook-id`; the last sign of life.
    Attempt {
        /// Which.
        attempt: AttemptId,
        /// The callback's id, where the input is one.
        callback: Option<String>,
    },
    /// The head, the step of this wait; its prior answer with this digest as the id.
    Wait {
        /// Which.
        wait: WaitId,
        /// The answer's digest.
        callback: String,
    },
    /// The head and one step with its newest attempt.
    Step(RunId, u32),
}

/// What is said.
#[derive(Clone, Debug)]
pub enum InputBody {
    /// Make this run.
    Create(Create),
    /// The flow was evaluated.
    Evaluated {
        /// Fence that the evaluation was claimed with.
        advance_fence: u64,
        /// The `wake_seq` that it has seen.
        seen: u64,
        /// What came of it.
        evaluation: Evaluation,
    },
    /// Evaluating killed the worker, or took too long.
    EvaluationCrashed {
        /// Fence that the evaluation was claimed with.
        advance_fence: u64,
        /// How it died.
        message: String,
    },
    /// A host is chosen; may the launch be sent?
    LaunchStarting {
        /// Which attempt.
        attempt: AttemptId,
        /// What it is to be handed; ignored where it was handed something before.
        handed: Handed,
    },
    /// What came of a launch.
    LaunchEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// What.
        outcome: LaunchOutcome,
    },
    /// A verified callback about an attempt.
    AttemptCallback {
        /// Which attempt.
        attempt: AttemptId,
        /// `webhook-id`, its number and digest.
        callback: CallbackFacts,
        /// What it says.
        said: Said,
    },
    /// A verified answer to an external wait.
    WaitCallback {
        /// Which wait.
        wait: WaitId,
        /// SHA-256 of the body, hex.
        digest: String,
        /// The answer, or what is wrong with it.
        answer: Result<Value, String>,
    },
    /// What came of an attempt to stop a job.
    StopEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// What the host said; `Err` where it could not be asked.
        outcome: Result<Stopped, Failure>,
    },
    /// What a host says about an attempt.
    Probed {
        /// Which attempt.
        attempt: AttemptId,
        /// What it said; `Err` where it could not be asked.
        verdict: Result<Verdict, Failure>,
    },
    /// A timer is due.
    TimerDue(Timer),
    /// Somebody wants the run to end.
    Cancel {
        /// Who.
        actor: String,
        /// Why.
        reason: Option<String>,
    },
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// Its id, made by the caller so that a repeat finds it.
    pub run: RunId,
    /// Name of the flow.
    pub flow: String,
    /// Release number; 0 for a draft.
    pub release: u32,
    /// Digest of the bundle.
    pub bundle: String,
    /// Its input, checked against the manifest.
    pub input: Value,
    /// Time it has, in milliseconds.
    pub deadline_ms: u64,
    /// Who asks.
    pub actor: String,
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq)]
pub enum LaunchOutcome {
    /// The host has claimed and started it.
    Acked {
        /// Whether this launch made the claim.
        created: bool,
        /// Process id on the host.
        pid: Option<u32>,
        /// Boot id of the host.
        boot_id: Option<String>,
        /// How the tree is held.
        containment: Option<String>,
    },
    /// Nothing was sent: the host could not be reached.
    Unreachable(Failure),
    /// The host refused, or the login failed: nothing runs.
    Refused(Failure),
    /// Sent, and not answered.
    Unknown(String),
}

/// The facts of a callback that are not its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackFacts {
    /// `webhook-id`.
    pub id: String,
    /// SHA-256 of the body, hex.
    pub digest: String,
    /// `callback` or `collect`.
    pub via: &'static str,
}

/// What a callback about an attempt says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The job was started.
    Started,
    /// The job or its shim lives.
    Alive,
    /// The job is over.
    Result(ResultSaid),
    /// Not parseable, or not of the step's schema; what and where.
    Invalid(String),
}

/// A job's result, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultSaid {
    /// As the shim said it.
    pub result: Value,
    /// Why it counts as failed, where it does.
    pub failure: Option<Failure>,
    /// Whether the shim verified that nothing of the job is left.
    pub tree_gone: bool,
}

/// What a host says of a job that is to be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Verified to be gone, or never started and never will be.
    Gone {
        /// What it said, for the record.
        evidence: String,
    },
    /// Still there.
    Alive,
}

/// What a host says about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its tree lives under a supervisor.
    Alive,
    /// It has a result, which was or will be delivered as a callback.
    HasResult,
    /// Its tree is gone without a result.
    Gone,
    /// The machine was started anew.
    Interrupted,
    /// Never seen there: it was not launched.
    Unknown,
    /// A tombstone.
    Sealed,
}
