//! Events: the facts in the journal of a run. Append-only, numbered from 1 without gaps.

use crate::call::CallSpec;
use crate::failure::Failure;
use crate::ids::{AttemptId, Ms, RunId, WaitId};
use crate::state::{RunOutcome, StopReason};
use crate::view::Handed;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number within the run, from 1.
    pub seq: u64,
    /// When it was decided, Unix milliseconds.
    pub at: Ms,
    /// What happened.
    pub body: EventBody,
}

/// What can happen. In JSON `{"<kind>": {...}}`; the kind is a column of its own in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    /// The run exists, pinned to its release.
    RunCreated {
        /// Its id.
        run: RunId,
        /// Name of the flow.
        flow: String,
        /// Release number; 0 for a draft.
        release: u32,
        /// Digest of the bundle.
        bundle: String,
        /// Level of the engine's replay.
        engine: u32,
        /// Its input.
        input: Value,
        /// When it must be over.
        deadline_at: Ms,
        /// Who asked for it.
        actor: String,
    },
    /// It left the queue.
    RunStarted {},
    /// A durable call that is answered later.
    StepScheduled {
        /// Number of the call.
        call: u32,
        /// Name.
        step: String,
        /// Its arguments.
        spec: CallSpec,
        /// When it must be answered.
        deadline_at: Ms,
        /// Id of an external wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait: Option<WaitId>,
    },
    /// A durable call that was answered at once.
    StepRecorded {
        /// Number of the call.
        call: u32,
        /// Name.
        step: String,
        /// Its arguments.
        spec: CallSpec,
        /// Its answer.
        value: Value,
    },
    /// A step was answered.
    StepCompleted {
        /// Number of the call.
        call: u32,
        /// Its answer.
        value: Value,
        /// SHA-256 of the exact bytes, where an external wait was answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
    /// A try of a job.
    AttemptScheduled {
        /// Its id.
        attempt: AttemptId,
        /// Number of the call.
        call: u32,
        /// Which try, from 1.
        number: u32,
        /// Its fence.
        fence: u64,
    },
    /// Host and claims are chosen; the launch is about to be sent.
    AttemptLaunching {
        /// Its id.
        attempt: AttemptId,
        /// What it is handed.
        handed: Handed,
    },
    /// The host could not be reached, nothing was sent; tried again.
    LaunchDeferred {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// The launch was sent and not answered.
    LaunchUnknown {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        message: String,
    },
    /// The host has claimed and started it.
    AttemptLaunched {
        /// Its id.
        attempt: AttemptId,
        /// Whether this launch made the claim, or an earlier one had.
        created: bool,
        /// Process id on the host.
        pid: Option<u32>,
        /// Boot id of the host.
        boot_id: Option<String>,
        /// How the tree is held.
        containment: Option<String>,
    },
    /// The job has been heard of.
    AttemptStarted {
        /// Its id.
        attempt: AttemptId,
    },
    /// Heartbeats are missing.
    AttemptSuspect {
        /// Its id.
        attempt: AttemptId,
        /// Last sign of life.
        last_seen: Ms,
    },
    /// It has been heard of again.
    AttemptRevived {
        /// Its id.
        attempt: AttemptId,
    },
    /// Its result was accepted.
    AttemptResult {
        /// Its id.
        attempt: AttemptId,
        /// SHA-256 of the exact bytes, hex.
        digest: String,
        /// How it came: `callback` or `collect`.
        via: String,
        /// The job's result, as the shim saw it.
        result: Value,
        /// Why it counts as failed, where it does.
        failure: Option<Failure>,
    },
    /// It failed without a result.
    AttemptFailed {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// It is being ended early.
    AttemptStopping {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        reason: StopReason,
    },
    /// It is verified to be gone.
    AttemptStopped {
        /// Its id.
        attempt: AttemptId,
        /// What the host said.
        evidence: String,
    },
    /// It could not be verified in time: a debt of its host.
    StopUnverified {
        /// Its id.
        attempt: AttemptId,
    },
    /// Another attempt is due.
    RetryScheduled {
        /// Number of the call.
        call: u32,
        /// The attempt that failed.
        after: AttemptId,
        /// When the next one is due.
        due_at: Ms,
    },
    /// A callback that was kept and does not resume anything.
    CallbackKept {
        /// The attempt or wait.
        subject: String,
        /// Number of the call.
        call: u32,
        /// `late`, `conflict` or `invalid`.
        outcome: String,
        /// SHA-256 of the exact bytes, hex.
        digest: String,
        /// For people.
        message: String,
    },
    /// Somebody asked for the run's end.
    CancelRequested {
        /// Who.
        actor: String,
        /// Why, as they said.
        reason: Option<String>,
    },
    /// How it ends is decided; open handles are stopped first.
    RunEnding {
        /// How.
        outcome: RunOutcome,
        /// What `run` returned.
        value: Option<Value>,
        /// Why it failed.
        failure: Option<Failure>,
    },
    /// It is over.
    RunEnded {
        /// How.
        outcome: RunOutcome,
    },
    /// Set aside for an operator.
    RunParked {
        /// Why.
        failure: Failure,
    },
}

impl EventBody {
    /// The kind, as in JSON and in the store.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunCreated { .. } => "run_created",
            Self::RunStarted {} => "run_started",
            Self::StepScheduled { .. } => "step_scheduled",
            Self::StepRecorded { .. } => "step_recorded",
            Self::StepCompleted { .. } => "step_completed",
            Self::AttemptScheduled { .. } => "attempt_scheduled",
            Self::AttemptLaunching { .. } => "attempt_launching",
            Self::LaunchDeferred { .. } => "launch_deferred",
            Self::LaunchUnknown { .. } => "launch_unknown",
            Self::AttemptLaunched { .. } => "attempt_launched",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptSuspect { .. } => "attempt_suspect",
            Self::AttemptRevived { .. } => "attempt_revived",
            Self::AttemptResult { .. } => "attempt_result",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::AttemptStopping { .. } => "attempt_stopping",
            Self::AttemptStopped { .. } => "attempt_stopped",
            Self::StopUnverified { .. } => "stop_unverified",
            Self::RetryScheduled { .. } => "retry_scheduled",
            Self::CallbackKept { .. } => "callback_kept",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RunEnding { .. } => "run_ending",
            Self::RunEnded { .. } => "run_ended",
            Self::RunParked { .. } => "run_parked",
        }
    }

    /// Kinds that replay needs; the rest is for people.
    pub const REPLAYED: [&'static str; 4] = ["run_created", "step_scheduled", "step_recorded", "step_completed"];
}
