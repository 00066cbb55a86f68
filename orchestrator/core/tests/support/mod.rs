//! A store in memory that hands the engine exactly the rows of each scope, and checks the invariants after every decision.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod check;
pub mod flow;
pub mod make;
pub mod model;
pub mod operators;
pub mod rng;
pub mod scene;
pub mod steps;
pub mod vm;

use check::Audit;
use sortie_core::decide::{CallbackRecord, Decided, Refusal, Reply, decide};
use sortie_core::effect::{Effect, Timer, Work};
use sortie_core::event::Event;
use sortie_core::ids::{AttemptId, Entropy, Ms, WaitId};
use sortie_core::input::{Input, InputBody, Scope};
use sortie_core::state::AttemptState;
use sortie_core::view::{Attempt, PriorCallback, Room, RunHead, Step, StepKind, View};
use std::collections::BTreeMap;

/// How long a claim lasts, in milliseconds.
pub const LEASE_MS: Ms = 60_000;

/// A piece of due work.
#[derive(Clone, Debug)]
pub struct Due {
    pub work: Work,
    pub at: Ms,
    pub fence: u64,
}

/// Claimed due work.
#[derive(Clone, Debug)]
pub struct Claim {
    pub work: Work,
    pub fence: u64,
}

/// Why nothing was committed.
#[derive(Debug, PartialEq)]
pub enum Not {
    /// The claim is not held any more.
    Held,
    Refused(Refusal),
}

/// The store, with one run in it.
#[derive(Default)]
pub struct World {
    pub now: Ms,
    pub view: View,
    pub journal: Vec<Event>,
    pub due: BTreeMap<String, Due>,
    pub callbacks: BTreeMap<(String, String), CallbackRecord>,
    pub last_seen: BTreeMap<AttemptId, Ms>,
    /// Who else has the run's limit.
    pub room: Option<Room>,
    /// Attempts that hold a slot of the chosen host.
    pub host_open: Option<u32>,
    /// What was asked of other runs.
    pub asked: Vec<Effect>,
    audit: Audit,
    fence: u64,
    inputs: u64,
}

impl World {
    pub fn run(&self) -> &RunHead {
        self.view.run.as_ref().expect("the run was created")
    }

    pub fn step(&self, call: u32) -> &Step {
        &self.view.steps[&call]
    }

    /// The newest attempt of a job.
    pub fn newest(&self, call: u32) -> &Attempt {
        let StepKind::Job(job) = &self.step(call).kind else { panic!("call {call} is no job") };
        &self.view.attempts[job.attempt.as_ref().expect("a job has an attempt")]
    }

    pub fn wait_id(&self, call: u32) -> WaitId {
        let StepKind::Wait { wait } = &self.step(call).kind else { panic!("call {call} is no wait") };
        wait.clone()
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.journal.iter().map(|event| event.body.kind()).collect()
    }

    pub fn count(&self, kind: &str) -> usize {
        self.kinds().into_iter().filter(|other| *other == kind).count()
    }

    pub fn is_due(&self, work: &Work) -> bool {
        self.due.contains_key(&work.key())
    }

    pub fn due_at(&self, work: &Work) -> Option<Ms> {
        self.due.get(&work.key()).map(|due| due.at)
    }

    /// Claim one piece of work that is due.
    pub fn claim(&mut self, work: &Work) -> Option<Claim> {
        let due = self.due.get_mut(&work.key()).filter(|due| due.at <= self.now)?;
        self.fence += 1;
        due.fence = self.fence;
        due.at = self.now + LEASE_MS;
        Some(Claim { work: due.work.clone(), fence: self.fence })
    }

    /// Put work that is due now, as somebody outside of the run does.
    pub fn ask(&mut self, work: Work) {
        let at = self.now;
        self.effect(Effect::Put { work, at });
    }

    /// Remove claimed work without a decision.
    pub fn finish(&mut self, claim: &Claim) {
        if self.holds(claim) {
            self.due.remove(&claim.work.key());
        }
    }

    fn holds(&self, claim: &Claim) -> bool {
        self.due.get(&claim.work.key()).is_some_and(|due| due.fence == claim.fence)
    }

    /// Claim the advance: its fence, and what it sees.
    pub fn load_advance(&mut self) -> Option<(u64, u64)> {
        let head = self.view.run.as_mut().filter(|head| head.begins() && head.wake_seq > head.evaluated_seq)?;
        head.advance_fence += 1;
        head.crashes += 1;
        Some((head.advance_fence, head.wake_seq))
    }

    /// One input, one transaction.
    pub fn deliver(&mut self, scope: &Scope, body: InputBody, done: Option<&Claim>) -> Result<Reply, Not> {
        if done.is_some_and(|claim| !self.holds(claim)) {
            return Err(Not::Held);
        }
        self.inputs += 1;
        let mut entropy = [7; 32];
        entropy[..8].copy_from_slice(&self.inputs.to_le_bytes());
        let input = Input { at: self.now, entropy: Entropy(entropy), body };
        let decided = decide(self.project(scope), &input).map_err(Not::Refused)?;
        if let Some(claim) = done {
            self.due.remove(&claim.work.key());
        }
        Ok(self.commit(decided))
    }

