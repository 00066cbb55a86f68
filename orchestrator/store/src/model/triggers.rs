//! Schedules, webhooks, outside events, children, releases. The plain values.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sortie_core::call::CallSpec;
use sortie_core::failure::Failure;
use sortie_core::ids::{Ms, RunId};
use sortie_core::state::RunOutcome;
use sortie_core::view::{RunHead, Step};

/// How runs of older releases and those of a new one live together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handoff {
    /// Side by side.
    #[default]
    Coexist,
    /// New runs wait until the runs of other releases are over.
    Drain,
    /// As `drain`, and the runs of other releases are cancelled.
    Supersede,
}

impl Handoff {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Coexist, Self::Drain, Self::Supersede];

    /// As in JSON and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coexist => "coexist",
            Self::Drain => "drain",
            Self::Supersede => "supersede",
        }
    }

    /// The one a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|handoff| handoff.as_str() == text)
    }
}

/// A release that is to become live: what starts its runs by the clock is written in the same transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoLive {
    /// Name of the flow.
    pub flow: String,
    /// Digest of the bundle that the caller has looked at; [`crate::StoreError::Conflict`] where another one stands there by now.
    pub expected: Option<String>,
    /// What becomes of runs of other releases.
    pub handoff: Handoff,
    /// Its schedules.
    pub schedules: Vec<ScheduleSpec>,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Ms,
}

impl GoLive {
    /// Whatever stands there, without schedules, beside the runs of other releases.
    #[must_use]
    pub fn plain(flow: &str, actor: &str, at: Ms) -> Self {
        let (flow, actor) = (flow.to_owned(), actor.to_owned());
        Self { flow, expected: None, handoff: Handoff::Coexist, schedules: Vec::new(), actor, at }
    }
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftRow {
    /// Digest of the bundle.
    pub digest: String,
    /// Its manifest as JSON.
    pub manifest: String,
    /// Who wrote it.
    pub actor: String,
    /// When.
    pub at: Ms,
}

/// What is live of a flow, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRow {
    /// Number of the release.
    pub release: u32,
    /// How it came.
    pub handoff: Handoff,
    /// When.
    pub since: Ms,
}

/// What a flow says about one of its schedules, as it is stored. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// Name within the flow.
    pub name: String,
    /// Cron expression.
    pub cron: String,
    /// IANA time zone.
    pub tz: String,
    /// `skip`, `queue`, `allow` or `cancel_running`.
    pub overlap: String,
    /// How old a missed time may be.
    pub catch_up_ms: u64,
    /// Input of its runs.
    pub input: Value,
}

/// A schedule of a live release.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRow {
    /// Name of the flow.
    pub flow: String,
    /// What the live release says.
    pub spec: ScheduleSpec,
    /// Number of the release that brought this cron expression.
    pub release: u32,
    /// Since when it is in force.
    pub since: Ms,
    /// Every time up to this one has been looked at.
    pub cursor: Ms,
    /// When to look again; `None` while it is paused, or when nothing comes any more.
    pub next: Option<Ms>,
    /// Since when it is paused, and by whom.
    pub paused: Option<(Ms, String)>,
}

/// A cron expression that was in force for some time.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRevision {
    /// From then.
    pub since: Ms,
    /// Until then; `None` where it still is.
    pub until: Option<Ms>,
    /// What it said.
    pub spec: ScheduleSpec,
    /// Number of the release.
    pub release: u32,
}

/// One look at a schedule, to be written at once.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleLook {
    /// Name of the flow.
    pub flow: String,
    /// Name of the schedule.
    pub name: String,
    /// The cursor that this look began from; nothing is written where it is another one by now.
    pub from: Ms,
    /// The new cursor.
    pub cursor: Ms,
    /// When to look again.
    pub next: Option<Ms>,
    /// Times to fire.
    pub fires: Vec<NewFire>,
    /// Times that were too long ago: the first, the last, how many.
    pub missed: Option<(Ms, Ms, u32)>,
}

/// A time to fire.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFire {
    /// The time that the schedule names; unique in it.
    pub at: Ms,
    /// When to start its run.
    pub due_at: Ms,
    /// `time`, `catch_up`, `backfill` or `manual`.
    pub cause: String,
    /// Id of its run, derived from flow, schedule and time: started twice is started once.
    pub run: RunId,
    /// The schedule as it was in force.
    pub spec: ScheduleSpec,
}

/// A time that was or is to be fired.
#[derive(Clone, Debug, PartialEq)]
pub struct FireRow {
    /// Name of the flow.
    pub flow: String,
    /// Name of the schedule.
    pub name: String,
    /// The time.
    pub at: Ms,
    /// Why.
    pub cause: String,
    /// `due`, `started`, `skipped` or `failed`.
    pub state: String,
    /// When its run is to start.
    pub due_at: Ms,
    /// Id of its run, whether or not it was made.
    pub run: RunId,
    /// Why it was skipped or failed.
    pub note: Option<String>,
    /// The schedule as it was in force, until the time is done.
    pub spec: Option<ScheduleSpec>,
}

/// Times that were not fired since they were too long ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissedRow {
    /// The first.
    pub first: Ms,
    /// The last that was counted.
    pub last: Ms,
    /// How many were counted.
    pub times: u32,
    /// When that was found.
    pub at: Ms,
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideEvent {
    /// Tells one from another with the same name and key.
    pub id: String,
    /// What kind.
    pub name: String,
    /// Which one of them.
    pub key: String,
    /// What it says.
    pub payload: Value,
    /// Who said so.
    pub actor: String,
    /// When.
    pub at: Ms,
    /// Until when it is kept.
    pub expires_at: Ms,
}

/// What came of publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Whether an event with this id was there; it stands.
    pub duplicate: bool,
    /// Open steps that wait for it.
    pub waiting: u32,
}

/// A delivery of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDelivery {
    /// Name of the flow.
    pub flow: String,
    /// Name of the webhook.
    pub name: String,
    /// Its id, or the digest of its body.
    pub delivery: String,
    /// SHA-256 of its body, hex.
    pub digest: String,
    /// The run that it is to start.
    pub run: RunId,
    /// When it came first.
    pub at: Ms,
    /// The first bytes of its body.
    pub body: Vec<u8>,
}

/// A step that is tied to another run or to an event, with what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkStep {
    /// The head of its run.
    pub head: RunHead,
    /// The step.
    pub step: Step,
    /// Its arguments.
    pub spec: CallSpec,
}

/// How a run ended, for whoever waits for it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAnswer {
    /// The head.
    pub head: RunHead,
    /// How; `None` while it is open.
    pub outcome: Option<RunOutcome>,
    /// What it returned.
    pub value: Value,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// Open runs of one bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBundle {
    /// Name of the flow.
    pub flow: String,
    /// Number of the release; 0 for drafts.
    pub release: u32,
    /// One of those runs.
    pub run: RunId,
    /// Digest of its bundle.
    pub bundle: String,
}
