//! The port, method by method: which of them read, which write.

use super::{
    SqliteStore, advance, attempt, backup, beat, callback, deliver, due, event, flow, host, idempotency, installation, run, step, wait,
};
use crate::error::StoreError;
use crate::limits;
use crate::model::{
    AdvanceLoad, Beat, BeatReply, CallbackRow, Claim, Delivered, Delivery, DraftPush, FlowRow, IdempotentAnswer, Installation, ReleaseRow,
    RunCount, RunFilter, RunRow, WaitRow,
};
use crate::port::{Fut, Store};
use rusqlite::Connection;
use sortie_core::effect::WorkClass;
use sortie_core::event::Event;
use sortie_core::host::Host;
use sortie_core::ids::{AttemptId, Ms, RunId, WaitId};
use sortie_core::view::{Attempt, Step};
use std::collections::BTreeMap;
use std::path::Path;

impl SqliteStore {
    /// Read rows of a run; of an unknown run there are none.
    fn read_of<T, W>(&self, id: &RunId, work: W) -> Fut<'_, T>
    where
        W: FnOnce(&Connection, run::RunNo) -> Result<T, StoreError> + Send + 'static,
        T: Default + Send + 'static,
    {
        let id = id.clone();
        self.read(move |db| run::number(db, &id)?.map_or_else(|| Ok(T::default()), |run_no| work(db, run_no)))
    }
}

