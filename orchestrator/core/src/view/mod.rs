//! The small rows that decisions are made from: the head of a run, its steps, their attempts.
//!
//! A [`View`] may hold all of a run or only the rows that an input names ([`crate::input::Scope`]): a decision about
//! one callback looks at three rows, whatever the length of the history. Folding the whole journal gives the same rows.

mod people;

pub use people::{ApprovalStep, AskAnswer, Asked, CastVote, Decision, Escalating, Given};

use crate::call::{Budget, OnCancel, RetryPolicy};
use crate::failure::Failure;
use crate::ids::{AttemptId, Ms, RunId, WaitId};
use crate::plan::RunPlan;
use crate::state::{AttemptState, RunOutcome, RunState, StopReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The head of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// Id.
    pub id: RunId,
    /// Name of its flow.
    pub flow: String,
    /// Number of its release; 0 for a draft.
    pub release: u32,
    /// Digest of its bundle, SHA-256 hex.
    pub bundle: String,
    /// Where it stands.
    pub state: RunState,
    /// Number of its last event.
    pub seq: u64,
    /// Number of the last event that its flow may react to.
    pub wake_seq: u64,
    /// Level of the engine's replay that it started with.
    pub engine: u32,
    /// What else was settled when it was made.
    pub plan: RunPlan,
    /// Durable calls scheduled so far.
    pub calls: u32,
    /// Steps that are not answered.
    pub open_steps: u32,
    /// Questions that its jobs have asked so far.
    pub asks: u32,
    /// Last fence given to an attempt.
    pub fence: u64,
    /// How it ends, once decided.
    pub ending: Option<RunOutcome>,
    /// Number of the event that decided it. Steps that were answered after it were cut off by the end.
    pub ending_seq: Option<u64>,
    /// Calls made by its body, once `on_exit` is being evaluated.
    pub exit_from: Option<u32>,
    /// Whether `on_exit` is over, or is not wanted: the run was terminated.
    pub exit_over: bool,
    /// Where a paused or parked run goes on, and since when it is held.
    pub held: Option<Held>,
    /// Log lines kept so far.
    pub logged: u32,
    /// When it must be over.
    pub deadline_at: Ms,
    /// When it was created.
    pub created_at: Ms,
    /// When it last changed.
    pub updated_at: Ms,
    /// Why it failed or was parked.
    pub failure: Option<Failure>,
    /// Fence of advancing: rises with every claim to evaluate. Bookkeeping, not part of the fold.
    pub advance_fence: u64,
    /// The `wake_seq` that the last evaluation has seen. Bookkeeping, not part of the fold.
    pub evaluated_seq: u64,
    /// Claims to evaluate that were never answered with an evaluation, in a row: each brought its worker or the process down. Bookkeeping, not part of the fold.
    pub crashes: u32,
}

impl RunHead {
    /// The state as people see it: `waiting` where there is nothing to evaluate.
    #[must_use]
    pub fn shown_state(&self) -> &'static str {
        if self.state == RunState::Running && self.evaluated_seq >= self.wake_seq { "waiting" } else { self.state.as_str() }
    }

    /// Whether steps that were asked for go on: their attempts are tried again, their results taken. A held run only holds
    /// what would begin; a run that is ending goes on with nothing but what its `on_exit` asks for.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        match self.state {
            RunState::Running => true,
            RunState::Ending => self.exits(),
            RunState::Paused | RunState::Parked => self.ending.is_none() || self.exits(),
            _ => false,
        }
    }

    /// Whether something may be begun now: an evaluation, an attempt, a try.
    #[must_use]
    pub const fn begins(&self) -> bool {
        matches!(self.state, RunState::Running) || self.in_exit()
    }

    /// Whether `on_exit` is what is evaluated.
    #[must_use]
    pub const fn in_exit(&self) -> bool {
        matches!(self.state, RunState::Ending) && self.exits()
    }

    const fn exits(&self) -> bool {
        self.exit_from.is_some() && !self.exit_over
    }

    /// The part that the fold determines, for comparing a stored row with its journal (I17).
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { advance_fence: 0, evaluated_seq: 0, crashes: 0, ..self.clone() }
    }
}

/// A run that is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The state it was in: `queued`, `running` or `ending`.
    pub from: RunState,
    /// Since when.
    pub since: Ms,
}

