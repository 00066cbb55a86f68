//! One play: random operations on the engine and on the oracle at once, then everything to its end.

use crate::engine::{Engine, LEASE_MS};
use crate::oracle::Oracle;
use crate::rng::Rng;
use crate::script::{HOUR_MS, Script, is_good};
use serde_json::{Value, json};
use sortie_core::decide::{CallbackOutcome, Refusal, Reply};
use sortie_core::effect::{Timer, Work, WorkClass};
use sortie_core::evaluation::Evaluation;
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{AttemptId, Ms, RunId};
use sortie_core::input::{
    CallbackFacts, Create, InputBody, LaunchOutcome, Operator, ResultSaid, Said, Scope, Stopped, TryOutcome, Verdict, Vote,
};
use sortie_core::plan::RunPlan;
use sortie_core::state::AttemptState;
use sortie_core::view::{Decision, Handed, Spent, StepKind, View};
use sortie_store::StoreError;
use sortie_store::model::{Claim, Delivered};
use std::collections::BTreeMap;

const START: Ms = 1_800_000_000_000;
/// Of a run, in milliseconds.
const DEADLINE_MS: u64 = 6 * HOUR_MS;
/// Pieces of work after which a play that has to end is stuck.
const PATIENCE: u32 = 3_000;

/// An evaluation that is under way.
struct UnderWay {
    claim: Claim,
    advance_fence: u64,
    seen: u64,
    snapshot: (u64, u64),
    evaluation: Evaluation,
}

pub struct Play<'a> {
    engine: &'a Engine,
    rng: Rng,
    now: Ms,
    run: RunId,
    script: Script,
    oracle: Oracle,
    under_way: Vec<UnderWay>,
    /// Evaluations that a crash has cut off since the last one that was committed.
    cut_off: u32,
    /// Outcomes of results, by attempt and digest.
    said: BTreeMap<(usize, u64), CallbackOutcome>,
    /// Whether the host may know of an attempt.
    sent: Vec<bool>,
    answers: u64,
    /// Whether faults and operators are over.
    settling: bool,
}

impl<'a> Play<'a> {
    pub fn new(engine: &'a Engine, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let script = Script::random(&mut rng);
        // Runs of one store differ in their time.
        let now = START + Ms::try_from(seed).unwrap();
        let run = RunId::new(now, &rng.entropy(), 0);
        let oracle = Oracle::new(script.clone(), now, now + Ms::try_from(DEADLINE_MS).unwrap());
        Self {
            engine,
            rng,
            now,
            run,
            script,
            oracle,
            under_way: Vec::new(),
            cut_off: 0,
            said: BTreeMap::new(),
            sent: Vec::new(),
            answers: 0,
            settling: false,
        }
    }

    pub async fn run(mut self) {
        let plan = RunPlan { deadline_ms: DEADLINE_MS, on_exit: self.script.on_exit.is_some(), ..RunPlan::default() };
        let create = Create {
            run: self.run.clone(),
            flow: "model".to_owned(),
            release: 1,
            bundle: "0".repeat(64),
            input: json!({}),
            actor: "model".to_owned(),
            plan,
        };
        self.deliver(Scope::New(self.run.clone()), InputBody::Create(create), None).await.unwrap();
        self.compare().await;
        for _ in 0..10 + self.rng.below(40) {
            self.operation().await;
            self.compare().await;
        }
        self.settle().await;
        self.check_history().await;
    }

    async fn deliver(&mut self, scope: Scope, body: InputBody, done: Option<Claim>) -> Result<Delivered, StoreError> {
        let entropy = self.rng.entropy();
        self.engine.deliver(self.now, entropy, scope, body, done).await
    }

