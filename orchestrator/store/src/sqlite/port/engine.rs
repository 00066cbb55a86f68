//! The engine: inputs, due work, what evaluation needs.

use crate::model::{AdvanceLoad, Beat, BeatReply, Claim, Delivered, Delivery};
use crate::port::{Engine, Fut};
use crate::sqlite::{SqliteStore, advance, beat, deliver, due, run};
use sortie_core::call::HostSelector;
use sortie_core::effect::WorkClass;
use sortie_core::ids::{Ms, RunId};
use std::sync::Arc;

impl Engine for SqliteStore {
    fn deliver(&self, delivery: Delivery) -> Fut<'_, Delivered> {
        let turns = Arc::clone(&self.turns);
        self.write(move |db| deliver::deliver(db, &turns, delivery))
    }

    fn beat(&self, beat: Beat) -> Fut<'_, BeatReply> {
        self.write(move |db| beat::keep(db, &beat))
    }

    fn claim(&self, class: WorkClass, now: Ms, lease_ms: u64, limit: usize) -> Fut<'_, Vec<Claim>> {
        let turns = Arc::clone(&self.turns);
        self.write(move |db| due::claim(db, &turns, class, now, lease_ms, limit))
    }

    fn postpone(&self, claim: Claim, until: Ms) -> Fut<'_, ()> {
        self.write(move |db| due::postpone(db, &claim, until))
    }

    fn finish(&self, claim: Claim) -> Fut<'_, ()> {
        self.write(move |db| due::finish(db, &claim))
    }

    fn give_back(&self, class: WorkClass, until: Ms) -> Fut<'_, ()> {
        self.write(move |db| Ok(due::give_back(db, class, until)?))
    }

    fn next_due(&self, class: WorkClass) -> Fut<'_, Option<Ms>> {
        self.look(move |db| Ok(due::next(db, class)?))
    }

    fn load_advance(&self, run: &RunId) -> Fut<'_, Option<AdvanceLoad>> {
        let id = run.clone();
        let claim = self.write(move |db| advance::claim(db, &id));
        Box::pin(async move {
            let Some((run_no, head)) = claim.await? else { return Ok(None) };
            self.read(move |db| advance::load(db, run_no, head).map(Some)).await
        })
    }

    fn forgive_advance(&self, run: &RunId, advance_fence: u64) -> Fut<'_, ()> {
        let id = run.clone();
        self.write(move |db| Ok(run::forgive_advance(db, &id, advance_fence)?))
    }

    fn hold(&self, claim: Claim, on: &HostSelector, now: Ms) -> Fut<'_, bool> {
        let on = on.clone();
        self.write(move |db| due::hold(db, &claim, &on, now))
    }

    fn release_held(&self, now: Ms) -> Fut<'_, u64> {
        let turns = Arc::clone(&self.turns);
        self.write(move |db| Ok(due::release_fitting(db, &turns, now)?))
    }
}
