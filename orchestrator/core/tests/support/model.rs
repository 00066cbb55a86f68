//! A whole world at random: a run, its machine, a server that dies, a network that loses things.

mod outside;

use super::flow::{Line, evaluate_run};
use super::rng::Rng;
use super::vm::{PARKED, Phase, Vm};
use super::{Claim, Not, World, make, of};
use sortie_core::decide::{CallbackOutcome, Refusal, Reply};
use sortie_core::effect::Work;
use sortie_core::failure::FailureKind;
use sortie_core::ids::AttemptId;
use sortie_core::input::{InputBody, LaunchOutcome, Said, Scope, Verdict};
use sortie_core::plan::{RunLimit, WhenFull};
use std::collections::BTreeSet;

/// Work that was begun and not answered yet.
struct Pending {
    claim: Claim,
    scope: Scope,
    body: InputBody,
}

/// The world.
pub struct Model {
    pub world: World,
    pub vm: Vm,
    pub rng: Rng,
    pub outcomes: BTreeSet<&'static str>,
    lines: Vec<Line>,
    exit: Vec<Line>,
    pending: Vec<Pending>,
    pub(super) faults: bool,
    /// Resets that operators may still ask for.
    pub(super) resets: u32,
    /// Chance in a hundred that an evaluation kills its worker.
    deadly: u64,
    answers: u64,
    outside: outside::Outside,
}