    async fn operation(&mut self) {
        match self.rng.below(100) {
            0..50 => self.work().await,
            50..56 => self.finish_evaluation().await,
            56..74 => self.callback().await,
            74..80 => self.answer_wait().await,
            80..85 => self.vote().await,
            85..92 => self.operate().await,
            92..95 => self.crash().await,
            _ => {
                let most = *self.rng.pick(&[1_000, 60_000, 1_200_000, 8_000_000]);
                let by = self.rng.below(most);
                self.pass(1 + Ms::try_from(by).unwrap());
            }
        }
    }

    fn pass(&mut self, by: Ms) {
        self.now += by;
        self.oracle.now = self.now;
    }

    // --- due work ---

    async fn work(&mut self) {
        let class = *self.rng.pick(&WorkClass::ALL);
        self.work_of(class).await;
    }

    async fn work_of(&mut self, class: WorkClass) -> bool {
        let claims = self.engine.claim(self.now, class).await;
        let any = !claims.is_empty();
        for claim in claims {
            assert_eq!(claim.run, self.run, "an ended play leaves no work: {claim:?}");
            // A process that dies leaves its claims.
            if self.settling || !self.rng.percent(8) {
                self.perform(claim).await;
            }
        }
        any
    }

    async fn perform(&mut self, claim: Claim) {
        match claim.work.clone() {
            Work::Advance => self.advance(claim).await,
            Work::Launch(id) => self.launch(claim, id).await,
            Work::Stop(id) => self.stop(claim, id).await,
            Work::Probe(id) => self.probe(claim, id).await,
            Work::Try(call) => self.try_one(claim, call).await,
            Work::Timer(timer) => self.timer(claim, timer).await,
            other => panic!("{other:?} was not asked for"),
        }
    }

    async fn advance(&mut self, claim: Claim) {
        let Some(load) = self.engine.store.load_advance(&self.run).await.unwrap() else {
            assert!(!self.oracle.wants_evaluation(), "there is something to evaluate");
            return self.engine.finish(claim).await;
        };
        for entry in &load.journal {
            let step = &self.oracle.steps[entry.call as usize - 1];
            assert_eq!(entry.value.is_some(), !step.open, "call {} in the journal", entry.call);
            assert!(
                entry.value.is_none() || step.good == Some(is_good(entry)),
                "call {}: {:?} and {:?}",
                entry.call,
                entry.value,
                step.good
            );
        }
        let evaluation = self.script.evaluate(&load.journal, load.exit.as_ref().map(|exit| exit.from_call));
        let snapshot = self.oracle.load();
        let (advance_fence, seen) = (load.head.advance_fence, load.head.wake_seq);
        self.under_way.push(UnderWay { claim, advance_fence, seen, snapshot, evaluation });
        if self.settling || self.rng.percent(75) {
            self.finish_evaluation().await;
        }
    }

    async fn finish_evaluation(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let place = usize::try_from(self.rng.below(self.under_way.len() as u64)).unwrap();
        let UnderWay { claim, advance_fence, seen, snapshot, evaluation } = self.under_way.swap_remove(place);
        let expected = self.oracle.evaluated(snapshot, &evaluation);
        let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
        let told = self.deliver(Scope::Run(self.run.clone()), body, None).await;
        match (told, expected) {
            (Err(StoreError::Refused(Refusal::Fenced)), Err(())) => {}
            (Ok(delivered), Ok(true)) => {
                assert_eq!(delivered.reply, Reply::Done);
                self.cut_off = 0;
            }
            (Ok(delivered), Ok(false)) => assert_eq!(delivered.reply, Reply::Nothing),
            (told, expected) => panic!("{told:?}, expected {expected:?}"),
        }
        self.engine.finish(claim).await;
    }

