//! Whoever answers steps that are no jobs: other servers, people, other runs, publishers of events.

use super::super::{Claim, make, steps};
use super::{Model, Pending};
use sortie_core::call::{CallSpec, OnCancel};
use sortie_core::decide::{Reply, event_subject};
use sortie_core::effect::Work;
use sortie_core::event::EventBody;
use sortie_core::failure::FailureKind;
use sortie_core::ids::RunId;
use sortie_core::input::{InputBody, Scope, Vote};
use sortie_core::state::RunOutcome;
use sortie_core::view::{Decision, StepKind};
use std::collections::{BTreeMap, BTreeSet};

/// What is outside of the run, as it really is.
#[derive(Default)]
pub struct Outside {
    /// Runs that were made for `child` steps.
    children: BTreeMap<RunId, Child>,
    /// Ends that the parent was not told of yet.
    reports: Vec<RunId>,
    /// Ids of events, oldest first.
    published: Vec<String>,
    /// The idempotency key of each life of a step, by its call and the event that opened it.
    keys: BTreeMap<(u32, u64), String>,
}

/// A run that was made for a step.
struct Child {
    call: u32,
    on_cancel: OnCancel,
    end: Option<RunOutcome>,
}

impl Model {
    /// Due work that has nothing to do with hosts and timers.
    pub(super) fn outside_work(&mut self, claim: Claim, work: &Work) {
        match *work {
            Work::Try(call) => self.try_step(claim, call),
            Work::Child(call) => self.make_child(claim, call),
            Work::CancelChild(call) => {
                if let StepKind::Child { run, .. } = &self.world.step(call).kind.clone() {
                    self.end_child(run, RunOutcome::Cancelled);
                }
                self.world.finish(&claim);
            }
            Work::Event(call) => self.look_for_event(claim, call),
            Work::Notify { what, seq } => {
                let result = if self.rng.chance(30) { Err("nobody is there".to_owned()) } else { Ok(()) };
                let body = InputBody::NoticeEnded { what, about: seq, to: "chat".to_owned(), result };
                self.pending.push(Pending { claim, scope: self.run_scope(), body });
            }
            _ => self.world.finish(&claim),
        }
    }

    fn step_scope(&self, call: u32) -> Scope {
        Scope::Step(self.world.run().id.clone(), call)
    }

    fn try_step(&mut self, claim: Claim, call: u32) {
        let scope = self.step_scope(call);
        let reply = self.world.deliver(&scope, InputBody::TryStarting { call }, None).expect("the step is there");
        let Reply::Try { number, idempotency_key } = reply else { return self.world.finish(&claim) };
        let (StepKind::Http(tries) | StepKind::Artifact(tries)) = &self.world.step(call).kind else { panic!("call {call} has no tries") };
        let known = self.outside.keys.entry((call, tries.base)).or_insert_with(|| idempotency_key.clone());
        assert_eq!(*known, idempotency_key, "I5: another key for the same life of a step");
        let kinds = [FailureKind::Http, FailureKind::Policy, FailureKind::Unreachable, FailureKind::Internal];
        let outcome = match if self.faults { self.rng.below(10) } else { 9 } {
            0..4 => {
                let after = self.rng.chance(30).then(|| self.rng.below(100_000));
                steps::failed(*self.rng.pick(&kinds), after)
            }
            _ => steps::done(200),
        };
        self.pending.push(Pending { claim, scope, body: InputBody::TryEnded { call, number, outcome } });
    }

    fn make_child(&mut self, claim: Claim, call: u32) {
        let StepKind::Child { run, on_cancel, .. } = self.world.step(call).kind.clone() else { panic!("call {call} is no child") };
        let known = self.outside.children.contains_key(&run);
        let made = if !known && self.rng.chance(15) { Err(make::failure(FailureKind::Child)) } else { Ok(()) };
        if made.is_ok() {
            self.outside.children.entry(run).or_insert(Child { call, on_cancel, end: None });
        }
        let scope = self.step_scope(call);
        self.pending.push(Pending { claim, scope, body: InputBody::ChildMade { call, made } });
    }

    fn end_child(&mut self, run: &RunId, outcome: RunOutcome) {
        if let Some(child) = self.outside.children.get_mut(run).filter(|child| child.end.is_none()) {
            child.end = Some(outcome);
            self.outside.reports.push(run.clone());
        }
    }

    fn look_for_event(&mut self, claim: Claim, call: u32) {
        let StepKind::Event { name, key } = &self.world.step(call).kind else { panic!("call {call} waits for no event") };
        let subject = event_subject(name, key);
        let fresh = self.outside.published.iter().find(|id| !self.world.callbacks.contains_key(&(subject.clone(), (*id).clone())));
        let Some(id) = fresh.cloned() else { return self.world.finish(&claim) };
        let body = InputBody::EventArrived { call, id, payload: 1.into(), published_at: self.world.now };
        let scope = self.step_scope(call);
        self.pending.push(Pending { claim, scope, body });
    }

    /// Something happens outside.
    pub(super) fn outside(&mut self) {
        match self.rng.below(4) {
            0 => self.publish(),
            1 => self.vote(),
            _ => self.children(),
        }
    }

