//! A callback server on a free port with a real store and real keys, runs whose attempts are launched by hand, and a
//! client that sends exactly the bytes it is told to.

#![allow(dead_code, reason = "each test crate uses a part of it")]

pub mod client;
pub mod job;

use sortie::clock::Clock;
use sortie::config::Config;
use sortie::driver::{Driver, Evaluators, Parts};
use sortie::http;
use sortie::http::limits::{Limits, RefusalLimits};
use sortie::launcher::{AskError, Asking, Launcher, Sent};
use sortie_core::call::{CallSpec, HostSelector, JobSpec, WaitAuth, WaitSpec};
use sortie_core::evaluation::{Command, End, Evaluation};
use sortie_core::event::Event;
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_core::ids::{Ms, RunId};
use sortie_core::input::{Create, InputBody, Scope};
use sortie_core::view::{Step, StepKind};
use sortie_keys::{CachedVerifier, KeyRing};
use sortie_protocol::verb::Verb;
use sortie_store::Store;
use sortie_store::sqlite::SqliteStore;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const PUBLIC_URL: &str = "http://callbacks.example:7433";
pub const FORMER_URL: &str = "http://former.example:7433";

/// Nothing is ever launched here.
struct NoHost;

impl Launcher for NoHost {
    fn ask<'a>(&'a self, _: &'a Host, _: Verb) -> Asking<'a> {
        Box::pin(async { Err(AskError { kind: FailureKind::Unreachable, sent: Sent::Nothing, message: "no hosts here".to_owned() }) })
    }
}

pub struct World {
    pub address: SocketAddr,
    pub driver: Driver,
    pub ring: KeyRing,
    pub store: Arc<dyn Store>,
    pub keys: PathBuf,
    pub stop: watch::Sender<bool>,
    pub server: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

/// As many refusals as a test likes.
pub const PATIENT: RefusalLimits = RefusalLimits { burst: 1 << 20, per_second: 1 << 10, global_burst: 1 << 20, global_per_second: 1 << 10 };

impl World {
    pub async fn new() -> Self {
        Self::with(Limits { connections: 256, ..Limits::default() }, PATIENT).await
    }

    pub async fn with(limits: Limits, refusals: RefusalLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let clock = Clock::system();
        let ring = KeyRing::create(&keys, clock.now()).unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(&dir.path().join("sortie.db")).unwrap();
        let installation = store.installation().await.unwrap();
        let resources = sortie::resources::Resources::open(&dir.path().join("resources"), store.clone(), clock).unwrap();
        let logs = sortie::logs::Logs::open(&dir.path().join("logs"), store.clone(), clock).unwrap();
        let driver = Driver::new(Parts {
            store: Arc::clone(&store),
            tokens: Arc::new(CachedVerifier::new(ring.clone())),
            launcher: Arc::new(NoHost),
            evaluators: Evaluators::new(PathBuf::from("/nonexistent"), 1),
            resources,
            logs,
            clock,
            config: Arc::new(Config { public_url: PUBLIC_URL.to_owned(), ..Config::fresh() }),
            installation,
            audiences: vec![PUBLIC_URL.to_owned(), FORMER_URL.to_owned()],
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let routes = http::callbacks::routes_with(driver.clone(), refusals);
        let server = tokio::spawn(http::serve_with(listener, routes, None, stopped, limits));
        Self { address, driver, ring, store, keys, stop, server, _dir: dir }
    }

    pub fn now(&self) -> Ms {
        self.driver.parts().clock.now()
    }

    pub fn installation(&self) -> &str {
        &self.driver.parts().installation.id
    }

    /// A run whose flow has asked for these calls and waits for all of them.
    pub async fn run(&self, calls: Vec<(&str, CallSpec)>) -> RunId {
        let run = RunId::new(self.now(), &sortie::driver::entropy(), 0);
        let create = Create {
            run: run.clone(),
            flow: "test".to_owned(),
            release: 1,
            bundle: "0".repeat(64),
            input: serde_json::json!({}),
            actor: "test".to_owned(),
            plan: sortie_core::plan::RunPlan::default(),
        };
        self.driver.deliver(Scope::New(run.clone()), InputBody::Create(create)).await.unwrap();
        let load = self.store.load_advance(&run).await.unwrap().unwrap();
        let waiting_on = (1..).zip(&calls).map(|(call, _)| call).collect();
        let commands = (1..).zip(calls).map(|(call, (step, spec))| Command::Schedule { call, step: step.to_owned(), spec }).collect();
        let evaluation = Evaluation { commands, end: End::Suspended { waiting_on } };
        let evaluated =
            InputBody::Evaluated { advance_fence: load.head.advance_fence, seen: load.head.wake_seq, evaluation, log: Vec::new() };
        self.driver.deliver(Scope::Run(run.clone()), evaluated).await.unwrap();
        run
    }

    /// A run with one job, launching.
    pub async fn job(&self) -> job::Job {
        self.job_of(job_spec(None)).await
    }

    pub async fn job_of(&self, spec: JobSpec) -> job::Job {
        let run = self.run(vec![("work", CallSpec::Job(spec))]).await;
        let attempt = self.store.attempts(&run).await.unwrap().remove(0);
        job::Job::launching(self, &run, attempt.id).await
    }

    /// A run with one wait.
    pub async fn wait(&self, schema: Option<serde_json::Value>) -> job::Wait {
        self.wait_for(3_600_000, schema).await
    }

    pub async fn wait_for(&self, timeout_ms: u64, schema: Option<serde_json::Value>) -> job::Wait {
        let run = self.run(vec![("answer", wait_spec(timeout_ms, schema))]).await;
        let step = self.step(&run).await;
        let StepKind::Wait { wait } = step.kind.clone() else { panic!("not a wait") };
        job::Wait::of(self, run, step, wait)
    }

    /// The first step of a run.
    pub async fn step(&self, run: &RunId) -> Step {
        self.store.steps(run).await.unwrap().remove(0)
    }

    pub async fn history(&self, run: &RunId) -> Vec<Event> {
        self.store.history(run, 0, 1_000).await.unwrap()
    }

    /// How often an event of this kind stands in the history of a run.
    pub async fn count(&self, run: &RunId, kind: &str) -> usize {
        self.history(run).await.iter().filter(|event| event.body.kind() == kind).count()
    }
}

fn wait_spec(timeout_ms: u64, schema: Option<serde_json::Value>) -> CallSpec {
    CallSpec::Wait(WaitSpec { timeout_ms, schema, auth: WaitAuth::Token, roles: Vec::new(), on_timeout: None })
}

pub fn job_spec(result_schema: Option<serde_json::Value>) -> JobSpec {
    JobSpec { timeout_ms: 3_600_000, result_schema, ..JobSpec::new(HostSelector::Name("vm".to_owned()), vec!["true".to_owned()]) }
}
