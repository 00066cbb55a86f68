//! The supervisor's end: one thread that polls, never waits for anybody, and ends with its [`Door`].

use super::connection::{Connection, Read, State};
use super::copy::{Copy, Refused};
use super::wire::{Code, Reply, Request, Verb};
use super::{act, peer, socket};
use crate::asks::{self, Book, Question};
use crate::attempt::{Attempt, Child};
use crate::events::{self, EventLog};
use crate::limits::{ASK_LATE_MS, DOOR_BUFFER_BYTES, DOOR_CONNECTIONS, DOOR_IDLE_MS, DOOR_LOOK_MS, DOOR_WAITERS};
use crate::post::Bell;
use crate::{clock, spawn};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use sortie_protocol::ask::{Answered, Ask, AskAnswer};
use sortie_protocol::limits::{REPORT_BYTES, RESULT_DOCUMENT_BYTES};
use sortie_protocol::spec::Spec;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

/// An open door. Dropped, it is closed: after that no event of the job comes any more.
pub struct Door {
    /// Closed to end the thread.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Open the door of a job that runs.
    pub fn open(attempt: &Attempt, spec: &Spec, child: &Child, log: &EventLog, bell: Option<Bell>) -> io::Result<Self> {
        let listener = socket::listen(attempt)?;
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut server = Server {
            attempt: attempt.clone(),
            spec: spec.clone(),
            child: child.clone(),
            log: log.clone(),
            bell,
            book: Book::read(attempt),
            connections: Vec::new(),
            waited: BTreeSet::new(),
        };
        server.recover();
        let thread = std::thread::Builder::new().name("door".to_owned()).spawn(move || server.run(&listener, &stopped))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Server {
    attempt: Attempt,
    spec: Spec,
    child: Child,
    log: EventLog,
    bell: Option<Bell>,
    book: Book,
    connections: Vec<Connection>,
    /// Questions that somebody waited for at the last look.
    waited: BTreeSet<u64>,
}

impl Server {
    /// A predecessor may have died between a question and its place in the book.
    fn recover(&mut self) {
        let now = clock::mono_ms();
        let asked = events::read(&self.attempt).iter().filter_map(act::question).map(|(seq, _)| seq).collect::<Vec<_>>();
        let known = self.book.questions.len();
        for seq in asked {
            self.book.questions.entry(seq).or_insert(Question { opened_mono_ms: now, read: false, parked: false });
        }
        if self.book.questions.len() != known {
            self.write_book();
        }
    }

    fn write_book(&self) {
        if let Err(error) = self.book.write(&self.attempt) {
            self.attempt.log(&format!("asks.json cannot be written: {error}"));
        }
    }

    fn run(mut self, listener: &UnixListener, stopped: &OwnedFd) {
        loop {
            let mut fds = vec![PollFd::new(stopped, PollFlags::IN), PollFd::new(listener, PollFlags::IN)];
            if self.connections.len() >= DOOR_CONNECTIONS {
                fds.pop();
            }
            let first = fds.len();
            fds.extend(self.connections.iter().map(|connection| PollFd::new(&connection.stream, PollFlags::IN)));
            let _ = poll(&mut fds, self.pause().map(spawn::timespec).as_ref());
            if !fds[0].revents().is_empty() {
                return;
            }
            let ready: Vec<bool> = fds[first..].iter().map(|fd| !fd.revents().is_empty()).collect();
            let knocks = first > 1 && !fds[1].revents().is_empty();
            drop(fds);
            for (at, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                self.read(at);
            }
            if knocks {
                self.accept(listener);
            }
            self.turn();
        }
    }

    /// How long nothing may happen; without end where nothing is open.
    fn pause(&self) -> Option<u64> {
        if self.connections.iter().any(|connection| matches!(connection.state, State::Copying(_))) {
            return Some(0);
        }
        if !self.connections.is_empty() {
            return Some(DOOR_LOOK_MS);
        }
        let open = self.book.questions.keys().any(|seq| asks::answer(&self.attempt, *seq).is_none());
        open.then_some(DOOR_IDLE_MS)
    }

    fn accept(&mut self, listener: &UnixListener) {
        // Strangers who never end keep nobody else waiting.
        for _ in 0..DOOR_CONNECTIONS {
            if self.connections.len() >= DOOR_CONNECTIONS {
                return;
            }
            let Ok((stream, _)) = listener.accept() else { return };
            let of_job = peer::is_of_job(&stream, &self.attempt, &self.child);
            let Ok(mut connection) = Connection::new(stream) else { continue };
            if of_job {
                self.connections.push(connection);
            } else {
                connection.refuse(Code::NotAllowed, "only processes of the job are served here");
            }
        }
    }

    fn read(&mut self, at: usize) {
        let held: usize = self.connections.iter().map(Connection::held).sum();
        match self.connections[at].read(DOOR_BUFFER_BYTES.saturating_sub(held)) {
            Read::Nothing => {}
            Read::Heard(question) => {
                if let Some(known) = self.book.questions.get_mut(&question) {
                    known.read = true;
                    self.write_book();
                }
            }
            Read::Request(request) => {
                if let Err((code, message)) = self.act(at, request) {
                    self.connections[at].refuse(code, &message);
                }
            }
        }
    }

    fn act(&mut self, at: usize, request: Request) -> Result<(), Refused> {
        let done = match request.verb {
            Verb::Progress { document } => act::write(&self.attempt, "progress.json", &document, REPORT_BYTES),
            Verb::Checkpoint { document } => act::write(&self.attempt, "checkpoint.json", &document, REPORT_BYTES),
            Verb::Result { document } => act::write(&self.attempt, "document.json", &document, RESULT_DOCUMENT_BYTES as usize),
            Verb::Artifact { path, name } => {
                let copy = Copy::begin(&self.attempt, &self.spec, &path, name)?;
                self.connections[at].state = State::Copying(Box::new(copy));
                return Ok(());
            }
            Verb::Ask { ask, park_ms } => return self.ask(at, &ask, park_ms),
        };
        done?;
        self.connections[at].finish(&Reply::Done);
        Ok(())
    }

    fn ask(&mut self, at: usize, ask: &Ask, park_ms: Option<u64>) -> Result<(), Refused> {
        if self.connections.iter().filter_map(Connection::waits_for).count() >= DOOR_WAITERS {
            return Err((Code::Busy, format!("{DOOR_WAITERS} processes of the job wait for answers already")));
        }
        let question = act::ask(&self.attempt, &self.log, &mut self.book, ask)?;
        if self.connections[at].say(&Reply::Asked { question }) {
            let until = park_ms.map(|ms| clock::mono_ms().saturating_add(ms));
            self.connections[at].state = State::Waiting { question, until };
        }
        Ok(())
    }

    /// Everything that does not wait for bytes.
    fn turn(&mut self) {
        let now = clock::mono_ms();
        self.give_up(now);
        let mut parked = Vec::new();
        for connection in &mut self.connections {
            match &mut connection.state {
                State::Copying(copy) => {
                    if let Some(reply) = copy.step(&self.attempt) {
                        connection.finish(&reply);
                    }
                }
                State::Waiting { question, until } => {
                    let (question, until) = (*question, *until);
                    if let Some(kept) = asks::answer(&self.attempt, question) {
                        connection.tell(question, &kept.answer);
                    } else if until.is_some_and(|until| until <= now) {
                        parked.push(question);
                        connection.finish(&Reply::Pending { question });
                    }
                }
                _ => connection.expire(now),
            }
        }
        self.connections.retain(|connection| !connection.is_done());
        self.park(&parked);
        let waited: BTreeSet<u64> = self.connections.iter().filter_map(Connection::waits_for).collect();
        if waited != self.waited {
            if let Some(bell) = &self.bell {
                bell.asked(&waited);
            }
            self.waited = waited;
        }
    }

    fn park(&mut self, questions: &[u64]) {
        for seq in questions {
            if let Some(question) = self.book.questions.get_mut(seq) {
                question.parked = true;
            }
        }
        if !questions.is_empty() {
            self.write_book();
        }
    }

    /// Questions whose time is over, and the server has not said so: it cannot be heard. Silence is no consent.
    fn give_up(&self, now: u64) {
        let open = |seq: &&u64| asks::answer(&self.attempt, **seq).is_none();
        let oldest = self.book.questions.iter().filter(|(seq, _)| open(seq)).map(|(_, question)| question.opened_mono_ms).min();
        if oldest.is_none_or(|oldest| now.saturating_sub(oldest) < ASK_LATE_MS) {
            return;
        }
        for (seq, ask) in events::read(&self.attempt).iter().filter_map(act::question) {
            let Some(known) = self.book.questions.get(&seq).filter(|_| open(&&seq)) else { continue };
            if now.saturating_sub(known.opened_mono_ms) < ask.timeout_ms.saturating_add(ASK_LATE_MS) {
                continue;
            }
            let comment = Some("nobody answered in time, and the server could not be heard".to_owned());
            let answer = AskAnswer { answered: Answered::TimedOut, by: Vec::new(), comment };
            if let Err(error) = asks::keep(&self.attempt, seq, answer) {
                self.attempt.log(&format!("the end of question {seq} cannot be kept: {error}"));
            }
        }
    }
}