    fn commit(&mut self, decided: Decided) -> Reply {
        let Decided { view, events, effects, callback, reply } = decided;
        if let Reply::Refused { .. } | Reply::Skipped { .. } = &reply {
            assert!(events.is_empty() && effects.is_empty() && callback.is_none(), "{reply:?}, and something was changed");
            return reply;
        }
        self.view.run = view.run;
        self.view.steps.extend(view.steps);
        self.view.attempts.extend(view.attempts);
        self.audit.fold(&events);
        self.journal.extend(events);
        for effect in effects {
            self.effect(effect);
        }
        if let Some(record) = callback {
            self.callbacks.entry((record.subject.clone(), record.id.clone())).or_insert(record);
        }
        self.audit.check(&self.view, &self.due);
        if let Reply::Launch(attempt) = &reply {
            check::may_launch(&self.view, attempt);
        }
        reply
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Put { work, at } => drop(self.due.insert(work.key(), Due { work, at, fence: 0 })),
            Effect::Drop { work } => drop(self.due.remove(&work.key())),
            Effect::DropAll => self.due.retain(|_, due| due.work.outlives_run()),
            Effect::StartNext { .. } | Effect::StartDrained { .. } => self.asked.push(effect),
        }
    }

    /// The rows of a scope, and no other.
    fn project(&self, scope: &Scope) -> View {
        let mut view = View { run: self.view.run.clone(), ..View::default() };
        match scope {
            Scope::New(_) => view.room = self.room.clone(),
            Scope::Admission(_) => view.room = self.room.clone(),
            Scope::Run(_) => self.add_open(&mut view),
            Scope::Whole(_) => self.add_all(&mut view),
            Scope::Adopt(id) => {
                self.add_all(&mut view);
                view.attempts.extend(self.view.attempts.get(id).map(by_id));
            }
            Scope::Attempt { attempt, callback } => {
                let Some(row) = self.view.attempts.get(attempt) else { return view };
                view.attempts.extend([by_id(row)]);
                self.add_step(&mut view, row.call);
                view.last_seen = self.last_seen.get(attempt).copied();
                view.host_open = self.host_open;
                view.prior = callback.as_ref().and_then(|id| self.prior(attempt.as_str(), id));
                // The question that is asked again.
                let again = self.view.steps.values().filter(|_| view.prior.is_some());
                let asked = again.filter(|step| step.ask().is_some_and(|ask| ask.attempt == *attempt));
                view.steps.extend(asked.map(|step| (step.call, step.clone())));
            }
            Scope::Wait { wait, callback } => {
                let found = self.view.steps.values().find(|step| matches!(&step.kind, StepKind::Wait { wait: other } if other == wait));
                view.steps.extend(found.map(|step| (step.call, step.clone())));
                view.prior = self.prior(wait.as_str(), callback);
            }
            Scope::Step(_, call) => self.add_step(&mut view, *call),
        }
        view
    }

    fn add_open(&self, view: &mut View) {
        view.steps = self.view.steps.iter().filter(|(_, step)| step.is_open()).map(|(call, step)| (*call, step.clone())).collect();
        view.attempts = self.view.attempts.values().filter(|row| !row.state.is_over()).map(by_id).collect();
    }

    fn add_all(&self, view: &mut View) {
        self.add_open(view);
        view.steps.clone_from(&self.view.steps);
        view.room.clone_from(&self.room);
    }

    fn add_step(&self, view: &mut View, call: u32) {
        let Some(step) = self.view.steps.get(&call) else { return };
        view.steps.insert(call, step.clone());
        if let Some(ask) = step.ask() {
            view.attempts.extend(self.view.attempts.get(&ask.attempt).map(by_id));
            return self.add_step(view, ask.call);
        }
        if let StepKind::Job(job) = &step.kind {
            view.steps.extend(job.asking.iter().filter_map(|call| self.view.steps.get(call)).map(|step| (step.call, step.clone())));
            view.attempts.extend(job.attempt.as_ref().and_then(|id| self.view.attempts.get(id)).map(by_id));
        }
    }

    fn prior(&self, subject: &str, id: &str) -> Option<PriorCallback> {
        let record = self.callbacks.get(&(subject.to_owned(), id.to_owned()))?;
        Some(PriorCallback { digest: record.digest.clone(), outcome: record.outcome.as_str().to_owned(), at: record.at })
    }

    /// The scope that a timer is decided from.
    pub fn timer_scope(&self, timer: &Timer) -> Scope {
        match timer {
            Timer::RunDeadline | Timer::Exit | Timer::Overdue => Scope::Run(self.run().id.clone()),
            Timer::Step(call) | Timer::Retry(call) | Timer::Remind(call) | Timer::Escalate(call) => {
                Scope::Step(self.run().id.clone(), *call)
            }
            Timer::Started(id) | Timer::Heartbeat(id) | Timer::StopAnswer(id) => of(id),
        }
    }

    pub fn state(&self, call: u32) -> AttemptState {
        self.newest(call).state
    }
}

fn by_id(row: &Attempt) -> (AttemptId, Attempt) {
    (row.id.clone(), row.clone())
}

/// The scope of an attempt without a callback.
pub fn of(id: &AttemptId) -> Scope {
    Scope::Attempt { attempt: id.clone(), callback: None }
}