/// A step: one durable call that is answered later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Number of the call, from 1.
    pub call: u32,
    /// Name.
    pub name: String,
    /// What kind of call, and its own state.
    pub kind: StepKind,
    /// Number of the `step_scheduled` event, which holds the arguments.
    pub spec_seq: u64,
    /// Number of the event that answered it.
    pub completed_seq: Option<u64>,
    /// When it must be answered.
    pub deadline_at: Ms,
    /// Its own time limit, in milliseconds: counted again where it is opened anew.
    pub timeout_ms: u64,
    /// SHA-256 of the answer from outside, hex, where there was one.
    pub answer_digest: Option<String>,
    /// Callbacks kept that did not answer it; bounded by [`crate::limits::KEPT_CALLBACKS`].
    pub kept: u32,
    /// Whether a reset has forgotten it. It stays until its call number is used again, so that what comes late finds it.
    pub forgotten: bool,
}

impl Step {
    /// Whether it is not answered.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.completed_seq.is_none() && !self.forgotten
    }

    /// What a job asks by it, where it is a question of one and no call of the flow.
    #[must_use]
    pub const fn ask(&self) -> Option<&Asked> {
        match &self.kind {
            StepKind::Approval(approval) => approval.ask.as_ref(),
            _ => None,
        }
    }

    /// The call of the flow that it is, or belongs to.
    #[must_use]
    pub const fn call_of_flow(&self) -> u32 {
        match self.ask() {
            Some(ask) => ask.call,
            None => self.call,
        }
    }
}

/// What kind of call a step is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A job, in attempts.
    Job(JobStep),
    /// An external wait.
    Wait {
        /// Its id.
        wait: WaitId,
    },
    /// A timer.
    Sleep {},
    /// A request that the server sends.
    Http(Tries),
    /// A text that the server keeps.
    Artifact(Tries),
    /// An outside event.
    Event {
        /// What kind of event.
        name: String,
        /// Which one.
        key: String,
    },
    /// A question to people.
    Approval(ApprovalStep),
    /// Another run.
    Child {
        /// Its id, derived from this run, the call and the event that opened the step: [`RunId::of_child`].
        run: RunId,
        /// Whether it is known to be there.
        made: bool,
        /// What becomes of it when nobody waits for it.
        on_cancel: OnCancel,
        /// Why it is being cancelled; the step is answered when it is over.
        stopping: Option<StopReason>,
    },
}

impl StepKind {
    /// As in JSON and in the store.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Wait { .. } => "wait",
            Self::Sleep {} => "sleep",
            Self::Http(_) => "http",
            Self::Artifact(_) => "artifact",
            Self::Event { .. } => "event",
            Self::Approval(_) => "approval",
            Self::Child { .. } => "child",
        }
    }
}

/// The tries of a step that the server itself performs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tries {
    /// Tries begun so far.
    pub number: u32,
    /// Tries counted against the retry budget.
    pub used: u32,
    /// What to do when one fails.
    pub retry: RetryPolicy,
    /// When the next one is due, during a backoff.
    pub retry_at: Option<Ms>,
    /// When the first one of this budget was due.
    pub since: Ms,
    /// Number of the event that opened this life of the step: every try of one life carries the same idempotency key.
    pub base: u64,
    /// Whether a try was begun and what came of it is not recorded.
    pub under_way: bool,
}

/// A job's own state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobStep {
    /// The newest attempt; `None` only between the two events that schedule step and attempt.
    pub attempt: Option<AttemptId>,
    /// Its number, from 1.
    pub number: u32,
    /// Attempts counted against the retry budget.
    pub used: u32,
    /// What to do when an attempt fails.
    pub retry: RetryPolicy,
    /// When the next attempt is due, during a backoff.
    pub retry_at: Option<Ms>,
    /// When the first attempt of this budget was scheduled.
    pub since: Ms,
    /// Attempts with a fence up to this one belong to an earlier life of the step: they cannot answer it.
    pub base_fence: u64,
    /// Attempts of earlier lives of the step that are not over: the first one of this life is launched when they are (promise 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<AttemptId>,
    /// When its host first said that the newest attempt lives, while it was not heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive_since: Option<Ms>,
    /// Its questions that are open, by call number. While there is one, its time stands still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking: Vec<u32>,
    /// Since when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asking_since: Option<Ms>,
    /// Questions that the newest attempt has asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked: u32,
    /// Whether the newest attempt ended while its question was open: the next one is due when that is answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
    /// What people answered while nobody was there to be told: the answers to the same questions, when the next attempt asks them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Given>,
    /// What the attempts of this life of the step have used, as their results say; one without a result, as it last said.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub spent: Spent,
    /// What of that was used by attempts without a result: taken back where one comes after all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsettled: BTreeMap<AttemptId, Spent>,
    /// Whether two machines have said that they run the newest attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cloned: bool,
    /// What all attempts of a life of the step may use.
    pub budget: Option<Budget>,
    /// How the newest attempt is bounded.
    pub limits: JobLimits,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What coding agents have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// In millionths of a US dollar.
    #[serde(default)]
    pub usd_micros: u64,
    /// Tokens in.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens out.
    #[serde(default)]
    pub output_tokens: u64,
}

