//! What must hold after every decision.

use super::Due;
use sortie_core::apply::apply;
use sortie_core::effect::{Timer, Work};
use sortie_core::event::{Event, EventBody};
use sortie_core::ids::AttemptId;
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::{Attempt, RunHead, Step, StepKind, View};
use std::collections::BTreeMap;

/// The journal folded so far, and what was counted in it.
#[derive(Default)]
pub struct Audit {
    folded: View,
    ends: BTreeMap<AttemptId, Vec<&'static str>>,
    completed: BTreeMap<u32, u64>,
    kinds: Vec<&'static str>,
}

impl Audit {
    pub fn fold(&mut self, events: &[Event]) {
        for event in events {
            let before = self.folded.run.as_ref().map(|head| (head.seq, head.updated_at, head.state));
            apply(&mut self.folded, event).expect("every event follows from the journal before it");
            let state = self.folded.run.as_ref().expect("a run").state;
            if let Some((seq, at, was)) = before {
                assert_eq!(event.seq, seq + 1, "the journal has no gaps");
                assert!(event.at >= at, "the journal's time goes backward at {event:?}");
                let redriven = matches!(was, RunState::Failed | RunState::Dead) && matches!(event.body, EventBody::RunReset { .. });
                assert!(!was.is_over() || state == was || redriven, "I9, I14: {was:?} became {state:?} by {event:?}");
            }
            self.kinds.push(event.body.kind());
            self.count(event);
        }
    }

    fn count(&mut self, event: &Event) {
        match &event.body {
            EventBody::AttemptResult { attempt, .. } => self.ended(attempt, "result"),
            EventBody::AttemptStopped { attempt, .. } => self.ended(attempt, "stopped"),
            EventBody::AttemptFailed { attempt, .. } => self.ended(attempt, "failed"),
            EventBody::StepCompleted { call, .. } => {
                let first = self.completed.insert(*call, event.seq);
                assert!(first.is_none(), "I1: call {call} was answered twice, at {first:?} and {}", event.seq);
            }
            EventBody::RunReset { keep, reopen, .. } => self.completed.retain(|call, _| call <= keep && !reopen.contains(call)),
            EventBody::RunEnding { .. } | EventBody::RunEnded { .. } | EventBody::ExitStarted { .. } => self.at_most_once(event),
            _ => {}
        }
    }

    /// Within one life of the run, from its start or a reset to the next reset.
    fn at_most_once(&self, event: &Event) {
        let life = self.kinds.iter().rev().take_while(|kind| **kind != "run_reset");
        assert!(life.filter(|kind| **kind == event.body.kind()).count() <= 1, "I1: {} twice in one life", event.body.kind());
    }

    fn ended(&mut self, attempt: &AttemptId, how: &'static str) {
        let ends = self.ends.entry(attempt.clone()).or_default();
        ends.push(how);
        assert!(matches!(ends.as_slice(), [_] | ["failed", "result"]), "I1: {attempt} ended as {ends:?}");
    }

    pub fn check(&self, view: &View, due: &BTreeMap<String, Due>) {
        let head = view.run.as_ref().expect("a run");
        let folded = self.folded.run.as_ref().expect("a run");
        assert_eq!(head.folded(), *folded, "I17: the head differs from its journal");
        assert_eq!(view.steps, self.folded.steps, "I17: the steps differ from the journal");
        assert_eq!(view.attempts, self.folded.attempts, "I17: the attempts differ from the journal");
        let open = view.steps.values().filter(|step| step.is_open() && step.ask().is_none()).count();
        assert_eq!(open, usize::try_from(head.open_steps).expect("few"), "open steps are counted wrong");
        for row in view.attempts.values().filter(|row| !view.steps[&row.call].is_open()) {
            assert!(row.state.is_over() || row.state == AttemptState::Stopping, "{} of a closed step is {:?}", row.id, row.state);
        }
        questions(view);
        let wakers = Wakers { head, view, due };
        wakers.of_run();
        view.steps.values().filter(|step| step.is_open()).for_each(|step| wakers.of_step(step));
        for row in view.attempts.values().filter(|row| row.state == AttemptState::Stopping) {
            wakers.need(&Work::Stop(row.id.clone()), "promise 7: a job that is to be ended is not asked about");
        }
    }
}

/// A question is open only while its job is, and its attempt either lives or has ended to wait for it.
fn questions(view: &View) {
    for step in view.steps.values() {
        if let StepKind::Job(job) = &step.kind
            && !step.forgotten
        {
            let open = view.steps.values().filter(|other| other.is_open() && other.ask().is_some_and(|ask| ask.call == step.call));
            let open: Vec<u32> = open.map(|other| other.call).collect();
            assert_eq!(job.asking, open, "the open questions of call {} are counted wrong", step.call);
            assert_eq!(job.asking_since.is_some(), !open.is_empty(), "the clock of call {}", step.call);
            assert!(step.is_open() || open.is_empty(), "call {} is answered, and its questions {open:?} are open", step.call);
        }
        let Some(ask) = step.ask().filter(|_| step.is_open()) else { continue };
        let StepKind::Job(job) = &view.steps[&ask.call].kind else { panic!("a question of call {}, which is no job", ask.call) };
        let alive = view.attempts[&ask.attempt].state.is_on_host();
        let newest = job.attempt.as_ref() == Some(&ask.attempt);
        assert!(newest && (alive || job.parked), "the question {} of an attempt that is over is open", step.call);
    }
}

