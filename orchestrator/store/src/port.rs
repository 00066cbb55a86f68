//! The port: what the program asks of its store, in use-case methods. SQLite implements it; PostgreSQL will.
//!
//! Every mutation is one transaction that is on disk before its future resolves. Decisions are made by
//! `sortie_core::decide` inside that transaction, never by an adapter.

use crate::error::StoreError;
use crate::model::{
    AdvanceLoad, Beat, BeatReply, CallbackRow, Claim, Delivered, Delivery, DraftPush, FlowRow, IdempotentAnswer, Installation, ReleaseRow,
    RunCount, RunFilter, RunRow, WaitRow,
};
use sortie_core::effect::WorkClass;
use sortie_core::event::Event;
use sortie_core::host::Host;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::view::{Attempt, Step};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// A future of the port.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The store of one installation.
pub trait Store: Send + Sync {
    /// Ids, epoch and schema of this store.
    fn installation(&self) -> Fut<'_, Installation>;
    /// Commit something small: whether callbacks can be taken (F010).
    fn writable(&self) -> Fut<'_, ()>;

    // --- the engine ---

    /// Decide one input and commit what was decided: events, rows, due work, the callback to remember.
    /// With [`Delivery::done`], that due work is removed in the same transaction, if its fence is still the claimed one;
    /// if it is not, nothing is decided and [`StoreError::Fenced`] is returned.
    fn deliver(&self, delivery: Delivery) -> Fut<'_, Delivered>;
    /// Keep a heartbeat or progress: one row per attempt and kind, the highest number seen; nothing once the attempt is over.
    fn beat(&self, beat: Beat) -> Fut<'_, BeatReply>;
    /// Take due work of a class: at most `limit` pieces due at `now`, each invisible to others until `now + lease_ms`.
    /// Only rows returned here may be acted on.
    fn claim(&self, class: WorkClass, now: Ms, lease_ms: u64, limit: usize) -> Fut<'_, Vec<Claim>>;
    /// Give claimed work back, due at a later time, if the claim still holds.
    fn postpone(&self, claim: Claim, until: Ms) -> Fut<'_, ()>;
    /// Remove claimed work without deciding anything, if the claim still holds.
    fn finish(&self, claim: Claim) -> Fut<'_, ()>;
    /// Give back what an earlier process of this node had claimed of a class with a lease that ends at `until` or before; asked once,
    /// before the first claim. Only one process has an SQLite store, so there it is every claim.
    fn give_back(&self, class: WorkClass, until: Ms) -> Fut<'_, ()>;
    /// When the next work of a class is due; leased work counts at the end of its lease.
    fn next_due(&self, class: WorkClass) -> Fut<'_, Option<Ms>>;
    /// Claim the advance of a run: raises its fence, then reads what evaluation needs, up to the claimed head's `wake_seq` and `seq`.
    /// `None` where there is nothing to evaluate.
    fn load_advance(&self, run: &RunId) -> Fut<'_, Option<AdvanceLoad>>;

    // --- reads ---

    /// The head of a run, and when it last waited.
    fn run(&self, run: &RunId) -> Fut<'_, Option<RunRow>>;
    /// Runs in the order of their creation, newest first. [`StoreError::NotFound`] where the run to page from is unknown.
    fn runs(&self, filter: RunFilter) -> Fut<'_, Vec<RunRow>>;
    /// Number of runs by flow and shown state, where there are any.
    fn run_counts(&self) -> Fut<'_, Vec<RunCount>>;
    /// Events numbered above `after`, at most `limit`.
    fn history(&self, run: &RunId, after: u64, limit: usize) -> Fut<'_, Vec<Event>>;
    /// One event.
    fn event(&self, run: &RunId, seq: u64) -> Fut<'_, Option<Event>>;
    /// All steps of a run, in call order.
    fn steps(&self, run: &RunId) -> Fut<'_, Vec<Step>>;
    /// All attempts of a run, in order of their fence.
    fn attempts(&self, run: &RunId) -> Fut<'_, Vec<Attempt>>;
    /// One attempt, with its run and step.
    fn attempt(&self, attempt: &AttemptId) -> Fut<'_, Option<(RunId, Step, Attempt)>>;
    /// One wait.
    fn wait(&self, wait: &WaitId) -> Fut<'_, Option<WaitRow>>;
    /// The newest heartbeat or progress of each attempt of a run.
    fn beats(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Beat>>;
    /// Callbacks of a run that were remembered, oldest first.
    fn callbacks(&self, run: &RunId) -> Fut<'_, Vec<CallbackRow>>;
    /// Due work of a run, soonest first.
    fn due(&self, run: &RunId) -> Fut<'_, Vec<Claim>>;
    /// Attempts that are not over, by host.
    fn open_attempts(&self) -> Fut<'_, Vec<(RunId, Attempt)>>;

    // --- hosts ---

    /// Add a host; [`StoreError::Conflict`] where the name is taken.
    fn add_host(&self, host: Host) -> Fut<'_, ()>;
    /// Replace a host of the same name; [`StoreError::NotFound`] where there is none.
    fn put_host(&self, host: Host) -> Fut<'_, ()>;
    /// One host.
    fn host(&self, name: &str) -> Fut<'_, Option<Host>>;
    /// All hosts by name.
    fn hosts(&self) -> Fut<'_, Vec<Host>>;
    /// Remove a host; false where there is none. [`StoreError::Conflict`] while attempts on it are open.
    fn remove_host(&self, name: &str) -> Fut<'_, bool>;

    // --- flows ---

    /// Write the draft. [`StoreError::Conflict`] where the base is not what stands: the draft, or the live release where there is
    /// no draft. Pushing what stands already changes nothing, whatever the base.
    fn push_draft(&self, push: DraftPush) -> Fut<'_, FlowRow>;
    /// Make the draft the next release and move `live` to it, in one transaction. A draft equal to the newest release gives that one.
    fn release(&self, flow: &str, notes: &str, actor: &str, at: Ms) -> Fut<'_, ReleaseRow>;
    /// One flow.
    fn flow(&self, name: &str) -> Fut<'_, Option<FlowRow>>;
    /// All flows by name.
    fn flows(&self) -> Fut<'_, Vec<FlowRow>>;
    /// Releases of a flow, newest first.
    fn releases(&self, flow: &str) -> Fut<'_, Vec<ReleaseRow>>;
    /// A bundle's files as JSON, by digest.
    fn bundle(&self, digest: &str) -> Fut<'_, Option<String>>;

    // --- requests ---

    /// The answer given to an idempotency key before; [`StoreError::Conflict`] where the key came with another request digest.
    fn idempotent(&self, key: &str, request_digest: &str) -> Fut<'_, Option<IdempotentAnswer>>;
    /// Remember an answer; the first one stands.
    fn remember(&self, key: &str, request_digest: &str, answer: IdempotentAnswer, at: Ms) -> Fut<'_, IdempotentAnswer>;
    /// Write a consistent copy of the store to a file that is not there yet.
    fn backup(&self, to: &std::path::Path) -> Fut<'_, ()>;
    /// Commit what is queued, checkpoint, close. Later calls answer [`StoreError::Unavailable`].
    fn close(&self) -> Fut<'_, ()>;
}