    async fn launch(&mut self, claim: Claim, id: AttemptId) {
        let n = self.place_of(&id).await;
        let handed = Handed {
            host: "vm".to_owned(),
            spec_digest: "d".repeat(64),
            kid: "kid".to_owned(),
            root: 1,
            audience: "https://sortie.example".to_owned(),
            issued_s: self.now / 1_000,
            expires_s: self.now / 1_000 + 1_000,
            launching_at: self.now,
            own_user: false,
            disk_floor_bytes: 0,
        };
        let starting = InputBody::LaunchStarting { attempt: id.clone(), handed, slots: None };
        let reply = self.deliver(of(&id), starting, None).await.unwrap().reply;
        let may = self.oracle.launch_starting(n);
        assert_eq!(matches!(reply, Reply::Launch(_)), may, "{reply:?}");
        if !may {
            return self.engine.finish(claim).await;
        }
        self.sent[n] = true;
        let outcome = match if self.settling { 0 } else { self.rng.below(10) } {
            0..5 => {
                self.oracle.launch_acked(n);
                LaunchOutcome::Acked { created: true, pid: Some(7), boot_id: None, containment: None }
            }
            5 => {
                let before = self.oracle.attempts[n].state;
                self.oracle.launch_unreachable(n);
                self.sent[n] = before != AttemptState::Launching;
                LaunchOutcome::Unreachable(failure(FailureKind::Unreachable))
            }
            6 => {
                self.oracle.launch_refused(n);
                LaunchOutcome::Refused(failure(FailureKind::Spawn))
            }
            7 => {
                self.oracle.launch_unknown(n);
                LaunchOutcome::Unknown("cut".to_owned())
            }
            // The server dies before it can say what came of it.
            _ => return,
        };
        self.deliver(of(&id), InputBody::LaunchEnded { attempt: id.clone(), outcome }, Some(claim)).await.unwrap();
    }

    async fn stop(&mut self, claim: Claim, id: AttemptId) {
        let n = self.place_of(&id).await;
        let outcome = if self.settling || self.rng.percent(60) {
            self.oracle.stopped(n);
            Ok(Stopped::Gone { evidence: "empty".to_owned() })
        } else if self.rng.percent(50) {
            Ok(Stopped::Alive)
        } else {
            Err(failure(FailureKind::Unreachable))
        };
        self.deliver(of(&id), InputBody::StopEnded { attempt: id.clone(), outcome }, Some(claim)).await.unwrap();
    }

    async fn probe(&mut self, claim: Claim, id: AttemptId) {
        let n = self.place_of(&id).await;
        let verdict = match if self.settling { 0 } else { self.rng.below(4) } {
            0 | 1 => {
                self.oracle.probed(n, false);
                Ok(Verdict::Gone)
            }
            2 => {
                self.oracle.probed(n, true);
                Ok(Verdict::Interrupted)
            }
            _ => Err(failure(FailureKind::Unreachable)),
        };
        self.deliver(of(&id), InputBody::Probed { attempt: id.clone(), verdict, used: Spent::default() }, Some(claim)).await.unwrap();
    }

    async fn try_one(&mut self, claim: Claim, call: u32) {
        let reply = self.deliver(self.step(call), InputBody::TryStarting { call }, None).await.unwrap().reply;
        let number = match (self.oracle.try_starting(call), reply) {
            (Some(expected), Reply::Try { number, .. }) => {
                assert_eq!(number, expected);
                number
            }
            (None, Reply::Nothing) => return self.engine.finish(claim).await,
            (expected, reply) => panic!("{reply:?}, expected {expected:?}"),
        };
        if !self.settling && self.rng.percent(15) {
            return;
        }
        let good = self.settling || self.rng.percent(50);
        self.oracle.try_ended(call, number, good);
        let outcome = if good {
            TryOutcome::Done(json!({"status": 200}))
        } else {
            TryOutcome::Failed { failure: failure(FailureKind::Http), value: json!({"status": 500}), retry_after_ms: None }
        };
        self.deliver(self.step(call), InputBody::TryEnded { call, number, outcome }, Some(claim)).await.unwrap();
    }

