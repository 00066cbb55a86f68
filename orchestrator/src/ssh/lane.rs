//! The way to one host: a bounded queue of questions, at most [`SESSIONS`] sessions that take them, one connection under them.
//!
//! Questions that wait at the same time share sessions: a session asks one after the other until the queue is empty, so a
//! burst of launches costs a few execs. A session that breaks fails only the question it had written; the others stay queued.

use super::connection::{Connection, Dialer};
use super::fault::{nothing, perhaps};
use super::limits::{QUEUE, QUEUE_BYTES, SESSIONS};
use super::session::Question;
use super::target::Target;
use crate::launcher::AskError;
use crate::shim::{Shim, Shims};
use sortie_core::failure::FailureKind;
use sortie_protocol::verb::Reply;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// What came of a question.
pub type Outcome = Result<Reply, AskError>;

/// A question and the one who waits for its answer.
pub(super) struct Job {
    pub(super) question: Question,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What changes, under one short lock.
#[derive(Default)]
pub(super) struct State {
    queue: VecDeque<Job>,
    queued_bytes: usize,
    /// Workers there are, in whatever state.
    pub(super) workers: usize,
    /// Workers whose session is started.
    pub(super) serving: usize,
    /// Workers that wait for a question, or will soon take one.
    pub(super) ready: usize,
    /// Sessions that this connection is known to allow; [`SESSIONS`] until the server said no.
    pub(super) allowed: Option<usize>,
}

impl State {
    /// Whether one more worker would be of use; if so, it is counted.
    pub(super) fn wants_worker(&mut self) -> bool {
        let wanted = self.queue.len() > self.ready && self.workers < self.allowed.unwrap_or(SESSIONS);
        if wanted {
            self.workers += 1;
            self.ready += 1;
        }
        wanted
    }
}

/// The way to one host.
pub struct Lane {
    pub(super) target: Target,
    pub(super) dialer: Arc<Dialer>,
    pub(super) shims: Shims,
    state: Mutex<State>,
    /// One permit for each question put into the queue.
    pub(super) wake: Notify,
    pub(super) connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Digests of shims verified on this host by this process. Its lock is held over an upload: there is one at a time.
    pub(super) installed: tokio::sync::Mutex<HashSet<String>>,
    /// The shim for the host's machine type, once known.
    pub(super) shim: Mutex<Arc<Shim>>,
}

impl Lane {
    /// A lane without a connection.
    #[must_use]
    pub fn new(target: Target, dialer: Arc<Dialer>, shims: Shims) -> Self {
        let shim = Mutex::new(Arc::clone(target.arch.and_then(|arch| shims.choose(arch)).unwrap_or_else(|| shims.first())));
        let (connection, installed) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        Self { target, dialer, shims, state: Mutex::default(), wake: Notify::new(), connection, installed, shim }
    }

    /// Ask. Returns an answer, or a failure in bounded time.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(self: &Arc<Self>, question: Question) -> Outcome {
        let (answer, mut answered) = oneshot::channel();
        let id = question.id;
        self.put(Job { question, answer })?;
        let lost = || Err(perhaps(format!("{}: the session was lost", self.target.at)));
        match tokio::time::timeout(self.dialer.limits.queued, &mut answered).await {
            Ok(outcome) => outcome.unwrap_or_else(|_| lost()),
            Err(_) if self.take_back(id) => {
                let message =
                    format!("{}: the question waited {} s for a free session", self.target.at, self.dialer.limits.queued.as_secs());
                Err(nothing(FailureKind::Unreachable, message))
            }
            // It was written; its session has a limit of its own.
            Err(_) => answered.await.unwrap_or_else(|_| lost()),
        }
    }

    fn put(self: &Arc<Self>, job: Job) -> Result<(), AskError> {
        let mut state = self.state();
        let bytes = job.question.payload.len();
        if state.queue.len() >= QUEUE || state.queued_bytes.saturating_add(bytes) > QUEUE_BYTES {
            return Err(nothing(FailureKind::Unreachable, format!("{}: too many questions wait for this host already", self.target.at)));
        }
        state.queued_bytes += bytes;
        state.queue.push_back(job);
        let wanted = state.wants_worker();
        drop(state);
        if wanted {
            self.hire();
        }
        self.wake.notify_one();
        Ok(())
    }

    fn take_back(&self, id: u64) -> bool {
        let mut state = self.state();
        let found = state.queue.iter().position(|job| job.question.id == id).and_then(|at| state.queue.remove(at));
        if let Some(job) = &found {
            state.queued_bytes -= job.question.payload.len();
        }
        found.is_some()
    }

    /// The next question that somebody still waits for; the worker that takes it is no longer ready.
    pub(super) fn take_next(&self) -> Option<Job> {
        let mut state = self.state();
        while let Some(job) = state.queue.pop_front() {
            state.queued_bytes -= job.question.payload.len();
            if !job.answer.is_closed() {
                state.ready -= 1;
                return Some(job);
            }
        }
        None
    }

    /// A question that was not written goes back to the head of the queue.
    pub(super) fn put_back(&self, job: Job) {
        let mut state = self.state();
        state.queued_bytes += job.question.payload.len();
        state.queue.push_front(job);
    }

    /// Nobody can reach the host now: everyone who waits is told why, nothing having been sent.
    pub(super) fn fail_all(&self, error: &AskError) {
        let jobs = {
            let mut state = self.state();
            state.queued_bytes = 0;
            std::mem::take(&mut state.queue)
        };
        for job in jobs {
            let _nobody_waits_any_more = job.answer.send(Err(error.clone()));
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_queue_empty(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Whether nothing goes on here, so that the lane can be forgotten.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.state().workers == 0
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
