//! The plain values of the port.

pub mod hosts;
pub mod logs;
pub mod operations;
pub mod resources;
pub mod triggers;
pub mod vault;
pub mod workers;

pub use hosts::{HostHealth, OpenAttempt};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_core::decide::Reply;
use sortie_core::effect::{Work, WorkClass};
use sortie_core::evaluation::{ExitFacts, JournalEntry, Reports, RunFacts};
use sortie_core::failure::FailureKind;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::input::{Input, Scope};
use sortie_core::state::{AttemptState, StopReason};
use sortie_core::view::{RunHead, Step};
use std::collections::BTreeMap;

/// Who this store belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installation {
    /// Random id, made with the store. `iss` of every token.
    pub id: String,
    /// Rises with every restore. Fences are `(epoch, n)`.
    pub epoch: u64,
    /// Number of the last migration.
    pub schema: u32,
}

/// One input on its way to a decision.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which rows it is decided from.
    pub scope: Scope,
    /// The input.
    pub input: Input,
    /// Due work that this input answers.
    pub done: Option<Claim>,
    /// Exact bytes of a callback, kept where the decision says so.
    pub body: Option<Vec<u8>>,
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The run it was about.
    pub run: RunId,
    /// What the caller is told.
    pub reply: Reply,
    /// Number of the run's last event now.
    pub seq: u64,
    /// When it was decided; what is remembered of a callback has the same time.
    pub at: Ms,
    /// When the first piece of work that was put is due, by class, so that its loop can be woken in time.
    pub due: Vec<(WorkClass, Ms)>,
}

/// Claimed due work; also how due work is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The run it belongs to.
    pub run: RunId,
    /// What is to be done.
    pub work: Work,
    /// When it is (or was) due.
    pub due_at: Ms,
    /// Fence of the claim: rises with every claim of this row.
    pub fence: u64,
}

/// A heartbeat or progress of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Beat {
    /// Whose.
    pub attempt: AttemptId,
    /// Its number; lower ones than the stored are ignored.
    pub seq: u64,
    /// When it came, by the server's clock.
    pub at: Ms,
    /// Server's clock minus the sender's at that time, in milliseconds.
    pub skew_ms: i64,
    /// What it says.
    pub data: Value,
    /// What it is; each kind is kept apart.
    pub kind: BeatKind,
}

/// What a sign of life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BeatKind {
    /// A heartbeat of the shim.
    Heartbeat = 0,
    /// Progress of the job.
    Progress = 1,
    /// A checkpoint of the job, which a later attempt may begin from.
    Checkpoint = 2,
}

impl BeatKind {
    /// The kind that is stored as this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Heartbeat),
            1 => Some(Self::Progress),
            2 => Some(Self::Checkpoint),
            _ => None,
        }
    }
}

/// What came of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeatReply {
    /// Where the attempt stands; `None` where it is unknown.
    pub state: Option<AttemptState>,
    /// That the job is to be ended.
    pub stop: Option<StopReason>,
    /// Where another machine than this heartbeat's says that it runs the attempt, and is believed: its boot id. Nothing was kept then.
    pub believed_boot: Option<String>,
}

/// What evaluation needs.
#[derive(Clone, Debug, PartialEq)]
pub struct AdvanceLoad {
    /// The head, with its raised fence.
    pub head: RunHead,
    /// What the flow can read of it.
    pub facts: RunFacts,
    /// Its input.
    pub input: Value,
    /// Its durable calls, in call order.
    pub journal: Vec<JournalEntry>,
    /// The end that `on_exit` follows, where that is what is to be evaluated.
    pub exit: Option<ExitFacts>,
    /// What its jobs have reported so far, by call.
    pub reports: BTreeMap<u32, Reports>,
    /// Answered calls of the run it was forked from, which it may reuse.
    pub reuse: Vec<JournalEntry>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its head.
    pub head: RunHead,
}