    async fn timer(&mut self, claim: Claim, timer: Timer) {
        let scope = match &timer {
            Timer::RunDeadline => {
                self.oracle.run_due();
                Scope::Run(self.run.clone())
            }
            Timer::Exit => {
                self.oracle.exit_due();
                Scope::Run(self.run.clone())
            }
            Timer::Overdue => Scope::Run(self.run.clone()),
            Timer::Step(call) => {
                self.oracle.step_due(*call);
                self.step(*call)
            }
            Timer::Retry(call) => {
                self.oracle.retry_due(*call);
                self.step(*call)
            }
            Timer::Started(id) => {
                let n = self.place_of(id).await;
                self.oracle.silent(n, AttemptState::Launched);
                of(id)
            }
            Timer::Heartbeat(id) => {
                let n = self.place_of(id).await;
                self.oracle.silent(n, AttemptState::Running);
                of(id)
            }
            Timer::StopAnswer(id) => {
                let n = self.place_of(id).await;
                self.oracle.stop_unanswered(n);
                of(id)
            }
            other => panic!("{other:?} was not set"),
        };
        self.deliver(scope, InputBody::TimerDue(timer), Some(claim)).await.unwrap();
    }

    // --- the outside ---

    async fn callback(&mut self) {
        let known: Vec<usize> = (0..self.sent.len()).filter(|n| self.sent[*n]).collect();
        if known.is_empty() {
            return;
        }
        let n = *self.rng.pick(&known);
        let id = self.engine.store.attempts(&self.run).await.unwrap()[n].id.clone();
        match self.rng.below(10) {
            0..3 => self.say(n, &id, 9, Said::Alive).await,
            3 => self.say(n, &id, 8, Said::Invalid("not of the schema".to_owned())).await,
            _ => {
                let digest = self.rng.below(3);
                self.say(n, &id, digest, said(digest)).await;
            }
        }
    }

    async fn say(&mut self, n: usize, id: &AttemptId, digest: u64, said: Said) {
        let facts = CallbackFacts { id: format!("{id}.{digest}"), digest: digest.to_string().repeat(64), via: "callback" };
        let before = self.said.get(&(n, digest)).copied();
        let expected = match (&said, before) {
            (Said::Alive, _) => self.oracle.alive(n),
            (_, Some(CallbackOutcome::Accepted)) => CallbackOutcome::Duplicate,
            (_, Some(before)) => before,
            (Said::Invalid(_), None) => {
                self.oracle.invalid(n);
                CallbackOutcome::Invalid
            }
            (_, None) => self.oracle.result(n, digest, digest == 0),
        };
        if said != Said::Alive {
            self.said.entry((n, digest)).or_insert(expected);
        }
        let scope = Scope::Attempt { attempt: id.clone(), callback: Some(facts.id.clone()) };
        let body = InputBody::AttemptCallback { attempt: id.clone(), callback: facts, said };
        let reply = self.deliver(scope, body, None).await.unwrap().reply;
        assert!(matches!(reply, Reply::Callback { outcome, .. } if outcome == expected), "{reply:?}, expected {expected:?}");
    }

    async fn answer_wait(&mut self) {
        let steps = self.engine.store.steps(&self.run).await.unwrap();
        let waits: Vec<_> =
            steps.iter().filter_map(|step| if let StepKind::Wait { wait } = &step.kind { Some((step, wait)) } else { None }).collect();
        if waits.is_empty() {
            return;
        }
        let (step, wait) = *self.rng.pick(&waits);
        let (call, wait) = (step.call, wait.clone());
        self.answers += 1;
        let digest = format!("{:064x}", self.answers);
        let expected = self.oracle.wait_answered(call);
        for again in [false, true] {
            let body = InputBody::WaitCallback { wait: wait.clone(), digest: digest.clone(), answer: Ok(json!({"n": self.answers})) };
            let reply = self.deliver(Scope::Wait { wait: wait.clone(), callback: digest.clone() }, body, None).await.unwrap().reply;
            let Reply::Callback { outcome, .. } = reply else { panic!("{reply:?}") };
            let fits = match (expected, again) {
                (true, false) => outcome == CallbackOutcome::Accepted,
                (true, true) => outcome == CallbackOutcome::Duplicate,
                (false, _) => matches!(outcome, CallbackOutcome::Late | CallbackOutcome::Conflict),
            };
            assert!(fits, "{outcome:?}, the wait was open: {expected}, again: {again}");
        }
    }

