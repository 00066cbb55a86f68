//! The program's own parts, tied together as `sortie serve` ties them, with another launcher.

use crate::flows::HOST;
use crate::place;
use anyhow::Context;
use sortie::app::App;
use sortie::driver::{Driver, Evaluators, Parts};
use sortie::http;
use sortie::launcher::{Asking, Launcher};
use sortie::limits::EVALUATORS;
use sortie_core::host::{CallbackMode, Host, Login};
use sortie_protocol::spec::Spec;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::{AttemptView, Phase};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A launcher whose host acknowledges at once; it notes when it was asked, which is right after the launch was committed.
#[derive(Default)]
pub struct Instantly(Mutex<HashMap<(String, String), u64>>);

impl Instantly {
    /// When the launch of a step of a run was asked for, in nanoseconds since 1970.
    pub fn asked(&self, run: &str, step: &str) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(run.to_owned(), step.to_owned())).copied()
    }
}

impl Launcher for Instantly {
    fn ask<'a>(&'a self, _: &'a Host, verb: Verb) -> Asking<'a> {
        let at = now_ns();
        let reply = match verb {
            Verb::Launch { spec, .. } => match serde_json::from_str::<Spec>(&spec) {
                Ok(spec) => {
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((spec.run, spec.step)).or_insert(at);
                    Reply::Launched { created: true, view: running(spec.attempt) }
                }
                Err(error) => refused(&error.to_string()),
            },
            _ => refused("only launches are measured"),
        };
        Box::pin(async { Ok(reply) })
    }
}

/// A launcher that notes how long each launch took to be acknowledged, counted from one moment.
pub struct Timed<L> {
    inner: Arc<L>,
    acks: Mutex<(Instant, Vec<f64>)>,
}

impl<L: Launcher> Timed<L> {
    /// Around another launcher.
    pub fn new(inner: Arc<L>) -> Self {
        Self { inner, acks: Mutex::new((Instant::now(), Vec::new())) }
    }

    /// Count from now on.
    pub fn restart(&self) {
        *self.acks.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), Vec::new());
    }

    /// Milliseconds from the start to each acknowledgement so far.
    pub fn acks_ms(&self) -> Vec<f64> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl<L: Launcher> Launcher for Timed<L> {
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a> {
        let asked = self.inner.ask(host, verb);
        Box::pin(async {
            let reply = asked.await;
            if matches!(reply, Ok(Reply::Launched { .. })) {
                let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
                let ms = acks.0.elapsed().as_secs_f64() * 1e3;
                acks.1.push(ms);
            }
            reply
        })
    }
}

fn refused(message: &str) -> Reply {
    Reply::Refused { refusal: sortie_protocol::verb::Refusal::Usage, message: message.to_owned() }
}

fn running(attempt: String) -> AttemptView {
    AttemptView {
        attempt,
        phase: Phase::Running,
        installation: None,
        spec_digest: None,
        instance: None,
        boot_id: None,
        pid: Some(1),
        started_at_ms: None,
        last_seq: 1,
        result_seq: None,
        tree_gone: false,
        containment: None,
        outlives_login: None,
        heard_ms: None,
        post_error: None,
        beat: None,
        progress: None,
        checkpoint: None,
    }
}

/// Now, in nanoseconds since 1970: two processes of one machine agree on it.
#[must_use]
pub fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// A fresh installation in a folder, whose driver reaches hosts through this launcher.
///
/// # Errors
/// As `sortie init` and `sortie serve`.
pub async fn fresh(folder: &Path, launcher: Arc<dyn Launcher>) -> anyhow::Result<App> {
    let (home, _, _) = place::installation(folder).await?;
    Ok(with_launcher(App::open(home).await?, launcher))
}

/// The same installation, with another launcher.
#[must_use]
pub fn with_launcher(app: App, launcher: Arc<dyn Launcher>) -> App {
    let parts = app.driver.parts();
    let driver = Driver::new(Parts {
        store: Arc::clone(&parts.store),
        tokens: Arc::clone(&parts.tokens),
        launcher: Arc::clone(&launcher),
        evaluators: Evaluators::new(std::env::current_exe().unwrap_or_default(), EVALUATORS),
        resources: Arc::clone(&parts.resources),
        logs: Arc::clone(&parts.logs),
        clock: parts.clock,
        config: Arc::clone(&parts.config),
        installation: parts.installation.clone(),
        audiences: parts.audiences.clone(),
    });
    App { driver, launcher, ..app }
}

/// Know a host that is never reached.
///
/// # Errors
/// As the store says.
pub async fn add_nominal_host(app: &App) -> anyhow::Result<()> {
    let host = Host {
        name: HOST.to_owned(),
        address: "127.0.0.1".to_owned(),
        port: 1,
        user: "nobody".to_owned(),
        login: Login::Key(String::new()),
        host_keys: Vec::new(),
        state_root: "/nowhere".to_owned(),
        marker: String::new(),
        labels: Vec::new(),
        callbacks: CallbackMode::Push,
        slots: None,
        added_at: app.clock.now(),
        ..Host::default()
    };
    Ok(app.store.add_host(host).await?)
}

/// The real callback server of an installation, where its configuration says.
pub struct CallbackServer {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl CallbackServer {
    /// Start it.
    ///
    /// # Errors
    /// Where the port is taken.
    pub async fn start(app: &App) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(app.config.listen).await.context("no callback server")?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(http::serve(listener, http::callback_routes(app), None, stopped));
        Ok(Self { address, stop, serving })
    }

    /// Stop it, and close the store.
    ///
    /// # Errors
    /// As the store says.
    pub async fn stop(self, app: &App) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.serving.await?;
        Ok(app.store.close().await?)
    }
}
