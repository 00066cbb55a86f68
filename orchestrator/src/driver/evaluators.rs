//! A small pool of child processes that compile, check and evaluate flows. A hostile flow can end one; another is started.

use crate::limits;
use sortie_flow::bundle::Bundle;
use sortie_flow::check::CheckReport;
use sortie_flow::client::{Death, decode, encode};
use sortie_flow::evaluate::{EvaluateRequest, Evaluated};
use sortie_flow::worker::protocol::{Answer, Request};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

/// The hidden subcommand that serves evaluations.
pub const WORKER_COMMAND: &str = "flow-worker";

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Evaluators(Arc<Pool>);

struct Pool {
    program: PathBuf,
    places: Semaphore,
    idle: Mutex<Vec<Process>>,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// Why there is no answer. The caller may try again; the next process is a fresh one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The process died or was killed at its deadline.
    #[error("{0}")]
    Died(String),
    /// No process could be started, or it does not understand us.
    #[error("no evaluator: {0}")]
    Unavailable(String),
}

impl Evaluators {
    /// A pool of at most this many processes of this program. None is started before it is needed.
    #[must_use]
    pub fn new(program: PathBuf, places: usize) -> Self {
        Self(Arc::new(Pool { program, places: Semaphore::new(places), idle: Mutex::default() }))
    }

    /// Find what is wrong with a bundle.
    ///
    /// # Errors
    /// [`EvaluatorError`].
    pub async fn check(&self, bundle: &Bundle) -> Result<CheckReport, EvaluatorError> {
        match self.call(&Request::Check { bundle: bundle.clone() }).await? {
            Answer::Checked(report) => Ok(report),
            other => Err(strange(&other)),
        }
    }

    /// Evaluate; `bundle` is asked for only where a process has not seen its digest.
    ///
    /// # Errors
    /// [`EvaluatorError`].
    pub async fn evaluate(
        &self,
        request: EvaluateRequest,
        bundle: impl AsyncFnOnce() -> Result<Bundle, EvaluatorError>,
    ) -> Result<Evaluated, EvaluatorError> {
        let mut request = request;
        let first = self.call(&Request::Evaluate(request.clone())).await?;
        let answer = if first == Answer::NeedBundle {
            request.bundle = Some(bundle().await?);
            self.call(&Request::Evaluate(request)).await?
        } else {
            first
        };
        match answer {
            Answer::Evaluated(evaluated) => Ok(evaluated),
            other => Err(strange(&other)),
        }
    }

    async fn call(&self, request: &Request) -> Result<Answer, EvaluatorError> {
        let unavailable = |error: std::io::Error| EvaluatorError::Unavailable(error.to_string());
        let frame = encode(request).map_err(unavailable)?;
        let _place = self.0.places.acquire().await.map_err(|_| EvaluatorError::Unavailable("closing".to_owned()))?;
        let mut process = match self.idle_alive() {
            Some(process) => process,
            None => self.spawn().map_err(unavailable)?,
        };
        let exchanged = tokio::time::timeout(Duration::from_millis(limits::EVALUATION_MS), process.exchange(&frame)).await;
        match exchanged {
            Ok(Ok(answer)) => {
                self.0.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(process);
                Ok(answer)
            }
            Ok(Err(_)) => Err(EvaluatorError::Died(process.post_mortem().await)),
            Err(_) => {
                let _ = process.child.kill().await;
                Err(EvaluatorError::Died(format!("evaluating took longer than {} s and was ended", limits::EVALUATION_MS / 1_000)))
            }
        }
    }

    /// An idle process, unless it died while it had nothing to do: that is no fault of the next run.
    fn idle_alive(&self) -> Option<Process> {
        let mut idle = self.0.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while let Some(mut process) = idle.pop() {
            if matches!(process.child.try_wait(), Ok(None)) {
                return Some(process);
            }
        }
        None
    }

    fn spawn(&self) -> std::io::Result<Process> {
        let mut child = Command::new(&self.0.program)
            .arg(WORKER_COMMAND)
            .env_clear()
            .env("RUST_LIB_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("a pipe is missing");
        let (input, output) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
        Ok(Process { child, input, output })
    }
}

impl Process {
    async fn exchange(&mut self, frame: &[u8]) -> std::io::Result<Answer> {
        self.input.write_all(frame).await?;
        self.input.flush().await?;
        let length = self.output.read_u32_le().await? as usize;
        if length > limits::EVALUATION_BYTES {
            return Err(std::io::Error::other("the answer is over the limit"));
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).await?;
        decode(&body)
    }

    /// How a process that broke its pipe ended.
    async fn post_mortem(mut self) -> String {
        let ended = tokio::time::timeout(Duration::from_millis(limits::STORE_RETRY_MS), self.child.wait()).await;
        let status = ended.ok().and_then(Result::ok);
        let _ = self.child.kill().await;
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // It is dead: what it wrote is in the pipe, and the pipe is closed.
            let _ = stderr.take(limits::EVALUATOR_STDERR_BYTES).read_to_end(&mut said).await;
        }
        Death::of(status, &String::from_utf8_lossy(&said)).hint
    }
}

fn strange(answer: &Answer) -> EvaluatorError {
    let message = match answer {
        Answer::BadRequest { message } => message.clone(),
        _ => "it answered another question".to_owned(),
    };
    EvaluatorError::Unavailable(message)
}