    async fn vote(&mut self) {
        let steps = self.engine.store.steps(&self.run).await.unwrap();
        let asked: Vec<_> = steps
            .iter()
            .filter_map(|step| if let StepKind::Approval(approval) = &step.kind { Some((step.call, approval.revision)) } else { None })
            .collect();
        if asked.is_empty() {
            return;
        }
        let (call, revision) = *self.rng.pick(&asked);
        let (actor, approve, stale) = (self.rng.below(4), self.rng.percent(75), self.rng.percent(15));
        let voted = self.oracle.steps[call as usize - 1].votes.contains(&(actor, approve));
        let counted = !stale && self.oracle.vote(call, actor, approve);
        let vote = Vote {
            actor: format!("person{actor}"),
            roles: vec!["people".to_owned()],
            decision: if approve { Decision::Approve } else { Decision::Reject },
            comment: None,
            revision: if stale { revision + 1 } else { revision },
            via: "api".to_owned(),
        };
        let reply = self.deliver(self.step(call), InputBody::Vote { call, vote }, None).await.unwrap().reply;
        match reply {
            Reply::Done => assert!(counted),
            Reply::Nothing => assert!(voted && !counted, "the same vote again"),
            Reply::Refused { .. } => assert!(!counted),
            other => panic!("{other:?}"),
        }
    }

    async fn operate(&mut self) {
        let operator = Operator::named("operator");
        let (expected, scope, body) = match self.rng.below(12) {
            0..4 => (self.oracle.pause(), self.whole_run(), InputBody::Pause(operator)),
            4..8 => (self.oracle.resume(), self.whole_run(), InputBody::Resume(operator)),
            8 => (self.oracle.cancel(), self.whole_run(), InputBody::Cancel(operator)),
            9 if self.rng.percent(50) => (self.oracle.terminate(), self.whole_run(), InputBody::Terminate(operator)),
            _ => {
                let calls = self.oracle.steps.len() as u64;
                let from = self.rng.percent(50).then(|| u32::try_from(1 + self.rng.below(calls + 1)).unwrap());
                let expected = self.oracle.reset(from, Ms::try_from(DEADLINE_MS).unwrap());
                (expected, Scope::Whole(self.run.clone()), InputBody::Reset { from, operator })
            }
        };
        let told = format!("{body:?}");
        let reply = self.deliver(scope, body, None).await.unwrap().reply;
        match (expected, &reply) {
            (Some(true), Reply::Done) | (Some(false), Reply::Nothing) | (None, Reply::Refused { .. }) => {}
            _ => panic!("{told}: {reply:?}, expected {expected:?}"),
        }
    }

    fn whole_run(&self) -> Scope {
        Scope::Run(self.run.clone())
    }

    /// The process dies and another one takes over: what it had claimed is due again.
    async fn crash(&mut self) {
        // Three in a row would be a poisoned flow.
        if self.cut_off < 2 && !self.under_way.is_empty() {
            self.cut_off += 1;
            self.under_way.clear();
        }
        for class in WorkClass::ALL {
            self.engine.store.give_back(class, self.now + Ms::try_from(LEASE_MS).unwrap()).await.unwrap();
        }
    }

    // --- ends and checks ---

