//! The small rows that decisions are made from: the head of a run, its steps, their attempts.
//!
//! A [`View`] may hold all of a run or only the rows that an input names ([`crate::input::Scope`]): a decision about
//! one callback looks at three rows, whatever the length of the history. Folding the whole journal gives the same rows.

use crate::call::RetryPolicy;
use crate::failure::Failure;
use crate::ids::{AttemptId, Ms, RunId, WaitId};
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
    /// Durable calls scheduled so far.
    pub calls: u32,
    /// Steps that are not answered.
    pub open_steps: u32,
    /// Last fence given to an attempt.
    pub fence: u64,
    /// How it ends, once decided.
    pub ending: Option<RunOutcome>,
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
    /// Evaluations in a row that killed their worker. Bookkeeping, not part of the fold.
    pub crashes: u32,
}

impl RunHead {
    /// The state as people see it: `waiting` where there is nothing to evaluate.
    #[must_use]
    pub fn shown_state(&self) -> &'static str {
        if self.state == RunState::Running && self.evaluated_seq >= self.wake_seq { "waiting" } else { self.state.as_str() }
    }

    /// The part that the fold determines, for comparing a stored row with its journal (I17).
    #[must_use]
    pub fn folded(&self) -> Self {
        Self { advance_fence: 0, evaluated_seq: 0, crashes: 0, ..self.clone() }
    }
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
    /// SHA-256 of the answer from outside, hex, where there was one.
    pub answer_digest: Option<String>,
    /// Callbacks kept that did not answer it; bounded by [`crate::limits::KEPT_CALLBACKS`].
    pub kept: u32,
}

impl Step {
    /// Whether it is not answered.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.completed_seq.is_none()
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
    /// How the newest attempt is bounded.
    pub limits: JobLimits,
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
}