impl Model {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let lines = random_flow(&mut rng);
        let deadline = if rng.chance(30) { 60_000 + rng.below(600_000) } else { 3_600_000 };
        let deadly = if rng.chance(10) { 80 } else { 4 };
        let exit = if rng.chance(40) { random_exit(&mut rng) } else { Vec::new() };
        let mut world = World { now: make::START, ..World::default() };
        let mut create = make::create(deadline);
        create.plan.on_exit = !exit.is_empty();
        create.plan.limit = rng.chance(20).then(|| RunLimit {
            key: "k".to_owned(),
            at_most: 1,
            full: *rng.pick(&[WhenFull::Queue, WhenFull::CancelRunning]),
        });
        world.deliver(&Scope::New(create.run.clone()), InputBody::Create(create.clone()), None).expect("created");
        let again = world.deliver(&Scope::New(create.run.clone()), InputBody::Create(create), None);
        assert_eq!(again, Err(Not::Refused(Refusal::Exists)));
        Self {
            world,
            vm: Vm::default(),
            rng,
            outcomes: BTreeSet::new(),
            lines,
            exit,
            pending: Vec::new(),
            faults: true,
            resets: 4,
            deadly,
            answers: 0,
            outside: outside::Outside::default(),
        }
    }

    /// Chaos, then calm, then what must be true.
    pub fn play(&mut self) {
        for _ in 0..20 + self.rng.below(120) {
            self.chaos();
        }
        self.faults = false;
        for _ in 0..4_000 {
            self.let_go_on();
            if self.world.run().state.is_over()
                && self.pending.is_empty()
                && self.world.due.is_empty()
                && self.vm.frames.is_empty()
                && self.is_quiet_outside()
            {
                return self.over();
            }
            self.calm();
        }
        panic!("L1: not over after the faults: run {:?}, due {:?}", self.world.run().state, self.world.due);
    }

    fn over(&mut self) {
        assert_eq!(self.vm.running(), [], "I6: a process outlives its run");
        self.check_outside();
        let ids: Vec<AttemptId> = self.vm.jobs.keys().cloned().collect();
        for id in &ids {
            self.post_result(id, "callback");
        }
        let length = self.world.journal.len();
        for id in &ids {
            self.post_result(id, "callback");
        }
        assert_eq!(self.world.journal.len(), length, "the journal grows by repeats");
    }

    fn chaos(&mut self) {
        self.another_run();
        match self.rng.below(100) {
            0..40 => self.work(),
            40..65 => self.answer_pending(),
            65..75 => self.machine(),
            75..83 => self.outside(),
            83..88 => self.pass(),
            88..92 => self.answer_wait(),
            92..94 => self.pending.clear(),
            95 => self.arrive(),
            94 | 96 => self.operator(),
            97 => self.world.now -= self.rng.below(600_000).cast_signed(),
            98 => self.world.now += self.rng.below(3_000_000).cast_signed(),
            _ if self.rng.chance(30) => self.say(&self.run_scope(), make::cancel()),
            _ => self.conflict(),
        }
    }

    fn calm(&mut self) {
        self.another_run();
        match self.rng.below(11) {
            0..3 => self.work(),
            3..7 => self.answer_pending(),
            7 => self.machine(),
            8 => self.arrive(),
            9 => self.outside(),
            _ => self.pass(),
        }
    }

    /// Time goes on to the next thing that is due, if nothing is due now.
    fn pass(&mut self) {
        let next = self.world.due.values().map(|due| due.at).min().unwrap_or(self.world.now);
        if next > self.world.now {
            self.world.now = next + self.rng.below(2_000).cast_signed();
        }
    }

    /// A launch frame that was held back arrives at last.
    fn arrive(&mut self) {
        if let Some((id, call)) = self.vm.frames.pop() {
            self.vm.launch(&id, call);
        }
    }

    pub(super) fn run_scope(&self) -> Scope {
        Scope::Run(self.world.run().id.clone())
    }

    /// An input that is not the answer to any work.
    pub(super) fn say(&mut self, scope: &Scope, body: InputBody) {
        let said = format!("{body:?}");
        let reply = self.world.deliver(scope, body, None).unwrap_or_else(|not| panic!("{said} is refused: {not:?}"));
        if let Reply::Callback { outcome, .. } = reply {
            self.outcomes.insert(outcome.as_str());
        }
    }

    fn work(&mut self) {
        let due: Vec<Work> = self.world.due.values().filter(|due| due.at <= self.world.now).map(|due| due.work.clone()).collect();
        if due.is_empty() {
            return;
        }
        let work = self.rng.pick(&due).clone();
        let claim = self.world.claim(&work).expect("it is due");
        match work {
            Work::Advance => self.advance(claim),
            Work::Launch(id) => self.launch(claim, &id),
            Work::Stop(id) => self.stop(claim, &id),
            Work::Probe(id) => self.probe(claim, &id),
            Work::Ack(_) | Work::Answer { .. } | Work::MakeRoom => self.world.finish(&claim),
            Work::Start => {
                let scope = Scope::Admission(self.world.run().id.clone());
                self.pending.push(Pending { claim, scope, body: InputBody::Start });
            }
            Work::Timer(timer) => {
                let scope = self.world.timer_scope(&timer);
                self.pending.push(Pending { claim, scope, body: InputBody::TimerDue(timer) });
            }
            other => self.outside_work(claim, &other),
        }
    }

    fn answer_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let place = usize::try_from(self.rng.below(self.pending.len() as u64)).expect("few");
        let Pending { claim, scope, body } = self.pending.swap_remove(place);
        // An evaluation has a fence of its own; its claim may be left to its lease.
        let evaluated = matches!(body, InputBody::Evaluated { .. });
        let claim = if evaluated && self.faults && self.rng.chance(30) { None } else { Some(claim) };
        let said = format!("{body:?}");
        match self.world.deliver(&scope, body, claim.as_ref()) {
            Ok(_) | Err(Not::Held | Not::Refused(Refusal::Fenced)) => {}
            Err(not) => panic!("{said} is refused: {not:?}"),
        }
    }

    fn advance(&mut self, claim: Claim) {
        let Some((advance_fence, seen)) = self.world.load_advance() else { return self.world.finish(&claim) };
        let body = if self.faults && self.rng.chance(self.deadly) {
            InputBody::EvaluationCrashed { advance_fence, message: "killed".to_owned() }
        } else {
            InputBody::Evaluated {
                advance_fence,
                seen,
                evaluation: evaluate_run(&self.lines, &self.exit, &self.world.journal),
                log: Vec::new(),
            }
        };
        self.pending.push(Pending { claim, scope: self.run_scope(), body });
    }

    fn launch(&mut self, claim: Claim, id: &AttemptId) {
        let starting = InputBody::LaunchStarting { attempt: id.clone(), handed: make::handed(self.world.now), slots: None };
        let Reply::Launch(attempt) = self.world.deliver(&of(id), starting, None).expect("the attempt is there") else {
            return self.world.finish(&claim);
        };
        let call = attempt.call;
        let chance = if self.faults { self.rng.below(10) } else { 9 };
        let outcome = match chance {
            0 | 1 => LaunchOutcome::Unreachable(make::failure(FailureKind::Unreachable)),
            2 => {
                LaunchOutcome::Refused(make::failure(*self.rng.pick(&[FailureKind::Refused, FailureKind::Auth, FailureKind::WrongMachine])))
            }
            3 => self.vm.refuse_to_spawn(id, call),
            4 => {
                self.vm.launch(id, call);
                LaunchOutcome::Unknown("the answer was lost".to_owned())
            }
            5 => {
                self.vm.frames.push((id.clone(), call));
                LaunchOutcome::Unknown("held back".to_owned())
            }
            6 => LaunchOutcome::Unknown("the question was lost".to_owned()),
            _ => self.vm.launch(id, call),
        };
        self.pending.push(Pending { claim, scope: of(id), body: InputBody::LaunchEnded { attempt: id.clone(), outcome } });
    }

    fn stop(&mut self, claim: Claim, id: &AttemptId) {
        let call = self.world.view.attempts[id].call;
        let outcome = match if self.faults { self.rng.below(4) } else { 3 } {
            0 => Err(make::failure(FailureKind::Unreachable)),
            1 => Ok(sortie_core::input::Stopped::Alive),
            _ => Ok(self.vm.cancel(id, call)),
        };
        self.pending.push(Pending { claim, scope: of(id), body: InputBody::StopEnded { attempt: id.clone(), outcome } });
    }

    fn probe(&mut self, claim: Claim, id: &AttemptId) {
        let verdict =
            if self.faults && self.rng.chance(40) { Err(make::failure(FailureKind::Unreachable)) } else { Ok(self.vm.verdict(id)) };
        if verdict == Ok(Verdict::HasResult) {
            self.post_result(id, "collect");
        }
        self.pending.push(Pending {
            claim,
            scope: of(id),
            body: InputBody::Probed { attempt: id.clone(), verdict, used: sortie_core::view::Spent::default() },
        });
    }

    /// Something happens on the machine, or its shim posts.
    fn machine(&mut self) {
        let ids: Vec<AttemptId> = self.vm.jobs.keys().cloned().collect();
        if ids.is_empty() {
            return;
        }
        let id = self.rng.pick(&ids).clone();
        match self.vm.jobs[&id].1 {
            Phase::Running => self.running(&id),
            Phase::Finished { .. } if self.rng.chance(10) => self.ask(&id),
            Phase::Finished { .. } => self.post_result(&id, "callback"),
            // What it had written turns up after all.
            Phase::Gone | Phase::Interrupted if self.rng.chance(30) => {
                let exit = i64::try_from(self.rng.below(3)).expect("small");
                self.vm.set(&id, Phase::Finished { exit, invalid: self.rng.chance(10), left: false });
            }
            _ => {}
        }
    }

    fn running(&mut self, id: &AttemptId) {
        let exit = i64::from(self.rng.chance(40));
        match self.rng.below(13) {
            10 | 11 => self.ask(id),
            12 => self.vm.set(id, Phase::Finished { exit: PARKED, invalid: false, left: false }),
            0 | 1 => self.post(id, "started", "s", Said::Started, "callback"),
            2 | 3 => {
                self.world.last_seen.insert(id.clone(), self.world.now);
                self.post(id, "beat", "b", Said::Alive, "callback");
            }
            4 if self.faults => self.vm.set(id, Phase::Gone),
            5 if self.faults => self.vm.set(id, Phase::Interrupted),
            6 if self.faults => self.vm.set(id, Phase::Finished { exit, invalid: false, left: true }),
            7 if self.faults => self.vm.set(id, Phase::Finished { exit, invalid: true, left: false }),
            _ => self.vm.set(id, Phase::Finished { exit, invalid: false, left: false }),
        }
    }

    /// A question, or the same again.
    fn ask(&mut self, id: &AttemptId) {
        let seq = 1 + self.rng.below(4);
        let message = format!("{id}.ask.{seq}");
        let scope = Scope::Attempt { attempt: id.clone(), callback: Some(message.clone()) };
        let callback = make::facts(&message, "ask", if self.rng.chance(30) { "collect" } else { "callback" });
        let said = Said::Asked { seq, ask: make::ask(1_000 + 100_000 * seq) };
        self.say(&scope, InputBody::AttemptCallback { attempt: id.clone(), callback, said });
    }

    fn post_result(&mut self, id: &AttemptId, via: &'static str) {
        if let Some((digest, said)) = self.vm.result(id) {
            self.post(id, "result", &digest, said, via);
        }
    }

    fn post(&mut self, id: &AttemptId, kind: &str, digest: &str, said: Said, via: &'static str) {
        let message = format!("{id}.{kind}.1");
        let scope = Scope::Attempt { attempt: id.clone(), callback: Some(message.clone()) };
        let callback = make::facts(&message, digest, via);
        self.say(&scope, InputBody::AttemptCallback { attempt: id.clone(), callback, said });
    }

    /// Somebody with the right proof says something else.
    fn conflict(&mut self) {
        let finished: Vec<AttemptId> = self.vm.jobs.keys().filter(|id| self.vm.result(id).is_some()).cloned().collect();
        if !finished.is_empty() {
            let id = self.rng.pick(&finished).clone();
            self.post_result(&id, "callback");
            self.post(&id, "result", "other", make::said_result(0), "callback");
        }
    }

    fn answer_wait(&mut self) {
        let waits: Vec<u32> = self
            .world
            .view
            .steps
            .values()
            .filter(|step| matches!(step.kind, sortie_core::view::StepKind::Wait { .. }))
            .map(|step| step.call)
            .collect();
        if waits.is_empty() {
            return;
        }
        let wait = self.world.wait_id(*self.rng.pick(&waits));
        self.answers += 1;
        let number = if self.rng.chance(30) { 1 } else { self.answers };
        let (digest, answer) = if self.rng.chance(20) {
            (format!("bad{number}"), Err("/: no".to_owned()))
        } else {
            (format!("good{number}"), Ok(number.into()))
        };
        let scope = Scope::Wait { wait: wait.clone(), callback: digest.clone() };
        self.say(&scope, InputBody::WaitCallback { wait, digest, answer });
    }

    /// Everything that was ever seen, for telling what a set of seeds never reached.
    pub fn seen(&self) -> BTreeSet<&'static str> {
        let outcomes = self.outcomes.iter().copied();
        outcomes.chain(self.world.kinds()).collect()
    }
}