impl Spent {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What a job's result, or its progress, says that its agent has used; nothing where it says nothing.
    #[must_use]
    pub fn of(said: &serde_json::Value) -> Self {
        let said = |field: &str| said.pointer("/agent/usage").and_then(|usage| usage.get(field)).and_then(serde_json::Value::as_u64);
        let number = |field: &str| said(field).unwrap_or(0);
        Self { usd_micros: number("usd_micros"), input_tokens: number("input_tokens"), output_tokens: number("output_tokens") }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_add(other.usd_micros),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
        }
    }

    /// This without the other.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self {
            usd_micros: self.usd_micros.saturating_sub(other.usd_micros),
            input_tokens: self.input_tokens.saturating_sub(other.input_tokens),
            output_tokens: self.output_tokens.saturating_sub(other.output_tokens),
        }
    }

    /// Tokens in and out.
    #[must_use]
    pub const fn tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// The time limits of a job, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLimits {
    /// See [`crate::call::JobSpec::heartbeat_ms`].
    pub heartbeat_ms: u64,
    /// See [`crate::call::JobSpec::started_ms`].
    pub started_ms: u64,
    /// See [`crate::call::JobSpec::launch_ms`].
    pub launch_ms: u64,
    /// See [`crate::call::JobSpec::silence_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
}

/// One try of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Id, 128 random bits.
    pub id: AttemptId,
    /// Call number of its step.
    pub call: u32,
    /// Which try, from 1.
    pub number: u32,
    /// Only grows within a run.
    pub fence: u64,
    /// Where it stands.
    pub state: AttemptState,
    /// Why it is ended early.
    pub stopping: Option<StopReason>,
    /// Whether the step was answered before the stop could be verified.
    pub debt: bool,
    /// Where it runs and what it was handed, once launching.
    pub handed: Option<Handed>,
    /// When it was scheduled.
    pub scheduled_at: Ms,
    /// When it must be over.
    pub deadline_at: Ms,
    /// Digest of the accepted result's bytes, SHA-256 hex.
    pub result_digest: Option<String>,
}

/// What an attempt was handed: everything needed to make the same bytes again, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Name of its host.
    pub host: String,
    /// SHA-256 of the spec, hex.
    pub spec_digest: String,
    /// Key that signed its token.
    pub kid: String,
    /// Generation of the root that its proof secret and URL come from.
    pub root: u64,
    /// Audience of its token: the public URL at that time.
    pub audience: String,
    /// `iat` and `nbf` of its token, Unix seconds.
    pub issued_s: i64,
    /// `exp` of its token and URL, Unix seconds.
    pub expires_s: i64,
    /// When the launch was first tried.
    pub launching_at: Ms,
    /// Whether its host wanted every job to have a user of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_user: bool,
    /// Free bytes that its host wanted to keep.
    #[serde(default, skip_serializing_if = "is_none")]
    pub disk_floor_bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
const fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

/// A callback that was there before: its answer is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorCallback {
    /// SHA-256 of its body, hex.
    pub digest: String,
    /// What became of it: an outcome of `sortie-protocol`, as text.
    pub outcome: String,
    /// When it was committed.
    pub at: Ms,
}

/// The rows that a decision looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The run; `None` before it is created.
    pub run: Option<RunHead>,
    /// By call number. May be only those that the scope names.
    pub steps: BTreeMap<u32, Step>,
    /// By id. May be only those that the scope names.
    pub attempts: BTreeMap<AttemptId, Attempt>,
    /// The callback of the same id, where there was one.
    pub prior: Option<PriorCallback>,
    /// Last sign of life of the attempt in scope.
    pub last_seen: Option<Ms>,
    /// For a run that may have to queue: who else there is.
    pub room: Option<Room>,
    /// For a launch: other attempts that hold a slot of the host it chose. Those are the ones that the host may know of and
    /// the ones that are being ended there, whose runs may be over (a debt).
    pub host_open: Option<u32>,
}

/// Who else has the same limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Runs with the same key that have started and are not over.
    pub running: u32,
    /// One of those.
    pub running_run: Option<RunId>,
    /// Queued runs with the same key that go first: a higher priority, or the same and older.
    pub ahead: u32,
    /// Open runs of an older release of the flow.
    pub older: u32,
}
