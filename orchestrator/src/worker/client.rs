//! The process on the far machine: says who it is, fetches questions, has the shim answer them, brings the answers.
//!
//! If it dies, the jobs go on under their supervisors until the lease runs out; the next process of the same state root goes on.

use super::lease;
use super::limits::{AT_ONCE, BRING_TRIES, CONNECT, POLL, RETRY, RETRY_CAP, SERVER};
use super::protocol::{Answered, Hello, Outcome, Poll, Question, Questions, Taken, Welcome};
use crate::envelope::{self, Problem};
use crate::error_code::ErrorCode;
use crate::launcher::Sent;
use crate::launchers::local::LocalLauncher;
use crate::ssh::connection::pause;
use crate::ssh::script::{Root, nonce};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sortie_keys::Secret;
use sortie_protocol::verb::{Reply, Verb};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// How a worker is started.
pub struct Settings {
    /// Public URL of the server.
    pub server: url::Url,
    /// The worker's token.
    pub token: Secret,
    /// CA certificates (PEM) to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// Its state root.
    pub root: Root,
    /// Labels it wants to serve; all that it may where absent.
    pub labels: Option<Vec<String>>,
}

/// A worker that is not yet known to the server.
pub struct Worker {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
    local: LocalLauncher,
    root: Root,
    labels: Option<Vec<String>>,
    instance: String,
    held: Mutex<BTreeSet<u64>>,
    /// Cut to the least that any answer of the server said.
    at_once: Arc<Semaphore>,
}

/// Why a worker ends.
#[derive(Debug)]
pub enum End {
    /// It was asked to.
    Stopped,
    /// Another process speaks for it; its jobs are being ended.
    Superseded,
}