/// Promise 4: whatever waits has a next waker.
struct Wakers<'a> {
    head: &'a RunHead,
    view: &'a View,
    due: &'a BTreeMap<String, Due>,
}

impl Wakers<'_> {
    fn need(&self, work: &Work, why: &str) {
        assert!(self.due.contains_key(&work.key()), "{why}: no {} in {:?}, run {:?}", work.key(), self.due.keys(), self.head.state);
    }

    fn of_run(&self) {
        let head = self.head;
        match head.state {
            RunState::Running => {
                self.need(&Work::Timer(Timer::RunDeadline), "a run without its deadline");
                if head.wake_seq > head.evaluated_seq {
                    self.need(&Work::Advance, "a run that is woken and not advanced");
                } else {
                    assert!(head.open_steps > 0, "a run that waits for nothing");
                }
            }
            RunState::Ending if head.in_exit() => {
                self.need(&Work::Timer(Timer::Exit), "an on_exit without its limit");
                if head.wake_seq > head.evaluated_seq {
                    self.need(&Work::Advance, "an on_exit that is woken and not advanced");
                } else {
                    assert!(head.open_steps > 0, "an on_exit that waits for nothing");
                }
            }
            RunState::Ending => assert!(head.open_steps > 0, "a run that is ending and waits for nothing"),
            RunState::Paused | RunState::Parked => {
                assert!(head.held.is_some(), "a held run that does not know where it goes on");
                for work in [Work::Advance, Work::Start, Work::Timer(Timer::RunDeadline), Work::Timer(Timer::Exit)] {
                    assert!(!self.due.contains_key(&work.key()), "{} is due in a held run", work.key());
                }
            }
            state if state.is_over() => {
                assert_eq!(head.open_steps, 0, "a run is over before its steps are");
                let left = self.due.values().find(|due| !due.work.outlives_run());
                assert!(left.is_none(), "a run is over and {left:?} is due");
            }
            _ => {}
        }
    }

    fn of_step(&self, step: &Step) {
        let job = match &step.kind {
            StepKind::Job(job) => job,
            other => return self.of_other(step, other),
        };
        let id = job.attempt.clone().expect("a committed job has an attempt");
        let row = &self.view.attempts[&id];
        if row.state == AttemptState::Stopping {
            return self.need(&Work::Timer(Timer::StopAnswer(id)), "a step whose job is ended without a limit");
        }
        let ending = self.head.state == RunState::Ending && !self.head.in_exit();
        assert!(!ending, "a run is ending and {:?} is not being ended", row.state);
        // While it asks, its time stands still: the question's own time limit wakes it.
        if job.asking.is_empty() {
            self.of_deadline(step);
        }
        let held = matches!(self.head.state, RunState::Paused | RunState::Parked);
        let waker = match row.state {
            // Whoever lets the run go on puts these again.
            AttemptState::Scheduled if held => return,
            state if held && state.is_over() => return,
            AttemptState::Scheduled if !job.behind.is_empty() => return,
            AttemptState::Scheduled | AttemptState::Launching | AttemptState::LaunchUnknown => Work::Launch(id),
            AttemptState::Launched => Work::Timer(Timer::Started(id)),
            AttemptState::Running => Work::Timer(Timer::Heartbeat(id)),
            AttemptState::Suspect => Work::Probe(id),
            _ if job.parked => {
                assert!(!job.asking.is_empty(), "it waits for an answer, and all are there");
                return;
            }
            _ => {
                assert!(job.retry_at.is_some(), "an open job whose attempt is {:?}, and no retry", row.state);
                Work::Timer(Timer::Retry(step.call))
            }
        };
        self.need(&waker, "promise 4");
    }

    fn of_other(&self, step: &Step, kind: &StepKind) {
        let held = self.head.held.is_some();
        match kind {
            // Its own run answers it when it is over, and owes that.
            StepKind::Child { stopping: Some(_), made, .. } => {
                if !made {
                    self.need(&Work::Child(step.call), "a child of which it is not known whether it is there");
                }
                return;
            }
            StepKind::Http(tries) | StepKind::Artifact(tries) if !held => {
                let waker = if tries.retry_at.is_some() && !self.due.contains_key(&Work::Try(step.call).key()) {
                    Work::Timer(Timer::Retry(step.call))
                } else {
                    Work::Try(step.call)
                };
                self.need(&waker, "promise 4");
            }
            _ => {}
        }
        self.of_deadline(step);
    }

    fn of_deadline(&self, step: &Step) {
        self.need(&Work::Timer(Timer::Step(step.call)), "a step without its deadline");
    }
}

/// Promise 2, as far as the rows know: an attempt is launched only when all others of its step are over.
pub fn may_launch(view: &View, launched: &Attempt) {
    for row in view.attempts.values().filter(|row| row.call == launched.call && row.id != launched.id) {
        assert!(row.state.is_over(), "{} is launched while {} is {:?}", launched.id, row.id, row.state);
        assert!(row.fence < launched.fence, "an older attempt is launched");
    }
}