    async fn settle(&mut self) {
        self.settling = true;
        while !self.under_way.is_empty() {
            self.finish_evaluation().await;
        }
        self.crash().await;
        self.compare().await;
        let mut pieces = 0;
        loop {
            if self.oracle.state == sortie_core::state::RunState::Paused {
                assert_eq!(self.oracle.resume(), Some(true));
                let reply = self.deliver(self.whole_run(), InputBody::Resume(Operator::named("operator")), None).await.unwrap().reply;
                assert_eq!(reply, Reply::Done);
            }
            let mut any = false;
            for class in WorkClass::ALL {
                any |= self.work_of(class).await;
                self.compare().await;
            }
            pieces += 1;
            assert!(pieces < PATIENCE, "the play does not end: {:#?}", self.oracle);
            if !any {
                let due = self.engine.store.due(&self.run).await.unwrap();
                let Some(next) = due.iter().map(|claim| claim.due_at).min() else { break };
                self.pass((next - self.now).max(1));
            }
        }
        assert!(self.oracle.is_over(), "nothing is due, and the run is {:?} (promise 4)", self.oracle.state);
    }

    /// The whole state, as an operator could name it.
    async fn compare(&mut self) {
        let store = &self.engine.store;
        let (head, steps, attempts, due) =
            tokio::join!(store.run(&self.run), store.steps(&self.run), store.attempts(&self.run), store.due(&self.run));
        let (head, steps, attempts, due) = (head.unwrap().unwrap().head, steps.unwrap(), attempts.unwrap(), due.unwrap());
        let oracle = &self.oracle;
        assert_eq!((head.state, head.ending, head.exit_from), (oracle.state, oracle.ending, oracle.exit_from));
        assert_eq!(steps.len(), oracle.steps.len(), "steps");
        for (step, expected) in steps.iter().zip(&oracle.steps) {
            assert_eq!((step.is_open(), step.forgotten), (expected.open, expected.forgotten), "step {} {:?}", step.call, expected.kind);
            let backoff = match &step.kind {
                StepKind::Job(job) => job.retry_at.is_some(),
                StepKind::Http(tries) => tries.retry_at.is_some(),
                _ => false,
            };
            assert!(step.forgotten || backoff == expected.backoff, "step {} {:?}: backoff {backoff}", step.call, expected.kind);
        }
        assert_eq!(head.open_steps as usize, oracle.steps.iter().filter(|step| step.open).count());
        let states: Vec<_> = attempts.iter().map(|attempt| (attempt.call, attempt.state)).collect();
        let expected: Vec<_> = oracle.attempts.iter().map(|attempt| (attempt.call, attempt.state)).collect();
        assert_eq!(states, expected, "attempts");
        self.sent.resize(attempts.len(), false);
        assert!(!oracle.begins() || !due.is_empty(), "a run that goes on has a next waker");
    }

    /// I1, I8, I9, I17: the journal is gapless, answers every life of a step once, and folds to the rows as they are.
    async fn check_history(&self) {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self.engine.store.history(&self.run, after, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.seq;
            events.extend(page);
        }
        assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "gapless");
        assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at), "in order");
        let view: View = sortie_core::apply::fold(&events).unwrap();
        let head = self.engine.store.run(&self.run).await.unwrap().unwrap().head;
        assert_eq!(view.run.unwrap().folded(), head.folded());
        let steps = self.engine.store.steps(&self.run).await.unwrap();
        assert_eq!(view.steps.into_values().collect::<Vec<_>>(), steps);
        let attempts = self.engine.store.attempts(&self.run).await.unwrap();
        let folded: BTreeMap<_, _> = attempts.into_iter().map(|attempt| (attempt.id.clone(), attempt)).collect();
        assert_eq!(view.attempts, folded);
    }

    async fn place_of(&self, id: &AttemptId) -> usize {
        self.engine.store.attempts(&self.run).await.unwrap().iter().position(|attempt| attempt.id == *id).unwrap()
    }

    fn step(&self, call: u32) -> Scope {
        Scope::Step(self.run.clone(), call)
    }
}

fn of(id: &AttemptId) -> Scope {
    Scope::Attempt { attempt: id.clone(), callback: None }
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, kind.as_str())
}

fn said(digest: u64) -> Said {
    let good = digest == 0;
    let result: Value = json!({"exit_code": i32::from(!good), "n": digest});
    Said::Result(ResultSaid { result, failure: (!good).then(|| failure(FailureKind::Exit)), tree_gone: true, parked: false })
}