impl Worker {
    /// Read the settings.
    ///
    /// # Errors
    /// Where the CA or the token is of no use.
    pub fn new(settings: Settings, shims: &crate::shim::Shims) -> Result<Self, Problem> {
        let Settings { server, token, ca, root, labels } = settings;
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(POLL + SERVER)
            .user_agent(concat!("sortie-worker/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca {
            let roots = reqwest::Certificate::from_pem_bundle(&pem);
            let roots = roots.map_err(|error| Problem::new(ErrorCode::Usage, format!("the CA file holds no certificates: {error}")))?;
            http = http.tls_certs_only(roots);
        }
        let http = http.build().map_err(|error| Problem::new(ErrorCode::Failed, error.to_string()))?;
        let mut authorization = HeaderValue::from_bytes(&[b"Bearer ", token.expose()].concat())
            .map_err(|_| Problem::new(ErrorCode::Unauthorized, "the worker's token cannot stand in a header"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            http,
            base: server.as_str().trim_end_matches('/').to_owned(),
            authorization,
            local: LocalLauncher::new(shims),
            root,
            labels,
            instance: nonce(),
            held: Mutex::default(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Serve until the stop is set, or another process takes over. `ready` is told once the server knows us.
    ///
    /// # Errors
    /// What no repetition would mend: a token that is refused, labels that are not allowed, another machine's state root.
    pub async fn run(self, mut stop: watch::Receiver<bool>, ready: impl Fn(&Welcome)) -> Result<End, Problem> {
        let worker = Arc::new(self);
        let serving = async {
            let mut told = false;
            loop {
                let welcome = worker.come().await?;
                if !told {
                    ready(&welcome);
                    told = true;
                }
                match worker.serve(&welcome).await {
                    Served::Unknown => tracing::info!("the server does not know this process any more; coming anew"),
                    Served::Superseded => {
                        tracing::error!("another process speaks for this worker; the jobs of this state root are being ended");
                        if let Err(error) = lease::end(&worker.root_path()) {
                            tracing::error!(%error, "the lease could not be ended");
                        }
                        return Ok(End::Superseded);
                    }
                }
            }
        };
        tokio::select! {
            ended = serving => ended,
            _ = stop.wait_for(|stopped| *stopped) => Ok(End::Stopped),
        }
    }

    fn root_path(&self) -> PathBuf {
        PathBuf::from(self.root.as_str())
    }

    /// Say who we are, until the server is there to hear it.
    async fn come(&self) -> Result<Welcome, Problem> {
        let at = "this machine";
        let asked = self.local.ask_at(at, &self.root, None, Verb::Doctor { create_marker: true }).await;
        let facts = match asked {
            Ok(Reply::Doctor(facts)) => facts,
            Ok(other) => return Err(Problem::new(ErrorCode::HostFailed, format!("the shim answered doctor with {other:?}"))),
            Err(error) => return Err(Problem::new(ErrorCode::HostFailed, error.message)),
        };
        let hello = Hello { v: sortie_protocol::VERSION, instance: self.instance.clone(), labels: self.labels.clone(), facts };
        let mut tries = 0;
        loop {
            match self.post::<Welcome>("hello", &hello).await {
                Ok(welcome) => {
                    self.renew(welcome.lease_ms);
                    return Ok(welcome);
                }
                Err(Refused::Later(why)) => {
                    tries += 1;
                    tracing::warn!(why, tries, "the server cannot be reached; trying again");
                    wait(tries).await;
                }
                Err(Refused::Never(problem)) => return Err(problem),
                Err(Refused::Superseded) => return Err(Problem::new(ErrorCode::Conflict, "another process speaks for this worker")),
            }
        }
    }

    async fn serve(self: &Arc<Self>, welcome: &Welcome) -> Served {
        let mut tries = 0;
        loop {
            let held = self.held().iter().copied().collect();
            match self.post::<Questions>("poll", &Poll { fence: welcome.fence, held }).await {
                Ok(said) => {
                    tries = 0;
                    self.renew(said.lease_ms);
                    for question in said.questions {
                        self.take(question, welcome.fence).await;
                    }
                }
                Err(Refused::Superseded) => return Served::Superseded,
                Err(Refused::Never(problem)) => {
                    tracing::warn!(message = problem.message, "the poll was refused");
                    wait(1).await;
                    return Served::Unknown;
                }
                Err(Refused::Later(why)) => {
                    tries += 1;
                    tracing::warn!(why, tries, "the server cannot be reached; jobs go on until their lease runs out");
                    wait(tries).await;
                }
            }
        }
    }

    /// Work on a question beside the polling. Waits while there are too many.
    async fn take(self: &Arc<Self>, question: Question, fence: u64) {
        if !self.held().insert(question.id) {
            return;
        }
        let Ok(place) = Arc::clone(&self.at_once).acquire_owned().await else { return };
        let worker = Arc::clone(self);
        tokio::spawn(async move {
            let Question { id, marker, verb } = question;
            let outcome = match worker.local.ask_at("this machine", &worker.root, Some(marker), verb).await {
                Ok(reply) => Outcome::Answered(Box::new(reply)),
                Err(error) if error.sent == Sent::Nothing => Outcome::NotAsked(error.message),
                Err(error) => Outcome::Unknown(error.message),
            };
            drop(place);
            worker.bring(Answered { fence, id, outcome }).await;
            worker.held().remove(&id);
        });
    }

    /// Bring an answer. What cannot be brought is asked again by the server.
    async fn bring(&self, answer: Answered) {
        for tries in 1..=BRING_TRIES {
            match self.post::<Taken>("answer", &answer).await {
                Ok(taken) => return self.renew(taken.lease_ms),
                // The poll finds the same, and acts on it.
                Err(Refused::Superseded | Refused::Never(_)) => return,
                Err(Refused::Later(why)) => {
                    tracing::warn!(question = answer.id, why, tries, "an answer could not be brought");
                    wait(tries).await;
                }
            }
        }
    }

    fn renew(&self, lease_ms: u64) {
        if let Err(error) = lease::renew(&self.root_path(), Duration::from_millis(lease_ms)) {
            tracing::error!(%error, "the lease could not be renewed; jobs end when it runs out");
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post<T: DeserializeOwned>(&self, what: &str, body: &impl Serialize) -> Result<T, Refused> {
        let later = |error: &dyn std::fmt::Display| Refused::Later(error.to_string());
        let body = serde_json::to_vec(body).map_err(|error| Refused::Never(Problem::new(ErrorCode::Failed, error.to_string())))?;
        let request = self.http.post(format!("{}/v1/worker/{what}", self.base)).body(body);
        let request = request.header(AUTHORIZATION, self.authorization.clone()).header(CONTENT_TYPE, "application/json");
        let answer = request.send().await.map_err(|error| later(&error.without_url()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| later(&error.without_url()))?;
        let Some(read) = serde_json::from_str(&text).ok().map(|value| envelope::read(&value)) else {
            return Err(Refused::Later(format!("{status}, which is no answer of a Sortie server")));
        };
        match read {
            Ok(success) => serde_json::from_value(success.data).map_err(|error| later(&error)),
            Err(problem) if problem.code == ErrorCode::Conflict => Err(Refused::Superseded),
            Err(problem) if problem.code.is_retryable() => Err(Refused::Later(problem.message)),
            Err(problem) => Err(Refused::Never(problem)),
        }
    }
}

/// Why polling ended.
enum Served {
    /// The server wants to hear who we are.
    Unknown,
    /// Another process took over.
    Superseded,
}

/// Why a request was not taken.
enum Refused {
    /// It may be, later.
    Later(String),
    /// It never will.
    Never(Problem),
    /// Another process speaks for this worker.
    Superseded,
}

async fn wait(tries: u32) {
    let longest = RETRY.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(RETRY_CAP);
    tokio::time::sleep(pause(longest, 1)).await;
}