/// How many runs of a flow are in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunCount {
    /// Name of the flow.
    pub flow: String,
    /// The shown state (`waiting` too).
    pub state: String,
    /// How many, at least one.
    pub runs: u64,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this flow.
    pub flow: Option<String>,
    /// In this shown state (`waiting` too).
    pub state: Option<String>,
    /// That failed, or were set aside, for this reason.
    pub failure: Option<FailureKind>,
    /// Made at this time or later; with a failure, that failed then. Imported runs are in no list since a time.
    pub since: Option<Ms>,
    /// Started by this: `schedule`, `webhook:NAME` ... or all of it; `manual` for those that nothing else has started.
    pub trigger: Option<String>,
    /// Started by a step of this run.
    pub parent: Option<RunId>,
    /// Older than this one.
    pub before: Option<RunId>,
    /// At most this many; the store's own limit applies too.
    pub limit: usize,
}

/// What a launch that has no slot waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldPlace {
    /// `name:HOST` or `label:LABEL`.
    pub on: String,
    /// Its place among those that wait for the same, from 1; others may go first where their flow's turn comes earlier.
    pub place: u64,
}

/// How many launches wait for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldCount {
    /// `name:HOST` or `label:LABEL`.
    pub on: String,
    /// How many, counted up to [`crate::limits::BACKLOG`].
    pub launches: u64,
}

/// What a queued run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueuePlace {
    /// Runs with the same limit that have started and are not over.
    pub running: u32,
    /// One of those.
    pub running_run: Option<RunId>,
    /// Its place among the queued ones, from 1; 0 for a run without a limit.
    pub place: u32,
    /// Whether runs of an older release are open that it waits for.
    pub older: bool,
}

/// How many runs of a flow have failed for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureCount {
    /// Why.
    pub kind: FailureKind,
    /// Name of the flow.
    pub flow: String,
    /// How many, at least one.
    pub runs: u64,
}

/// A step that waits for somebody outside.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenWait {
    /// Its run.
    pub run: RunId,
    /// The flow of that.
    pub flow: String,
    /// The step.
    pub step: Step,
    /// Since when it waits.
    pub since: Ms,
}

/// An external wait.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitRow {
    /// Its run.
    pub run: RunId,
    /// Its step.
    pub step: Step,
    /// JSON Schema of its answer.
    pub schema: Option<Value>,
    /// What a sender has to show.
    pub auth: sortie_core::call::WaitAuth,
    /// Roles of the people who may answer it.
    pub roles: Vec<String>,
    /// When it was scheduled.
    pub scheduled_at: Ms,
}

/// A callback that was remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRow {
    /// Attempt or wait.
    pub subject: String,
    /// `webhook-id`, or the digest for a plain wait.
    pub id: String,
    /// SHA-256 of its body, hex.
    pub digest: String,
    /// What became of it.
    pub outcome: String,
    /// When.
    pub at: Ms,
    /// Its exact body, where it was kept.
    pub body: Option<Vec<u8>>,
}

/// A draft to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftPush {
    /// Name of the flow.
    pub flow: String,
    /// Digest of the bundle that this edit started from; `None` for a new flow or to overwrite (`force`).
    pub base: Option<String>,
    /// Write whatever the base.
    pub force: bool,
    /// Digest of the bundle.
    pub digest: String,
    /// Its files as JSON.
    pub bundle: String,
    /// Its manifest as JSON.
    pub manifest: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Ms,
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowRow {
    /// Name.
    pub name: String,
    /// Digest of the draft.
    pub draft: Option<String>,
    /// When the draft was written.
    pub draft_at: Option<Ms>,
    /// Number of the live release.
    pub live: Option<u32>,
    /// Digest of the live release.
    pub live_digest: Option<String>,
    /// Manifest of the live release, else of the draft, as JSON.
    pub manifest: String,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseRow {
    /// Name of the flow.
    pub flow: String,
    /// Number, from 1.
    pub number: u32,
    /// Digest of the bundle.
    pub digest: String,
    /// Manifest as JSON.
    pub manifest: String,
    /// What changed.
    pub notes: String,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Ms,
    /// Whether it is live.
    pub live: bool,
}

/// The answer that a request with an idempotency key was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotentAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: String,
}

/// The id of a wait or an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An attempt.
    Attempt(AttemptId),
    /// A wait.
    Wait(WaitId),
}
