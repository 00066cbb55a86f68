//! The questions that wait for a worker, on the server. In memory: every question is asked again by the work that asked it.

use super::limits::{ANSWER, AWAY, BATCH_BYTES, LEASE, POLL, QUEUE};
use super::protocol::{Outcome, Question, Questions};
use crate::launcher::{AskError, Asking, Launcher, Sent};
use sortie_core::failure::FailureKind;
use sortie_core::host::Host;
use sortie_protocol::verb::{Refusal, Reply, Verb};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// A question, and the one who waits for its answer.
struct Waiting {
    question: Question,
    bytes: usize,
    /// Whether a worker may have seen it.
    handed: bool,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Mailbox {
    /// By number, so oldest first.
    waiting: BTreeMap<u64, Waiting>,
    /// The process that polls, and when it last did.
    seen: Option<(u64, Instant)>,
    /// Something came, or another process did.
    news: Arc<Notify>,
}

#[derive(Default)]
struct All {
    next: u64,
    boxes: HashMap<String, Mailbox>,
}

/// How long is waited for what; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// [`POLL`].
    pub poll: Duration,
    /// [`AWAY`].
    pub away: Duration,
    /// [`ANSWER`].
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { poll: POLL, away: AWAY, answer: ANSWER }
    }
}

/// The mailboxes of all workers: the launcher of hosts that are workers.
#[derive(Default)]
pub struct Mailboxes {
    all: Mutex<All>,
    patience: Patience,
}

/// A poll of a process that another one has taken over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another process speaks for this worker; end the jobs of this one")]
pub struct Superseded;

impl Mailboxes {
    /// With other times.
    #[must_use]
    pub fn with(patience: Patience) -> Self {
        Self { all: Mutex::default(), patience }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago a process of this worker was last here, where one was since the server started.
    #[must_use]
    pub fn seen(&self, name: &str) -> Option<Duration> {
        self.all().boxes.get(name)?.seen.map(|(_, at)| at.elapsed())
    }

    /// A process speaks for the worker from now on. What another one was handed is asked again of this one: it is the same
    /// state root, and every question can be asked again.
    pub fn hello(&self, name: &str, fence: u64) {
        let mut all = self.all();
        let mailbox = all.boxes.entry(name.to_owned()).or_default();
        mailbox.seen = Some((fence, Instant::now()));
        mailbox.news.notify_waiters();
    }

    /// What there is to do; waits for something for [`Patience::poll`]. `held` is what the worker has and works on.
    ///
    /// # Errors
    /// [`Superseded`].
    pub async fn poll(&self, name: &str, fence: u64, held: &[u64]) -> Result<Questions, Superseded> {
        let deadline = tokio::time::Instant::now() + self.patience.poll;
        loop {
            let news = {
                let mut all = self.all();
                let mailbox = all.boxes.entry(name.to_owned()).or_default();
                mailbox.come(fence)?;
                let questions = mailbox.hand_out(held);
                if !questions.is_empty() {
                    return Ok(Questions { questions, lease_ms: lease_ms() });
                }
                Arc::clone(&mailbox.news).notified_owned()
            };
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                self.all().boxes.entry(name.to_owned()).or_default().come(fence)?;
                return Ok(Questions { questions: Vec::new(), lease_ms: lease_ms() });
            }
        }
    }

    /// An answer came. One that nobody waits for any more is dropped.
    ///
    /// # Errors
    /// [`Superseded`].
    pub fn answered(&self, name: &str, fence: u64, id: u64, outcome: Outcome) -> Result<(), Superseded> {
        let mut all = self.all();
        let mailbox = all.boxes.entry(name.to_owned()).or_default();
        mailbox.come(fence)?;
        if let Some(waiting) = mailbox.waiting.remove(&id) {
            let _nobody_waits_any_more = waiting.answer.send(outcome);
        }
        Ok(())
    }

    fn put(&self, host: &Host, verb: Verb) -> Result<(u64, oneshot::Receiver<Outcome>), AskError> {
        let away = |message: String| AskError { kind: FailureKind::Unreachable, sent: Sent::Nothing, message };
        let bytes = serde_json::to_vec(&verb).map_or(0, |json| json.len());
        let mut all = self.all();
        all.next += 1;
        let id = all.next;
        let mailbox = all.boxes.entry(host.name.clone()).or_default();
        match mailbox.seen {
            None => return Err(away(format!("the worker {} has not come since the server started", host.name))),
            Some((_, at)) if at.elapsed() > self.patience.away => {
                return Err(away(format!("the worker {} last came {} s ago", host.name, at.elapsed().as_secs())));
            }
            Some(_) if mailbox.waiting.len() >= QUEUE => {
                return Err(away(format!("{QUEUE} questions wait for the worker {} already", host.name)));
            }
            Some(_) => {}
        }
        let (answer, answered) = oneshot::channel();
        let question = Question { id, marker: host.marker.clone(), verb };
        mailbox.waiting.insert(id, Waiting { question, bytes, handed: false, answer });
        mailbox.news.notify_waiters();
        Ok((id, answered))
    }

    /// Nobody waits for it any more; whether a worker may have seen it.
    fn take_back(&self, name: &str, id: u64) -> bool {
        let mut all = self.all();
        let waiting = all.boxes.get_mut(name).and_then(|mailbox| mailbox.waiting.remove(&id));
        waiting.is_none_or(|waiting| waiting.handed)
    }
}

impl Mailbox {
    fn come(&mut self, fence: u64) -> Result<(), Superseded> {
        if self.seen.is_some_and(|(newest, _)| newest > fence) {
            return Err(Superseded);
        }
        self.seen = Some((fence, Instant::now()));
        Ok(())
    }