impl Store for SqliteStore {
    fn installation(&self) -> Fut<'_, Installation> {
        Box::pin(async { Ok(self.installation.clone()) })
    }

    fn writable(&self) -> Fut<'_, ()> {
        self.write(|db| {
            // A fence that nobody gets: fences only have to rise.
            installation::next_fences(db, 1)?;
            Ok(())
        })
    }

    fn deliver(&self, delivery: Delivery) -> Fut<'_, Delivered> {
        self.write(move |db| deliver::deliver(db, delivery))
    }

    fn beat(&self, beat: Beat) -> Fut<'_, BeatReply> {
        self.write(move |db| beat::keep(db, &beat))
    }

    fn claim(&self, class: WorkClass, now: Ms, lease_ms: u64, limit: usize) -> Fut<'_, Vec<Claim>> {
        self.write(move |db| due::claim(db, class, now, lease_ms, limit))
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

    fn run(&self, run: &RunId) -> Fut<'_, Option<RunRow>> {
        let id = run.clone();
        self.read(move |db| Ok(run::by_id(db, &id)?.map(|(_, head)| RunRow { head })))
    }

    fn runs(&self, filter: RunFilter) -> Fut<'_, Vec<RunRow>> {
        self.read(move |db| run::page(db, &filter))
    }

    fn run_counts(&self) -> Fut<'_, Vec<RunCount>> {
        self.read(|db| Ok(run::counts(db)?))
    }

    fn history(&self, run: &RunId, after: u64, limit: usize) -> Fut<'_, Vec<Event>> {
        self.read_of(run, move |db, run_no| Ok(event::after(db, run_no, after, limit.min(limits::HISTORY_PAGE))?))
    }

    fn event(&self, run: &RunId, seq: u64) -> Fut<'_, Option<Event>> {
        let id = run.clone();
        self.look(move |db| match run::number(db, &id)? {
            Some(run_no) => Ok(event::get(db, run_no, seq)?),
            None => Ok(None),
        })
    }

    fn steps(&self, run: &RunId) -> Fut<'_, Vec<Step>> {
        self.read_of(run, |db, run_no| Ok(step::of_run(db, run_no)?))
    }

    fn attempts(&self, run: &RunId) -> Fut<'_, Vec<Attempt>> {
        self.read_of(run, |db, run_no| Ok(attempt::of_run(db, run_no)?))
    }

    fn attempt(&self, attempt: &AttemptId) -> Fut<'_, Option<(RunId, Step, Attempt)>> {
        let id = attempt.clone();
        self.look(move |db| {
            let Some((run_no, attempt)) = attempt::get(db, &id)? else { return Ok(None) };
            let step = step::get(db, run_no, attempt.call)?;
            let step = step.ok_or_else(|| StoreError::Unusable(format!("the step of {id} is not there")))?;
            Ok(Some((run::id(db, run_no)?, step, attempt)))
        })
    }

    fn wait(&self, wait: &WaitId) -> Fut<'_, Option<WaitRow>> {
        let id = wait.clone();
        self.look(move |db| wait::get(db, &id))
    }

    fn beats(&self, run: &RunId) -> Fut<'_, BTreeMap<AttemptId, Beat>> {
        self.read_of(run, |db, run_no| Ok(beat::of_run(db, run_no)?))
    }

    fn callbacks(&self, run: &RunId) -> Fut<'_, Vec<CallbackRow>> {
        self.read_of(run, |db, run_no| Ok(callback::of_run(db, run_no)?))
    }

    fn due(&self, run: &RunId) -> Fut<'_, Vec<Claim>> {
        let id = run.clone();
        self.read_of(run, move |db, run_no| Ok(due::of_run(db, &id, run_no)?))
    }

    fn open_attempts(&self) -> Fut<'_, Vec<(RunId, Attempt)>> {
        self.read(|db| Ok(attempt::open(db)?))
    }

    fn add_host(&self, host: Host) -> Fut<'_, ()> {
        self.write(move |db| host::add(db, &host))
    }

    fn put_host(&self, host: Host) -> Fut<'_, ()> {
        self.write(move |db| host::put(db, &host))
    }

    fn host(&self, name: &str) -> Fut<'_, Option<Host>> {
        let name = name.to_owned();
        self.look(move |db| Ok(host::get(db, &name)?))
    }

    fn hosts(&self) -> Fut<'_, Vec<Host>> {
        self.read(|db| Ok(host::all(db)?))
    }

    fn remove_host(&self, name: &str) -> Fut<'_, bool> {
        let name = name.to_owned();
        self.write(move |db| host::remove(db, &name))
    }

    fn push_draft(&self, push: DraftPush) -> Fut<'_, FlowRow> {
        self.write(move |db| flow::push(db, &push))
    }

    fn release(&self, flow: &str, notes: &str, actor: &str, at: Ms) -> Fut<'_, ReleaseRow> {
        let (flow, notes, actor) = (flow.to_owned(), notes.to_owned(), actor.to_owned());
        self.write(move |db| flow::release(db, &flow, &notes, &actor, at))
    }

    fn flow(&self, name: &str) -> Fut<'_, Option<FlowRow>> {
        let name = name.to_owned();
        self.read(move |db| Ok(flow::get(db, &name)?))
    }

    fn flows(&self) -> Fut<'_, Vec<FlowRow>> {
        self.read(|db| Ok(flow::all(db)?))
    }

    fn releases(&self, flow: &str) -> Fut<'_, Vec<ReleaseRow>> {
        let flow = flow.to_owned();
        self.read(move |db| Ok(flow::releases(db, &flow)?))
    }

    fn bundle(&self, digest: &str) -> Fut<'_, Option<String>> {
        let digest = digest.to_owned();
        self.read(move |db| Ok(flow::bundle(db, &digest)?))
    }

    fn idempotent(&self, key: &str, request_digest: &str) -> Fut<'_, Option<IdempotentAnswer>> {
        let (key, digest) = (key.to_owned(), request_digest.to_owned());
        self.read(move |db| idempotency::get(db, &key, &digest))
    }

    fn remember(&self, key: &str, request_digest: &str, answer: IdempotentAnswer, at: Ms) -> Fut<'_, IdempotentAnswer> {
        let (key, digest) = (key.to_owned(), request_digest.to_owned());
        self.write(move |db| idempotency::remember(db, &key, &digest, &answer, at))
    }

    fn backup(&self, to: &Path) -> Fut<'_, ()> {
        let to = to.to_owned();
        self.read(move |db| backup::to_file(db, &to))
    }

    fn close(&self) -> Fut<'_, ()> {
        Box::pin(self.shut())
    }
}