    fn publish(&mut self) {
        if !self.faults {
            return;
        }
        self.outside.published.push(format!("e{}", self.outside.published.len()));
        let open = self.world.view.steps.values().filter(|step| step.is_open() && matches!(step.kind, StepKind::Event { .. }));
        for call in open.map(|step| step.call).collect::<Vec<_>>() {
            self.world.ask(Work::Event(call));
        }
    }

    fn vote(&mut self) {
        let asked = self.world.view.steps.values().filter_map(|step| match &step.kind {
            StepKind::Approval(approval) => Some((step.call, approval.revision)),
            _ => None,
        });
        let asked: Vec<(u32, u64)> = asked.collect();
        if asked.is_empty() || !self.faults {
            return;
        }
        let (call, revision) = *self.rng.pick(&asked);
        let vote = Vote {
            actor: (*self.rng.pick(&["ada", "bob", "eve", "hal"])).to_owned(),
            roles: vec![(*self.rng.pick(&["lead", "lead", "head", "guest", "*"])).to_owned()],
            decision: if self.rng.chance(80) { Decision::Approve } else { Decision::Reject },
            comment: None,
            revision: if self.rng.chance(10) { revision - 1 } else { revision },
            via: "api".to_owned(),
        };
        let scope = self.step_scope(call);
        let before = self.world.journal.len();
        let reply = self.world.deliver(&scope, InputBody::Vote { call, vote }, None).expect("a vote is answered");
        if !matches!(reply, Reply::Done) {
            assert_eq!(self.world.journal.len(), before, "I15: {reply:?}, and the journal grew");
        }
    }

    /// A child ends, or its end is told: at least once, and sometimes again.
    fn children(&mut self) {
        let running = self.outside.children.iter().filter(|(_, child)| child.end.is_none());
        let running: Vec<RunId> = running.map(|(run, _)| run.clone()).collect();
        if !running.is_empty() && self.rng.chance(50) {
            let outcome = *self.rng.pick(&[RunOutcome::Succeeded, RunOutcome::Failed, RunOutcome::Dead]);
            let run = self.rng.pick(&running).clone();
            self.end_child(&run, outcome);
        }
        let Some(run) = self.outside.reports.first().cloned() else { return };
        let Child { call, end: Some(outcome), .. } = self.outside.children[&run] else { panic!("{run} is not over") };
        let scope = self.step_scope(call);
        self.say(&scope, InputBody::ChildEnded { call, run, answer: steps::answer(outcome) });
        if !self.rng.chance(20) {
            self.outside.reports.remove(0);
        }
    }

    /// Whether nothing outside is under way that the run waits for.
    pub(super) fn is_quiet_outside(&self) -> bool {
        self.outside.reports.is_empty()
    }

    /// What must be true of the outside when the run is over.
    pub(super) fn check_outside(&self) {
        for (run, child) in &self.outside.children {
            let left = child.end.is_none() && child.on_cancel == OnCancel::Cancel;
            assert!(!left, "I6: {run} outlives the run that started it");
        }
        let calls = self.world.journal.iter().filter_map(|event| match &event.body {
            EventBody::StepCompleted { call, value, .. } if value["approved"] == true => Some((*call, event.seq)),
            _ => None,
        });
        for (call, seq) in calls {
            self.check_approved(call, seq);
        }
    }

    /// I15: whoever approved may decide, is another person than the others, and there are as many as were asked for.
    fn check_approved(&self, call: u32, seq: u64) {
        let mut said = BTreeSet::new();
        let mut quorum = 0;
        for event in self.world.journal.iter().filter(|event| event.seq < seq) {
            match &event.body {
                EventBody::StepScheduled { call: of, spec: CallSpec::Approval(spec), .. } if *of == call => {
                    said.clear();
                    quorum = spec.quorum;
                }
                EventBody::RunReset { reopen, .. } if reopen.contains(&call) => said.clear(),
                EventBody::ApprovalVoted { call: of, actor, decision, .. } if *of == call => {
                    assert_eq!(*decision, Decision::Approve, "I15: {actor} said no to call {call}");
                    assert!(said.insert(actor), "I15: {actor} was counted twice");
                }
                _ => {}
            }
        }
        assert_eq!(u32::try_from(said.len()), Ok(quorum), "I15: call {call} was approved by {said:?}");
    }
}

/// A call that is no job, no wait and no sleep.
pub(super) fn random_call(rng: &mut super::Rng) -> CallSpec {
    match rng.below(6) {
        0 | 1 => steps::http(1 + u32::try_from(rng.below(4)).expect("few"), 30_000 + rng.below(900_000)),
        2 => steps::artifact(),
        3 => steps::event(1_000 + rng.below(300_000)),
        4 => {
            let mut spec = steps::approval(1 + u32::try_from(rng.below(2)).expect("few"));
            spec.timeout_ms = 30_000 + rng.below(900_000);
            spec.remind_ms = rng.chance(50).then(|| 10_000 + rng.below(100_000));
            spec.escalate = rng.chance(50).then(|| steps::escalation(rng.below(100_000)));
            spec.notify = rng.chance(50).then(|| "chat".to_owned());
            CallSpec::Approval(spec)
        }
        _ => steps::child(if rng.chance(70) { OnCancel::Cancel } else { OnCancel::Abandon }),
    }
}
