//! Inputs: what the world tells the engine.

use crate::effect::Timer;
use crate::evaluation::{Evaluation, LogLine};
use crate::failure::Failure;
use crate::ids::{AttemptId, Entropy, Ms, RunId, WaitId};
use crate::plan::{NoticeKind, RunPlan};
use crate::state::{RunOutcome, StopReason};
use crate::view::{Decision, Handed, Spent};
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
    /// The head, and who else has the same limit ([`crate::view::View::room`]). With `Create`, the scope is `New`.
    Admission(RunId),
    /// The head, its open steps and attempts, and every step that is answered: a reset looks at them all. Where the run has a
    /// limit, who else has it ([`crate::view::View::room`]).
    Whole(RunId),
    /// As `Whole` for the run of this attempt, and the attempt itself, which may be over.
    Adopt(AttemptId),
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
        /// Lines that the flow has logged since the last evaluation.
        log: Vec<LogLine>,
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
        /// Attempts that the chosen host takes at once; no limit without one. Judged with [`crate::view::View::host_open`].
        slots: Option<u32>,
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
        /// What the attempt's agent had used when it last said so.
        used: Spent,
    },
    /// A timer is due.
    TimerDue(Timer),
    /// Let a queued run in, if there is room.
    Start,
    /// A try of a step is about to be made by the server.
    TryStarting {
        /// Number of the call.
        call: u32,
    },
    /// What came of it.
    TryEnded {
        /// Number of the call.
        call: u32,
        /// Which try.
        number: u32,
        /// What.
        outcome: TryOutcome,
    },
    /// The run of a `child` step was made, or was there, or could not be made.
    ChildMade {
        /// Number of the call.
        call: u32,
        /// Why it could not.
        made: Result<(), Failure>,
    },
    /// The run of a `child` step is over.
    ChildEnded {
        /// Number of the call.
        call: u32,
        /// The run.
        run: RunId,
        /// How it ended.
        answer: ChildAnswer,
    },
    /// An outside event is there for a step that waits for it.
    EventArrived {
        /// Number of the call.
        call: u32,
        /// Id of the event.
        id: String,
        /// What it says.
        payload: Value,
        /// When it was published.
        published_at: Ms,
    },
    /// Somebody decides about an approval.
    Vote {
        /// Number of the call.
        call: u32,
        /// What.
        vote: Vote,
    },
    /// A person answers a wait as themselves.
    AnswerWait {
        /// Number of the call.
        call: u32,
        /// SHA-256 of the canonical JSON of the answer, hex.
        digest: String,
        /// The answer, or why it does not fit the schema.
        answer: Result<Value, String>,
        /// Who.
        actor: String,
    },
    /// Another machine says that it runs the attempt, too.
    Cloned {
        /// The attempt.
        attempt: AttemptId,
        /// Boot id of the machine that is believed.
        boot_id: String,
        /// Boot id of the other one.
        other_boot_id: String,
        /// Random id of the other one's supervisor.
        other_instance: String,
    },
    /// An attempt is to be ended early: its budget is used up, or it is silent.
    StopAttempt {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        reason: StopReason,
    },
    /// A late result is to be taken after all.
    Adopt {
        /// The attempt it belongs to.
        attempt: AttemptId,
        /// SHA-256 of the exact bytes, hex.
        digest: String,
        /// What it says.
        said: ResultSaid,
        /// Who wants it.
        operator: Operator,
    },
    /// Somebody was told, or could not be.
    NoticeEnded {
        /// What of.
        what: NoticeKind,
        /// Number of the event it is about.
        about: u64,
        /// Name of the connection.
        to: String,
        /// Why not.
        result: Result<(), String>,
    },
    /// Set the run aside: a sweep has found that it does not replay.
    Park(Failure),
    /// Hold the run.
    Pause(Operator),
    /// Let it go on, paused or parked.
    Resume(Operator),
    /// End it, with `on_exit`.
    Cancel(Operator),
    /// End it at once.
    Terminate(Operator),
    /// Forget steps and go on.
    Reset {
        /// From this call on everything is forgotten. Without one the failed step alone is opened anew, and what was
        /// scheduled after it failed is forgotten.
        from: Option<u32>,
        /// Who wants it.
        operator: Operator,
    },
}

/// Who asks for something, and on which state of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Who.
    pub actor: String,
    /// Why, as they said.
    pub reason: Option<String>,
    /// Only if this is still the run's last event.
    pub if_seq: Option<u64>,
}

impl Operator {
    /// Somebody without a reason.
    #[must_use]
    pub fn named(actor: impl Into<String>) -> Self {
        Self { actor: actor.into(), ..Self::default() }
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq)]
pub enum TryOutcome {
    /// The value of the step.
    Done(Value),
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
        /// The value of the step where this was the last try, without `ok`, `attempts` and `error`, which are added.
        value: Value,
        /// Earliest next try, as the other side asked, in milliseconds from now.
        retry_after_ms: Option<u64>,
    },
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildAnswer {
    /// How.
    pub outcome: RunOutcome,
    /// What it returned.
    pub value: Value,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// A decision about an approval, by somebody who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub actor: String,
    /// Their roles; `*` stands for every role.
    pub roles: Vec<String>,
    /// What.
    pub decision: Decision,
    /// Why, as they said.
    pub comment: Option<String>,
    /// The revision they saw.
    pub revision: u64,
    /// How: `cli`, `api` or `link`.
    pub via: String,
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
    /// Who asks.
    pub actor: String,
    /// What else is settled.
    pub plan: RunPlan,
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
    /// The job asks a person.
    Asked {
        /// Number of the question in the attempt's event log.
        seq: u64,
        /// What.
        ask: crate::call::AskSpec,
    },
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
    /// Whether the agent says that it waits for the answer of a person, and ended meanwhile.
    pub parked: bool,
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
    /// Its tree lives; nothing else is known of it.
    Alive,
    /// Its tree lives, and that nothing is heard of it has a known reason: its host cannot reach the server, and is collected from.
    Unheard,
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
