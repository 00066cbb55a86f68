//! Schedules, webhooks, outside events, children, releases.

use crate::model::triggers::{
    DraftRow, FireRow, GoLive, HookDelivery, LinkStep, LiveRow, MissedRow, NewFire, OpenBundle, OutsideEvent, Published, RunAnswer,
    ScheduleLook, ScheduleRevision, ScheduleRow,
};
use crate::model::{AdvanceLoad, Claim, Delivered, Delivery, ReleaseRow};
use crate::port::{Fut, Triggers};
use crate::sqlite::SqliteStore;
use crate::sqlite::triggers::{fire, hook_delivery, link, live, outside_event, schedule};
use sortie_core::ids::{Ms, RunId};
use sortie_core::view::RunHead;
use std::sync::Arc;

impl Triggers for SqliteStore {
    fn release_draft(&self, live: GoLive, notes: &str) -> Fut<'_, ReleaseRow> {
        let notes = notes.to_owned();
        self.write(move |db| live::release_draft(db, &live, &notes))
    }

    fn promote(&self, live: GoLive, number: u32) -> Fut<'_, ReleaseRow> {
        self.write(move |db| live::promote(db, &live, number))
    }

    fn draft(&self, flow: &str) -> Fut<'_, Option<DraftRow>> {
        let flow = flow.to_owned();
        self.read(move |db| Ok(live::draft(db, &flow)?))
    }

    fn live(&self, flow: &str) -> Fut<'_, Option<LiveRow>> {
        let flow = flow.to_owned();
        self.look(move |db| Ok(live::live(db, &flow)?))
    }

    fn superseded(&self, limit: usize) -> Fut<'_, Vec<(RunId, u32)>> {
        self.read(move |db| Ok(link::superseded(db, limit)?))
    }

    fn without_bundle(&self, limit: usize) -> Fut<'_, Vec<OpenBundle>> {
        self.read(move |db| Ok(link::without_bundle(db, limit)?))
    }

    fn load_replay(&self, run: &RunId) -> Fut<'_, Option<AdvanceLoad>> {
        let run = run.clone();
        self.read(move |db| link::replay(db, &run))
    }

    fn schedules(&self, flow: Option<&str>) -> Fut<'_, Vec<ScheduleRow>> {
        let flow = flow.map(str::to_owned);
        self.read(move |db| Ok(flow.map_or_else(|| schedule::all(db), |flow| schedule::of_flow(db, &flow))?))
    }

    fn due_schedules(&self, now: Ms, limit: usize) -> Fut<'_, Vec<ScheduleRow>> {
        self.look(move |db| Ok(schedule::due(db, now, limit)?))
    }

    fn looked(&self, look: ScheduleLook) -> Fut<'_, bool> {
        self.write(move |db| Ok(schedule::looked(db, &look)?))
    }

    fn next_fire(&self) -> Fut<'_, Option<Ms>> {
        self.look(|db| Ok(schedule::next(db)?.into_iter().chain(fire::next(db)?).min()))
    }

    fn due_fires(&self, now: Ms, limit: usize) -> Fut<'_, Vec<FireRow>> {
        self.look(move |db| Ok(fire::due(db, now, limit)?))
    }

    fn fire_done(&self, fire: &FireRow, state: &str, note: Option<String>, at: Ms) -> Fut<'_, ()> {
        let (fire, state) = (fire.clone(), state.to_owned());
        self.write(move |db| Ok(fire::done(db, &fire, &state, note.as_deref(), at)?))
    }

    fn add_fires(&self, flow: &str, name: &str, fires: Vec<NewFire>) -> Fut<'_, Vec<Ms>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.write(move |db| Ok(fire::insert(db, &flow, &name, &fires)?))
    }

    fn fires(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<FireRow>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.read(move |db| Ok(fire::newest(db, &flow, &name, limit)?))
    }

    fn missed(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<MissedRow>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.read(move |db| Ok(fire::missed(db, &flow, &name, limit)?))
    }

    fn open_fires(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<RunId>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.look(move |db| Ok(fire::open(db, &flow, &name, limit)?))
    }

    fn revisions(&self, flow: &str, name: &str) -> Fut<'_, Vec<ScheduleRevision>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.read(move |db| Ok(schedule::revisions(db, &flow, &name)?))
    }

    fn pause_schedule(&self, flow: &str, name: &str, paused: bool, actor: &str, at: Ms) -> Fut<'_, bool> {
        let (flow, name, actor) = (flow.to_owned(), name.to_owned(), actor.to_owned());
        self.write(move |db| schedule::pause(db, &flow, &name, paused, &actor, at))
    }

    fn look_again(&self, at: Ms) -> Fut<'_, ()> {
        self.write(move |db| Ok(schedule::look_again(db, at)?))
    }

    fn publish(&self, event: OutsideEvent) -> Fut<'_, Published> {
        self.write(move |db| Ok(outside_event::publish(db, &event)?))
    }

    fn next_event(&self, run: &RunId, name: &str, key: &str, now: Ms) -> Fut<'_, Option<OutsideEvent>> {
        let (run, name, key) = (run.clone(), name.to_owned(), key.to_owned());
        self.look(move |db| Ok(outside_event::next(db, &run, &name, &key, now)?))
    }

    fn events(&self, name: Option<&str>, limit: usize) -> Fut<'_, Vec<OutsideEvent>> {
        let name = name.map(str::to_owned);
        self.read(move |db| Ok(outside_event::newest(db, name.as_deref(), limit)?))
    }

    fn remember_delivery(&self, delivery: HookDelivery) -> Fut<'_, HookDelivery> {
        self.write(move |db| Ok(hook_delivery::remember(db, &delivery)?))
    }

    fn deliveries(&self, flow: &str, name: &str, limit: usize) -> Fut<'_, Vec<HookDelivery>> {
        let (flow, name) = (flow.to_owned(), name.to_owned());
        self.read(move |db| Ok(hook_delivery::newest(db, &flow, &name, limit)?))
    }

    fn link_step(&self, run: &RunId, call: u32) -> Fut<'_, Option<LinkStep>> {
        let run = run.clone();
        self.look(move |db| link::step(db, &run, call))
    }

    fn deliver_while(&self, claim: Claim, delivery: Delivery) -> Fut<'_, Delivered> {
        let turns = Arc::clone(&self.turns);
        self.write(move |db| link::deliver_while(db, &turns, &claim, delivery))
    }

    fn child_or_never(&self, parent: &RunId, call: u32, child: &RunId) -> Fut<'_, Option<RunHead>> {
        let (parent, child) = (parent.clone(), child.clone());
        self.write(move |db| link::child_or_never(db, &parent, call, &child))
    }

    fn run_answer(&self, run: &RunId) -> Fut<'_, Option<RunAnswer>> {
        let run = run.clone();
        self.look(move |db| link::answer(db, &run))
    }

    fn limited_runs(&self, key: &str, limit: usize) -> Fut<'_, Vec<RunId>> {
        let key = key.to_owned();
        self.read(move |db| Ok(link::limited(db, &key, limit)?))
    }

    fn clean_triggers(&self, now: Ms, fires_before: Ms, deliveries_before: Ms, limit: usize) -> Fut<'_, usize> {
        self.write(move |db| {
            Ok(outside_event::clean(db, now, limit)?
                + fire::clean(db, fires_before, limit)?
                + hook_delivery::clean(db, deliveries_before, limit)?)
        })
    }
}
