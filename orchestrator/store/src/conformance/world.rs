//! Short ways to bring a store to a state, for the checks.

use crate::model::{Claim, Delivered, Delivery};
use crate::{Store, StoreError};
use serde_json::{Value, json};
use sortie_core::call::CallSpec;
use sortie_core::effect::WorkClass;
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::event::Event;
use sortie_core::ids::{AttemptId, Entropy, Ms, RunId, WaitId};
use sortie_core::input::{CallbackFacts, Create, Input, InputBody, ResultSaid, Said, Scope};
use sortie_core::view::{Handed, Step, StepKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// When the checks begin.
pub const START: Ms = 1_700_000_000_000;

/// A store with a clock that moves one millisecond with every input.
pub struct World {
    /// The store.
    pub store: Arc<dyn Store>,
    ticks: AtomicI64,
}

impl World {
    /// A world around a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, ticks: AtomicI64::new(0) }
    }

    /// A world whose clock and entropy begin later, around a store that has been used before.
    #[must_use]
    pub fn after(store: Arc<dyn Store>, ticks: i64) -> Self {
        Self { store, ticks: AtomicI64::new(ticks) }
    }

    /// The time of the last input.
    pub fn now(&self) -> Ms {
        START + self.ticks.load(Ordering::SeqCst)
    }

    /// Let time pass.
    pub fn pass(&self, ms: i64) {
        self.ticks.fetch_add(ms, Ordering::SeqCst);
    }

    /// A new input; its entropy differs from all others.
    pub fn input(&self, body: InputBody) -> Input {
        let tick = self.ticks.fetch_add(1, Ordering::SeqCst) + 1;
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&tick.to_le_bytes());
        Input { at: START + tick, entropy: Entropy(entropy), body }
    }

    /// Deliver an input.
    ///
    /// # Errors
    /// As [`Store::deliver`].
    pub async fn try_deliver(&self, scope: Scope, body: InputBody, done: Option<Claim>) -> Result<Delivered, StoreError> {
        let input = self.input(body);
        self.store.deliver(Delivery { scope, input, done, body: Some(b"the exact bytes".to_vec()) }).await
    }

    /// Deliver an input that has to be decided.
    ///
    /// # Panics
    /// Where it is not.
    pub async fn deliver(&self, scope: Scope, body: InputBody) -> Delivered {
        self.try_deliver(scope, body, None).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The wish for a run of a flow.
    pub fn wish(&self, flow: &str) -> Create {
        let input = self.input(InputBody::Start);
        Create {
            run: RunId::new(input.at, &input.entropy, 0),
            flow: flow.to_owned(),
            release: 1,
            bundle: "ab".repeat(32),
            input: json!({"repo": "a", "issue": 7}),
            actor: "operator".to_owned(),
            plan: sortie_core::plan::RunPlan { deadline_ms: 3_600_000, ..Default::default() },
        }
    }

    /// A new run of a flow.
    pub async fn run(&self, flow: &str) -> RunId {
        let wish = self.wish(flow);
        self.deliver(Scope::New(wish.run.clone()), InputBody::Create(wish)).await.run
    }

    /// Claim the advance, answer it with these new calls, suspend on all open ones.
    ///
    /// # Panics
    /// Where there is nothing to advance.
    pub async fn advance(&self, run: &RunId, calls: Vec<(&str, CallSpec)>) -> Delivered {
        let load = self.store.load_advance(run).await.expect("loaded").expect("something to evaluate");
        let first = u32::try_from(load.journal.len()).expect("few calls") + 1;
        let commands: Vec<Command> =
            (first..).zip(calls).map(|(call, (step, spec))| Command::Schedule { call, step: step.to_owned(), spec }).collect();
        let calls = first - 1 + u32::try_from(commands.len()).expect("few calls");
        self.evaluated(run, load.head.advance_fence, load.head.wake_seq, commands, End::Suspended { waiting_on: (1..=calls).collect() })
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Let the flow return.
    ///
    /// # Panics
    /// Where there is nothing to advance.
    pub async fn end(&self, run: &RunId, value: Value) -> Delivered {
        let load = self.store.load_advance(run).await.expect("loaded").expect("something to evaluate");
        let end = End::Returned { value };
        self.evaluated(run, load.head.advance_fence, load.head.wake_seq, Vec::new(), end).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Deliver an evaluation.
    ///
    /// # Errors
    /// As [`Store::deliver`].
    pub async fn evaluated(&self, run: &RunId, fence: u64, seen: u64, commands: Vec<Command>, end: End) -> Result<Delivered, StoreError> {
        let body = InputBody::Evaluated { advance_fence: fence, seen, evaluation: Evaluation { commands, end }, log: Vec::new() };
        self.try_deliver(Scope::Run(run.clone()), body, None).await
    }

    /// A new run that waits for an answer from outside.
    pub async fn waiting(&self, flow: &str) -> (RunId, WaitId) {
        let run = self.run(flow).await;
        self.advance(&run, vec![("answer", wait())]).await;
        let wait = self.wait_of(&run).await;
        (run, wait)
    }

    /// The wait of a run's first step.
    ///
    /// # Panics
    /// Where it is none.
    pub async fn wait_of(&self, run: &RunId) -> WaitId {
        self.wait_of_call(run, 1).await
    }

    /// The wait of a step.
    ///
    /// # Panics
    /// Where it is none.
    pub async fn wait_of_call(&self, run: &RunId, call: u32) -> WaitId {
        match &self.step(run, call).await.kind {
            StepKind::Wait { wait } => wait.clone(),
            other => panic!("{other:?} is no wait"),
        }
    }

    /// One step.
    ///
    /// # Panics
    /// Where it is not there.
    pub async fn step(&self, run: &RunId, call: u32) -> Step {
        self.store.steps(run).await.expect("steps").into_iter().find(|step| step.call == call).expect("the step")
    }

    /// A new run with a job that is launching on a host.
    ///
    /// # Panics
    /// Where it is not.
    pub async fn launching(&self, host: &str) -> (RunId, AttemptId) {
        let run = self.run("build").await;
        self.advance(&run, vec![("job", job(host))]).await;
        let attempt = self.store.attempts(&run).await.expect("attempts")[0].id.clone();
        let starting = InputBody::LaunchStarting { attempt: attempt.clone(), handed: handed(host), slots: None };
        self.deliver(of(&attempt), starting).await;
        (run, attempt)
    }

    /// Deliver an answer to a wait.
    ///
    /// # Errors
    /// As [`Store::deliver`].
    pub async fn answer(&self, wait: &WaitId, digest: &str, answer: Result<Value, String>) -> Result<Delivered, StoreError> {
        let scope = Scope::Wait { wait: wait.clone(), callback: digest.to_owned() };
        self.try_deliver(scope, InputBody::WaitCallback { wait: wait.clone(), digest: digest.to_owned(), answer }, None).await
    }

    /// Deliver a result of an attempt.
    pub async fn result(&self, attempt: &AttemptId, id: &str, digest: &str) -> Delivered {
        let said = Said::Result(ResultSaid { result: json!({"exit": 0}), failure: None, tree_gone: true, parked: false });
        let callback = CallbackFacts { id: id.to_owned(), digest: digest.to_owned(), via: "callback" };
        let scope = Scope::Attempt { attempt: attempt.clone(), callback: Some(id.to_owned()) };
        self.deliver(scope, InputBody::AttemptCallback { attempt: attempt.clone(), callback, said }).await
    }

    /// The whole journal of a run.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub async fn journal(&self, run: &RunId) -> Vec<Event> {
        self.store.history(run, 0, usize::MAX).await.expect("history")
    }

    /// Claim all work of a class that is due at `now`, for a second.
    ///
    /// # Panics
    /// Where it cannot be claimed.
    pub async fn claim(&self, class: WorkClass, now: Ms) -> Vec<Claim> {
        self.store.claim(class, now, 1_000, 100).await.expect("claimed")
    }
}

/// The scope of an attempt, for what is no callback.
#[must_use]
pub fn of(attempt: &AttemptId) -> Scope {
    Scope::Attempt { attempt: attempt.clone(), callback: None }
}

fn spec(spec: Value) -> CallSpec {
    serde_json::from_value(spec).expect("a call as in the journal")
}

/// A call that waits for an answer from outside for ten minutes.
#[must_use]
pub fn wait() -> CallSpec {
    spec(json!({"wait": {"timeout_ms": 600_000, "schema": {"type": "object"}}}))
}

/// A call that sleeps for a minute.
#[must_use]
pub fn sleep() -> CallSpec {
    spec(json!({"sleep": {"duration_ms": 60_000}}))
}

/// A job on a host.
#[must_use]
pub fn job(host: &str) -> CallSpec {
    let retry = json!({"attempts": 3, "backoff_ms": 1_000, "max_backoff_ms": 2_000, "on": ["unreachable", "lost"]});
    spec(json!({"job": {"on": {"name": host}, "command": ["true"], "retry": retry}}))
}

/// What an attempt is handed.
#[must_use]
pub fn handed(host: &str) -> Handed {
    Handed {
        host: host.to_owned(),
        spec_digest: "cd".repeat(32),
        kid: "k1".to_owned(),
        root: 1,
        audience: "https://sortie.example".to_owned(),
        issued_s: START / 1_000,
        expires_s: START / 1_000 + 3_600,
        launching_at: START,
        own_user: false,
        disk_floor_bytes: 0,
    }
}
