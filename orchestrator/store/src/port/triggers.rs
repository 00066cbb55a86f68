//! Schedules, webhooks, outside events, children, releases.

use super::Fut;
use crate::model::triggers::{
    DraftRow, FireRow, GoLive, HookDelivery, LinkStep, LiveRow, MissedRow, NewFire, OpenBundle, OutsideEvent, Published, RunAnswer,
    ScheduleLook, ScheduleRevision, ScheduleRow,
};
use crate::model::{AdvanceLoad, Claim, Delivered, Delivery, ReleaseRow};
use sortie_core::ids::{Ms, RunId};
use sortie_core::view::RunHead;

/// Schedules, webhooks, outside events, children, releases.
pub trait Triggers: Send + Sync {
    // --- releases ---

    /// Make the draft the next release and live, with its schedules, in one transaction. A draft equal to the newest release gives that one.
    fn release_draft(&self, live: GoLive, notes: &str) -> Fut<'_, ReleaseRow>;
    /// Make a release that is there live, with its schedules, in one transaction.
    fn promote(&self, live: GoLive, number: u32) -> Fut<'_, ReleaseRow>;
    /// The draft of a flow.
    fn draft(&self, flow: &str) -> Fut<'_, Option<DraftRow>>;
    /// What is live of a flow.
    fn live(&self, flow: &str) -> Fut<'_, Option<LiveRow>>;
    /// Open runs of other releases of flows that were superseded, made before that, and not ending yet.
    fn superseded(&self, limit: usize) -> Fut<'_, Vec<(RunId, u32)>>;
    /// Open runs whose bundle is not in the store.
    fn without_bundle(&self, limit: usize) -> Fut<'_, Vec<OpenBundle>>;
    /// What an evaluation of a run would be given now, without claiming it.
    fn load_replay(&self, run: &RunId) -> Fut<'_, Option<AdvanceLoad>>;

    // --- schedules ---

    /// Schedules of a flow, or all, by name.
    fn schedules(&self, flow: Option<&str>) -> Fut<'_, Vec<ScheduleRow>>;
    /// Schedules that are to be looked at, soonest first.
    fn due_schedules(&self, now: Ms, limit: usize) -> Fut<'_, Vec<ScheduleRow>>;
    /// Write what came of a look; false where somebody else was first.
    fn looked(&self, look: ScheduleLook) -> Fut<'_, bool>;
    /// When the next schedule is to be looked at or the next run is to start.
    fn next_fire(&self) -> Fut<'_, Option<Ms>>;
    /// Times whose runs are to start, soonest first.
    fn due_fires(&self, now: Ms, limit: usize) -> Fut<'_, Vec<FireRow>>;
    /// A time is done: `started`, `skipped` or `failed`; or, with `due`, to be tried again at this time.
    fn fire_done(&self, fire: &FireRow, state: &str, note: Option<String>, at: Ms) -> Fut<'_, ()>;
    /// Times to fire that no look has found; gives those that were not there yet.
    fn add_fires(&self, flow: &str, name: &str, fires: Vec<NewFire>) -> Fut<'_, Vec<Ms>>;
    /// The newest times of a schedule.
    fn fires(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<FireRow>>;
    /// The newest times of a schedule that were missed.
    fn missed(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<MissedRow>>;
    /// Runs among the newest `limit` of a schedule that are open.
    fn open_fires(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<RunId>>;
    /// Cron expressions that were in force, oldest first.
    fn revisions(&self, flow: &str, name: &str) -> Fut<'_, Vec<ScheduleRevision>>;
    /// Pause a schedule, or let it go on from now; false where it was so already.
    fn pause_schedule(&self, flow: &str, name: &str, paused: bool, actor: &str, at: Ms) -> Fut<'_, bool>;
    /// Look at every schedule anew that would look later than this: the clock was ahead, and is not any more (F032).
    fn look_again(&self, at: Ms) -> Fut<'_, ()>;

    // --- outside events ---

    /// Keep an event, and wake every open step that waits for it, in one transaction.
    fn publish(&self, event: OutsideEvent) -> Fut<'_, Published>;
    /// The oldest kept event of this name and key that a run has not taken yet.
    fn next_event(&self, run: &RunId, name: &str, key: &str, now: Ms) -> Fut<'_, Option<OutsideEvent>>;
    /// Kept events, newest first.
    fn events(&self, name: Option<&str>, limit: usize) -> Fut<'_, Vec<OutsideEvent>>;

    // --- webhooks ---

    /// Remember a delivery; gives what stands, which is the first.
    fn remember_delivery(&self, delivery: HookDelivery) -> Fut<'_, HookDelivery>;
    /// The newest deliveries of a webhook.
    fn deliveries(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<HookDelivery>>;

    // --- between runs ---

    /// A step with its arguments.
    fn link_step(&self, run: &RunId, call: u32) -> Fut<'_, Option<LinkStep>>;
    /// As [`crate::Engine::deliver`], only while this claim holds, which it goes on to do.
    fn deliver_while(&self, claim: Claim, delivery: Delivery) -> Fut<'_, Delivered>;
    /// The run of a step, or a promise that it will never be made: its due work is dropped in the same transaction.
    fn child_or_never(&self, parent: &RunId, call: u32, child: &RunId) -> Fut<'_, Option<RunHead>>;
    /// How a run ended.
    fn run_answer(&self, run: &RunId) -> Fut<'_, Option<RunAnswer>>;

    /// Started runs with this limit key that are not over, oldest first.
    fn limited_runs(&self, key: &str, limit: usize) -> Fut<'_, Vec<RunId>>;

    /// Forget what is kept only for a time, at most `limit` rows of each kind; gives how many there were.
    fn clean_triggers(&self, now: Ms, fires_before: Ms, deliveries_before: Ms, limit: usize) -> Fut<'_, usize>;
}
