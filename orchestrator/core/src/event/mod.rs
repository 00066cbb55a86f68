//! Events: the facts in the journal of a run. Append-only, numbered from 1 without gaps.

mod kind;

use crate::call::{AskSpec, CallSpec};
use crate::evaluation::LogLine;
use crate::failure::Failure;
use crate::ids::{AttemptId, Ms, RunId, WaitId};
use crate::plan::{NoticeKind, RunPlan};
use crate::state::{RunOutcome, StopReason};
use crate::view::{AskAnswer, Decision, Handed, Spent};
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
        /// What else is settled.
        #[serde(default)]
        plan: RunPlan,
    },
    /// It left the queue.
    RunStarted {
        /// When it must be over, counted from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_at: Option<Ms>,
    },
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
    /// A durable call that was answered in the run this one was forked from.
    StepReused {
        /// Number of the call.
        call: u32,
        /// Name.
        step: String,
        /// Its arguments.
        spec: CallSpec,
        /// Its answer.
        value: Value,
        /// The run it was answered in.
        from: RunId,
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
    /// Its host says that it lives, while it is not heard of. Once for each silence.
    AttemptAlive {
        /// Its id.
        attempt: AttemptId,
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
        /// Whether the agent ended while its question is open: the step goes on when that is answered.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        parked: bool,
    },
    /// It failed without a result.
    AttemptFailed {
        /// Its id.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
        /// What its agent had used, as far as it had said so.
        #[serde(default, skip_serializing_if = "Spent::is_nothing")]
        used: Spent,
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
    /// A try of a step that the server itself performs is about to be made.
    TryStarted {
        /// Number of the call.
        call: u32,
        /// Which try, from 1.
        number: u32,
    },
    /// It failed, and another one is due.
    TryFailed {
        /// Number of the call.
        call: u32,
        /// Which try.
        number: u32,
        /// Why.
        failure: Failure,
        /// When the next one is due.
        due_at: Ms,
    },
    /// The run of a `child` step is there.
    ChildStarted {
        /// Number of the call.
        call: u32,
        /// The run.
        run: RunId,
    },
    /// The run of a `child` step is being cancelled; the step is answered when it is over.
    ChildStopping {
        /// Number of the call.
        call: u32,
        /// Why.
        reason: StopReason,
    },
    /// An outside event came for a step; its answer follows.
    EventReceived {
        /// Number of the call.
        call: u32,
        /// Id of the event.
        id: String,
    },
    /// Somebody decided about an approval.
    ApprovalVoted {
        /// Number of the call.
        call: u32,
        /// Who.
        actor: String,
        /// What.
        decision: Decision,
        /// Why, as they said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// The revision they saw.
        revision: u64,
        /// How: `cli`, `api` or `link`.
        via: String,
    },
    /// Those who have to decide are reminded.
    ApprovalReminded {
        /// Number of the call.
        call: u32,
        /// Which reminder, from 1.
        number: u32,
    },
    /// More people may decide: the approval has a new revision, the number of this event.
    ApprovalEscalated {
        /// Number of the call.
        call: u32,
        /// Roles that were added.
        to: Vec<String>,
    },
    /// A job asks people: a step of its own, which the flow does not see. While it is open, the job's time stands still.
    AskOpened {
        /// Number of the step, from [`crate::limits::ASK_CALLS`] on.
        call: u32,
        /// Name of the step.
        step: String,
        /// Call number of the job.
        of: u32,
        /// The attempt that asks.
        attempt: AttemptId,
        /// Number of the question in the attempt's event log.
        ask_seq: u64,
        /// What.
        ask: AskSpec,
        /// When an answer must be there.
        deadline_at: Ms,
        /// Id of the approval that it is.
        id: WaitId,
    },
    /// A question of a job has its answer, or was withdrawn.
    AskClosed {
        /// Number of the step.
        call: u32,
        /// Call number of the job.
        of: u32,
        /// The attempt that asked.
        attempt: AttemptId,
        /// What it is told.
        answer: AskAnswer,
    },
    /// Two machines say that they run the attempt, a clone among them. The first one is believed.
    AttemptCloned {
        /// Its id.
        attempt: AttemptId,
        /// Boot id of the machine that is believed.
        boot_id: String,
        /// Boot id of the other one.
        other_boot_id: String,
        /// Random id of the other one's supervisor.
        other_instance: String,
    },
    /// A late result was taken by an operator; the answer of its step follows.
    ResultAdopted {
        /// The attempt.
        attempt: AttemptId,
        /// SHA-256 of the exact bytes, hex.
        digest: String,
        /// The job's result, as the shim saw it.
        result: Value,
        /// Why it counts as failed, where it does.
        failure: Option<Failure>,
        /// Who.
        actor: String,
    },
    /// The flow has logged something.
    FlowLogged {
        /// What.
        lines: Vec<LogLine>,
    },
    /// An operator holds the run.
    RunPaused {
        /// Who.
        actor: String,
        /// Why, as they said.
        reason: Option<String>,
    },
    /// It goes on: paused or parked time does not count.
    RunResumed {
        /// Who.
        actor: String,
        /// Why, as they said.
        reason: Option<String>,
        /// When it must be over now.
        deadline_at: Ms,
    },
    /// Steps are forgotten or opened anew, and the run goes on: a redrive or a retry.
    RunReset {
        /// Calls up to this number are kept; later ones are stopped and forgotten.
        keep: u32,
        /// Kept steps that are opened anew, with a fresh retry budget.
        reopen: Vec<u32>,
        /// Who.
        actor: String,
        /// Why, as they said.
        reason: Option<String>,
        /// When it must be over now.
        deadline_at: Ms,
    },
    /// Somebody asked for the run's end without `on_exit`.
    TerminateRequested {
        /// Who.
        actor: String,
        /// Why, as they said.
        reason: Option<String>,
    },
    /// Nothing of the body is open any more: `on_exit` is evaluated.
    ExitStarted {
        /// When it must be over.
        deadline_at: Ms,
    },
    /// `on_exit` returned; what it has left open is stopped.
    ExitEnded {},
    /// `on_exit` failed or took too long; the run ends as it was decided.
    ExitFailed {
        /// Why.
        failure: Failure,
    },
    /// It is open for longer than it should.
    RunOverdue {},
    /// Somebody was told.
    NoticeSent {
        /// What of.
        what: NoticeKind,
        /// Number of the event it is about.
        about: u64,
        /// Name of the connection.
        to: String,
    },
    /// Nobody could be told, for good.
    NoticeFailed {
        /// What of.
        what: NoticeKind,
        /// Number of the event it is about.
        about: u64,
        /// Name of the connection.
        to: String,
        /// Why.
        message: String,
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
