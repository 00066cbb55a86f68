//! One run, led step by step to the place that a test is about.

use super::flow::{Line, evaluate_run};
use super::{Not, World, make, of};
use serde_json::Value;
use sortie_core::decide::{CallbackOutcome, Reply};
use sortie_core::effect::{Timer, Work};
use sortie_core::event::EventBody;
use sortie_core::failure::FailureKind;
use sortie_core::ids::AttemptId;
use sortie_core::input::{InputBody, LaunchOutcome, Operator, Said, Scope, Stopped, Verdict, Vote};
use sortie_core::plan::RunPlan;
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::{Decision, Spent, StepKind};

/// The run's deadline in these tests, in milliseconds: an hour.
pub const DEADLINE_MS: u64 = 3_600_000;
/// The time limit of jobs and waits in these tests, in milliseconds.
pub const TIMEOUT_MS: u64 = 1_800_000;

/// One run.
pub struct Scene {
    pub world: World,
    pub lines: Vec<Line>,
    pub exit: Vec<Line>,
}

impl Scene {
    /// A run of these lines, evaluated once.
    pub fn of(lines: Vec<Line>) -> Self {
        Self::made(lines, make::create(DEADLINE_MS))
    }

    /// A run that is made so, evaluated once.
    pub fn made(lines: Vec<Line>, create: sortie_core::input::Create) -> Self {
        Self::planned(lines, Vec::new(), create.plan)
    }

    /// A run with this `on_exit` that is evaluated once, if it is let in as it is made.
    pub fn planned(lines: Vec<Line>, exit: Vec<Line>, plan: RunPlan) -> Self {
        let mut scene = Self { world: World { now: make::START, ..World::default() }, lines, exit };
        scene.create(plan);
        scene.advance();
        scene
    }

    pub fn create(&mut self, plan: RunPlan) -> Reply {
        let create = sortie_core::input::Create { plan, ..make::create(DEADLINE_MS) };
        self.world.deliver(&Scope::New(create.run.clone()), InputBody::Create(create), None).expect("decided")
    }

    /// A run of one checked job that is tried so often, with this `on_exit`.
    pub fn checked(attempts: u32, exit: Vec<Line>) -> Self {
        let on = [FailureKind::Exit, FailureKind::Lost];
        let lines = vec![Line::Start(make::job(attempts, &on, TIMEOUT_MS)), Line::Check(0)];
        let plan = RunPlan { deadline_ms: DEADLINE_MS, on_exit: !exit.is_empty(), ..RunPlan::default() };
        Self::planned(lines, exit, plan)
    }

    /// An operator says something about the run.
    pub fn operator(&mut self, say: impl FnOnce(Operator) -> InputBody) -> Reply {
        let body = say(Operator::named("ann"));
        let scope = if matches!(body, InputBody::Reset { .. }) { Scope::Whole(self.world.run().id.clone()) } else { self.run_scope() };
        self.world.deliver(&scope, body, None).expect("an operator gets an answer")
    }

    pub fn reset(&mut self, from: Option<u32>) -> Reply {
        self.operator(|operator| InputBody::Reset { from, operator })
    }

    pub fn adopt(&mut self, attempt: &AttemptId, digest: &str) -> Reply {
        let said = make::result(0);
        let operator = Operator::named("ann");
        let body = InputBody::Adopt { attempt: attempt.clone(), digest: digest.to_owned(), said, operator };
        self.world.deliver(&Scope::Adopt(attempt.clone()), body, None).expect("an operator gets an answer")
    }

    /// A run of one job, which is waited for. It may be tried twice, on any of these failures.
    pub fn job(attempts: u32) -> Self {
        let on = [
            FailureKind::Exit,
            FailureKind::Unreachable,
            FailureKind::Lost,
            FailureKind::Interrupted,
            FailureKind::Rejected,
            FailureKind::NotStarted,
        ];
        Self::of(vec![Line::Start(make::job(attempts, &on, TIMEOUT_MS)), Line::All(vec![0])])
    }