/// All outcomes of callbacks, and whatever else a set of seeds must have seen.
pub fn must_be_seen() -> Vec<&'static str> {
    CallbackOutcome::ALL.into_iter().map(CallbackOutcome::as_str).collect()
}

fn random_exit(rng: &mut Rng) -> Vec<Line> {
    let call = if rng.chance(50) { make::job(2, &[FailureKind::Exit], 60_000) } else { make::wait(1_000 + rng.below(900_000)) };
    let mut lines = vec![Line::Now, Line::Start(call)];
    if rng.chance(70) {
        lines.push(Line::All(vec![1]));
    }
    if rng.chance(20) {
        lines.push(Line::Fail);
    }
    lines
}

fn random_flow(rng: &mut Rng) -> Vec<Line> {
    const ON: [FailureKind; 7] = [
        FailureKind::Unreachable,
        FailureKind::Exit,
        FailureKind::Lost,
        FailureKind::Interrupted,
        FailureKind::Spawn,
        FailureKind::Rejected,
        FailureKind::NotStarted,
    ];
    let mut lines = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for _ in 0..2 + rng.below(5) {
        match rng.below(14) {
            0 => lines.push(Line::Now),
            1 if !open.is_empty() => lines.push(Line::All(std::mem::take(&mut open))),
            2 | 3 if !open.is_empty() => {
                lines.push(Line::Any(open.clone()));
                if rng.chance(50) {
                    open.clear();
                }
            }
            4 => {
                open.push(lines.len());
                lines.push(Line::Start(make::wait(1_000 + rng.below(300_000))));
            }
            5 => {
                open.push(lines.len());
                lines.push(Line::Start(sortie_core::call::CallSpec::Sleep { duration_ms: rng.below(300_000) }));
            }
            6..10 => {
                open.push(lines.len());
                lines.push(Line::Start(outside::random_call(rng)));
            }
            _ => {
                open.push(lines.len());
                let attempts = 1 + u32::try_from(rng.below(4)).expect("few");
                lines.push(Line::Start(make::job(attempts, &ON, 30_000 + rng.below(900_000))));
            }
        }
    }
    if rng.chance(70) {
        let last = open.last().copied();
        lines.push(Line::All(open));
        lines.extend(last.filter(|_| rng.chance(50)).map(Line::Check));
    }
    if rng.chance(15) {
        lines.push(Line::Fail);
    }
    lines
}
