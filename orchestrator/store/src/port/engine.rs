//! The engine: inputs, due work, what evaluation needs.

use super::Fut;
use crate::model::{AdvanceLoad, Beat, BeatReply, Claim, Delivered, Delivery};
use sortie_core::call::HostSelector;
use sortie_core::effect::WorkClass;
use sortie_core::ids::{Ms, RunId};

/// Inputs are decided, due work is claimed.
pub trait Engine: Send + Sync {
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
    /// The claim to evaluate a run was given up for a reason that is not the run's: no worker could be started. Every other claim
    /// that is never answered counts among the run's `crashes`, until one is.
    fn forgive_advance(&self, run: &RunId, advance_fence: u64) -> Fut<'_, ()>;
    /// Set a claimed launch aside until an attempt on a fitting host is over: then, in the same transaction, the launch that is next
    /// by priority and in turns between flows becomes due. False where a slot is free by now, or no host fits: it is due at once.
    fn hold(&self, claim: Claim, on: &HostSelector, now: Ms) -> Fut<'_, bool>;
    /// Let go the held launches that no end of an attempt will: hosts were added, changed or removed. How many were.
    fn release_held(&self, now: Ms) -> Fut<'_, u64>;
}