    /// A job in this state.
    pub fn job_in(state: AttemptState) -> Self {
        let mut scene = Self::job(2);
        match state {
            AttemptState::Scheduled => {}
            AttemptState::Launching => drop(scene.starting()),
            AttemptState::LaunchUnknown => scene.launch(LaunchOutcome::Unknown("cut".to_owned())),
            AttemptState::Launched => scene.launch(make::acked(true)),
            AttemptState::Running => {
                scene.launch(make::acked(true));
                scene.post("started", "s", Said::Started);
            }
            AttemptState::Suspect => {
                scene = Self::job_in(AttemptState::Running);
                scene.fire(&Timer::Heartbeat(scene.id()));
            }
            AttemptState::Stopping => {
                scene = Self::job_in(AttemptState::Running);
                scene.fire(&Timer::Step(1));
            }
            AttemptState::Lost => {
                scene = Self::job_in(AttemptState::Suspect);
                scene.probed(Ok(Verdict::Gone));
            }
            other => panic!("no way to {other:?}"),
        }
        assert_eq!(scene.world.state(1), state);
        scene
    }

    /// The newest attempt of call 1.
    pub fn id(&self) -> AttemptId {
        self.world.newest(1).id.clone()
    }

    pub fn run_scope(&self) -> Scope {
        Scope::Run(self.world.run().id.clone())
    }

    pub fn run_state(&self) -> RunState {
        self.world.run().state
    }