    fn hand_out(&mut self, held: &[u64]) -> Vec<Question> {
        let (mut out, mut bytes) = (Vec::new(), 0_usize);
        self.waiting.retain(|_, waiting| !waiting.answer.is_closed());
        for waiting in self.waiting.values_mut().filter(|waiting| !held.contains(&waiting.question.id)) {
            bytes = bytes.saturating_add(waiting.bytes);
            if bytes > BATCH_BYTES && !out.is_empty() {
                break;
            }
            waiting.handed = true;
            out.push(waiting.question.clone());
        }
        out
    }
}

impl Launcher for Mailboxes {
    fn ask<'a>(&'a self, host: &'a Host, verb: Verb) -> Asking<'a> {
        Box::pin(async move {
            let patience = match &verb {
                Verb::Cancel { wait_ms, .. } => Duration::from_millis(*wait_ms),
                _ => Duration::ZERO,
            };
            let (id, answered) = self.put(host, verb)?;
            let outcome = tokio::time::timeout(self.patience.answer + patience, answered).await;
            let failed = |sent, message| Err(AskError { kind: FailureKind::Unreachable, sent, message });
            match outcome {
                Ok(Ok(Outcome::Answered(reply))) => match *reply {
                    Reply::Refused { refusal: Refusal::WrongMachine, message } => {
                        let message = format!("{}: the state root has another marker: {message}", host.name);
                        Err(AskError { kind: FailureKind::WrongMachine, sent: Sent::Nothing, message })
                    }
                    reply => Ok(reply),
                },
                Ok(Ok(Outcome::NotAsked(why))) => {
                    Err(AskError { kind: FailureKind::Refused, sent: Sent::Nothing, message: format!("worker {}: {why}", host.name) })
                }
                Ok(Ok(Outcome::Unknown(why))) => failed(Sent::Perhaps, format!("worker {}: {why}", host.name)),
                Ok(Err(_)) => failed(Sent::Perhaps, format!("worker {}: the question was lost", host.name)),
                Err(_) if self.take_back(&host.name, id) => {
                    failed(Sent::Perhaps, format!("the worker {} fetched the question and gave no answer", host.name))
                }
                Err(_) => failed(Sent::Nothing, format!("the worker {} did not come for the question", host.name)),
            }
        })
    }
}

fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::host::LauncherKind;

    fn host() -> Host {
        Host { name: "far".to_owned(), marker: "m".to_owned(), launcher: LauncherKind::Worker, ..Host::default() }
    }

    fn hasty() -> Mailboxes {
        Mailboxes::with(Patience { poll: Duration::from_millis(20), answer: Duration::from_millis(60), ..Patience::default() })
    }

    fn status() -> Verb {
        Verb::Status { attempts: vec!["att_x".to_owned()], seal: false }
    }

    #[tokio::test]
    async fn without_a_worker_nothing_is_sent_and_it_is_said_at_once() {
        let boxes = Mailboxes::default();
        let error = boxes.ask(&host(), status()).await.unwrap_err();
        assert_eq!((error.sent, error.kind), (Sent::Nothing, FailureKind::Unreachable));
    }

    #[tokio::test]
    async fn a_question_is_fetched_answered_and_handed_out_again_until_it_is_held() {
        let patience = Patience { poll: Duration::from_millis(20), ..Patience::default() };
        let boxes = Arc::new(Mailboxes::with(patience));
        boxes.hello("far", 1);
        let asking = tokio::spawn({
            let boxes = Arc::clone(&boxes);
            async move { boxes.ask(&host(), status()).await }
        });
        let first = loop {
            let questions = boxes.poll("far", 1, &[]).await.unwrap().questions;
            if !questions.is_empty() {
                break questions;
            }
        };
        let again = boxes.poll("far", 1, &[]).await.unwrap().questions;
        assert_eq!((first.len(), first[0].id), (1, again[0].id), "its answer may have been lost on the way");
        assert!(boxes.poll("far", 1, &[first[0].id]).await.unwrap().questions.is_empty());
        boxes.answered("far", 1, first[0].id, Outcome::Answered(Box::new(Reply::Status(Vec::new())))).unwrap();
        assert!(matches!(asking.await.unwrap(), Ok(Reply::Status(views)) if views.is_empty()));
        boxes.answered("far", 1, first[0].id, Outcome::NotAsked("late".to_owned())).unwrap();
    }

    #[tokio::test]
    async fn an_older_process_gets_nothing_and_is_told() {
        let boxes = Mailboxes::default();
        boxes.hello("far", 2);
        assert_eq!(boxes.poll("far", 1, &[]).await.unwrap_err(), Superseded);
        assert_eq!(boxes.answered("far", 1, 1, Outcome::NotAsked(String::new())), Err(Superseded));
    }

    #[tokio::test]
    async fn a_fetched_question_without_an_answer_is_unknown_and_one_never_fetched_was_not_sent() {
        let boxes = Arc::new(hasty());
        boxes.hello("far", 1);
        let never_fetched = boxes.ask(&host(), status()).await.unwrap_err();
        assert_eq!(never_fetched.sent, Sent::Nothing);
        boxes.hello("far", 1);
        let asking = tokio::spawn({
            let boxes = Arc::clone(&boxes);
            async move { boxes.ask(&host(), status()).await }
        });
        while boxes.poll("far", 1, &[]).await.unwrap().questions.is_empty() {}
        assert_eq!(asking.await.unwrap().unwrap_err().sent, Sent::Perhaps);
    }
}