    /// Evaluate the flow if that is due.
    pub fn advance(&mut self) -> bool {
        let Some(claim) = self.world.claim(&Work::Advance) else { return false };
        let (advance_fence, seen) = self.world.load_advance().expect("there is something to evaluate");
        let evaluation = evaluate_run(&self.lines, &self.exit, &self.world.journal);
        let body = InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() };
        self.world.deliver(&self.run_scope(), body, Some(&claim)).expect("evaluated");
        true
    }

    /// Go on to the time when some work is due, and claim it.
    pub fn claim(&mut self, work: &Work) -> super::Claim {
        let at = self.world.due_at(work).unwrap_or_else(|| panic!("{} is not due", work.key()));
        self.world.now = self.world.now.max(at);
        self.world.claim(work).expect("it is due")
    }

    /// A timer, when it is due.
    pub fn fire(&mut self, timer: &Timer) -> Reply {
        let claim = self.claim(&Work::Timer(timer.clone()));
        let scope = self.world.timer_scope(timer);
        self.world.deliver(&scope, InputBody::TimerDue(timer.clone()), Some(&claim)).expect("a timer is never refused")
    }

    /// The launch of the newest attempt is begun.
    pub fn starting(&mut self) -> Reply {
        let id = self.id();
        self.claim(&Work::Launch(id.clone()));
        self.started_by(&id)
    }

    fn started_by(&mut self, id: &AttemptId) -> Reply {
        let handed = make::handed(self.world.now);
        self.world.deliver(&of(id), InputBody::LaunchStarting { attempt: id.clone(), handed, slots: None }, None).expect("it is there")
    }

    /// The newest attempt is launched, with this outcome.
    pub fn launch(&mut self, outcome: LaunchOutcome) {
        let id = self.id();
        let claim = self.claim(&Work::Launch(id.clone()));
        assert!(matches!(self.started_by(&id), Reply::Launch(_)), "it may be launched");
        self.world.deliver(&of(&id), InputBody::LaunchEnded { attempt: id, outcome }, Some(&claim)).expect("answered");
    }

    pub fn probed(&mut self, verdict: Result<Verdict, sortie_core::failure::Failure>) {
        self.probed_having_used(verdict, Spent::default());
    }

    /// As [`Scene::probed`], with what its agent had last said it has used.
    pub fn probed_having_used(&mut self, verdict: Result<Verdict, sortie_core::failure::Failure>, used: Spent) {
        let id = self.id();
        let claim = self.claim(&Work::Probe(id.clone()));
        self.world.deliver(&of(&id), InputBody::Probed { attempt: id, verdict, used }, Some(&claim)).expect("answered");
    }

    pub fn stop(&mut self, outcome: Result<Stopped, sortie_core::failure::Failure>) {
        let id = self.id();
        let claim = self.claim(&Work::Stop(id.clone()));
        self.world.deliver(&of(&id), InputBody::StopEnded { attempt: id, outcome }, Some(&claim)).expect("answered");
    }

    /// The host says that nothing is left.
    pub fn gone(&mut self) {
        self.stop(Ok(Stopped::Gone { evidence: "finished".to_owned() }));
    }

    /// The newest attempt posts.
    pub fn post(&mut self, kind: &str, digest: &str, said: Said) -> Reply {
        let id = self.id();
        self.post_of(&id, kind, digest, said, "callback")
    }

    pub fn post_of(&mut self, id: &AttemptId, kind: &str, digest: &str, said: Said, via: &'static str) -> Reply {
        let message = format!("{id}.{kind}.1");
        let scope = Scope::Attempt { attempt: id.clone(), callback: Some(message.clone()) };
        let callback = make::facts(&message, digest, via);
        self.world.deliver(&scope, InputBody::AttemptCallback { attempt: id.clone(), callback, said }, None).expect("answered")
    }

    /// The newest attempt asks people, with this number in its event log.
    pub fn ask(&mut self, seq: u64, timeout_ms: u64) -> Reply {
        let id = self.id();
        self.ask_of(&id, seq, timeout_ms, "callback")
    }

    pub fn ask_of(&mut self, id: &AttemptId, seq: u64, timeout_ms: u64, via: &'static str) -> Reply {
        let message = format!("{id}.ask.{seq}");
        let scope = Scope::Attempt { attempt: id.clone(), callback: Some(message.clone()) };
        let callback = make::facts(&message, "ask", via);
        let said = Said::Asked { seq, ask: make::ask(timeout_ms) };
        self.world.deliver(&scope, InputBody::AttemptCallback { attempt: id.clone(), callback, said }, None).expect("answered")
    }

    /// Somebody decides about a question.
    pub fn decide(&mut self, call: u32, decision: Decision) -> Reply {
        let StepKind::Approval(approval) = &self.world.step(call).kind else { panic!("call {call} is no question") };
        let vote = Vote {
            actor: "ann".to_owned(),
            roles: vec!["*".to_owned()],
            decision,
            comment: Some("because".to_owned()),
            revision: approval.revision,
            via: "cli".to_owned(),
        };
        let scope = Scope::Step(self.world.run().id.clone(), call);
        self.world.deliver(&scope, InputBody::Vote { call, vote }, None).expect("answered")
    }

    /// The newest attempt ends because it waits for people.
    pub fn park(&mut self) -> CallbackOutcome {
        let said = Said::Result(sortie_core::input::ResultSaid { parked: true, ..make::result(0) });
        make::outcome(&self.post("result", "parked", said))
    }

    /// The newest attempt posts its result, with this exit code.
    pub fn result(&mut self, exit: i64) -> CallbackOutcome {
        make::outcome(&self.post("result", &format!("r{exit}"), make::said_result(exit)))
    }

    pub fn answer(&mut self, call: u32, digest: &str, answer: Result<Value, String>) -> CallbackOutcome {
        let wait = self.world.wait_id(call);
        let scope = Scope::Wait { wait: wait.clone(), callback: digest.to_owned() };
        make::outcome(
            &self.world.deliver(&scope, InputBody::WaitCallback { wait, digest: digest.to_owned(), answer }, None).expect("answered"),
        )
    }

    pub fn cancel(&mut self) -> Reply {
        self.world.deliver(&self.run_scope(), make::cancel(), None).expect("cancelled")
    }

    /// What a call was answered.
    pub fn value(&self, call: u32) -> Value {
        let found = self.world.journal.iter().rev().find_map(|event| match &event.body {
            EventBody::StepCompleted { call: of, value, .. } if *of == call => Some(value.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("call {call} was not answered"))
    }

    /// The kind of error that a call was answered with.
    pub fn error(&self, call: u32) -> String {
        self.value(call)["error"]["kind"].as_str().unwrap_or("none").to_owned()
    }

    pub fn must_not(&mut self, scope: &Scope, body: InputBody) -> Not {
        self.world.deliver(scope, body, None).expect_err("it is to be refused")
    }
}
