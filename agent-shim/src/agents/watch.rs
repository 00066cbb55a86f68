//! Watching an agent from a thread of its own beside the supervisor: reads the stream, says how far it is, ends what lingers.

use super::classify::{self, Ending};
use super::limits::{LOOK_MS, PROGRESS_MS};
use super::report;
use super::session::{self, Start};
use super::stream::Reader;
use crate::attempt::{Attempt, Child, Stop};
use crate::limits::SWEEP_MS as SOON_MS;
use crate::{checkpoint, clock, files, output};
use sortie_protocol::agent::{AgentReport, AgentTask};
use sortie_protocol::spec::Spec;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Why a job was ended that had done its work and did not leave.
pub const LINGER: &str = "linger";

/// The thread, as the supervisor sees it.
pub struct Watched {
    attempt: Attempt,
    task: AgentTask,
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How the job of an agent came to its end.
#[derive(Clone, Debug, Default)]
pub struct Over {
    /// Exit code.
    pub code: Option<i32>,
    /// Signal.
    pub signal: Option<i32>,
    /// Why the shim ended it, where it did.
    pub stop: Option<String>,
    /// Why it could not be started.
    pub spawn_error: Option<String>,
}

impl Watched {
    /// Watch the agent of a job, where it has one.
    pub fn start(attempt: &Attempt, spec: &Spec, child: &Child) -> Option<Self> {
        let task = spec.agent.clone()?;
        let (over, ended) = channel();
        let mut watch = Watch::new(attempt, task.clone(), child.clone());
        let thread = std::thread::Builder::new().name("agent".to_owned()).spawn(move || watch.run(&ended));
        let thread = thread.map_err(|error| attempt.log(&format!("no thread to watch the agent: {error}"))).ok();
        Some(Self { attempt: attempt.clone(), task, over: Some(over), thread })
    }

    /// The job is over: read the rest, judge, and leave report and answer where the result finds them.
    pub fn finish(mut self, over: &Over) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let time_ms = match over.stop.as_deref() {
            None | Some(LINGER) => checkpoint::LAST_MS,
            Some(_) => checkpoint::STOPPED_MS,
        };
        // The records first: a checkpoint says what the session has used.
        conclude(&self.attempt, &self.task, over);
        if over.spawn_error.is_none() {
            last_checkpoint(&self.attempt, time_ms);
            conclude(&self.attempt, &self.task, over);
        }
    }
}

/// Waited for, but not for long; a stop cuts it short.
fn last_checkpoint(attempt: &Attempt, time_ms: u64) {
    let stopped = attempt.stop().is_some();
    let mut until = clock::mono_ms().saturating_add(time_ms);
    match next_checkpoint(attempt, time_ms) {
        Ok(mut helper) => {
            while !helper.is_over(SOON_MS) && clock::mono_ms() < until {
                if !stopped && attempt.stop().is_some() {
                    until = until.min(clock::mono_ms().saturating_add(checkpoint::STOPPED_MS));
                }
            }
        }
        Err(error) => attempt.log(&format!("the last checkpoint is not made: {error}")),
    }
}

/// Every try has a number of its own, whoever makes it.
fn next_checkpoint(attempt: &Attempt, time_ms: u64) -> std::io::Result<checkpoint::Helper> {
    let path = session::dir(attempt).join("number.json");
    let number = files::read_json::<u32>(&path).unwrap_or(0).saturating_add(1);
    make_dir(&session::dir(attempt)).and_then(|()| files::replace_json(&path, &number))?;
    checkpoint::Helper::start(attempt, number, time_ms)
}

/// Read what is left of a stream and judge. Doing it again gives the same.
pub fn conclude(attempt: &Attempt, task: &AgentTask, over: &Over) {
    let mut reader = Reader::new(task.kind, session::read(attempt));
    if let Err(error) = reader.look_to_the_end(attempt) {
        attempt.log(&format!("the agent's stream cannot be read: {error}"));
    }
    let start = session::started(attempt);
    write(attempt, task, &reader, start.as_ref());
    let stderr = output::tail(attempt, "stderr");
    let ending = Ending {
        code: over.code,
        signal: over.signal,
        stopped: over.stop.as_deref().is_some_and(|reason| reason != LINGER),
        parked: crate::asks::is_parked(attempt),
        stderr: &stderr,
        spawn_error: over.spawn_error.as_deref(),
    };
    let seen = &classify::with_last_words(task.kind, reader.seen(), &stderr);
    if let Some(document) = report::document(task, seen) {
        report::leave_document(attempt, &document);
    }
    let report = report::report(task, seen, start.as_ref(), &ending);
    report::keep(attempt, &AgentReport { checkpoint: checkpoint::last(attempt), ..report });
}

/// Remember what was read, and say how far it is.
fn write(attempt: &Attempt, task: &AgentTask, reader: &Reader, start: Option<&Start>) {
    let dir = session::dir(attempt);
    let progress = report::progress(task, reader.seen(), start);
    let written = make_dir(&dir)
        .and_then(|()| files::replace_json(&dir.join("read.json"), reader.read()))
        .and_then(|()| files::replace_json(&dir.join("progress.json"), &progress));
    if let Err(error) = written {
        attempt.log(&format!("what was read of the agent cannot be kept: {error}"));
    }
}

fn make_dir(dir: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// The file that goes with a report of the job, where an agent's progress does.
pub fn progress_file(attempt: &Attempt, report: &str) -> Option<PathBuf> {
    ["progress.json", checkpoint::RECORD].contains(&report).then(|| session::dir(attempt).join(report))
}

/// A number that changes whenever the transcript of the agent does: some work for long without a word on their stream.
pub fn visible(attempt: &Attempt) -> u64 {
    let transcript = session::standing(attempt).and_then(|standing| standing.transcript);
    transcript.and_then(|path| path.symlink_metadata().ok()).map_or(0, |meta| meta.len())
}

struct Watch {
    attempt: Attempt,
    task: AgentTask,
    child: Child,
    reader: Reader,
    start: Option<Start>,
    /// When its final event was read, by the monotonic clock.
    done_at: Option<u64>,
    written_at: u64,
    written: u64,
    /// When the next checkpoint is due, by the monotonic clock.
    due: u64,
    helper: Option<checkpoint::Helper>,
}

impl Watch {
    fn new(attempt: &Attempt, task: AgentTask, child: Child) -> Self {
        let reader = Reader::new(task.kind, session::read(attempt));
        let start = session::started(attempt);
        let due = clock::mono_ms().saturating_add(every(&task));
        Self { attempt: attempt.clone(), task, child, reader, start, done_at: None, written_at: 0, written: u64::MAX, due, helper: None }
    }

    fn run(&mut self, over: &Receiver<()>) {
        loop {
            // What cannot be read now is read at the next look, or at the end.
            let _ = self.reader.look(&self.attempt);
            self.say();
            self.end_what_lingers();
            self.keep_what_was_done();
            match over.recv_timeout(Duration::from_millis(LOOK_MS)) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
        }
    }

    fn say(&mut self) {
        let now = clock::mono_ms();
        let at = self.reader.read().offset;
        if at == self.written || now < self.written_at.saturating_add(PROGRESS_MS) {
            return;
        }
        if self.start.is_none() {
            self.start = session::started(&self.attempt);
        }
        write(&self.attempt, &self.task, &self.reader, self.start.as_ref());
        (self.written, self.written_at) = (at, now);
    }

    /// A checkpoint, where one is due and the one before is over.
    fn keep_what_was_done(&mut self) {
        if self.helper.as_mut().is_some_and(|helper| helper.is_over(0)) {
            self.helper = None;
        }
        let now = clock::mono_ms();
        if self.task.checkpoint_ms == 0 || self.helper.is_some() || now < self.due || !self.child.job.is_alive() {
            return;
        }
        self.due = now.saturating_add(every(&self.task));
        match next_checkpoint(&self.attempt, checkpoint::TIME_MS) {
            Ok(helper) => self.helper = Some(helper),
            Err(error) => self.attempt.log(&format!("no checkpoint is made: {error}")),
        }
    }

    /// Some agents never leave after their final event.
    fn end_what_lingers(&mut self) {
        if self.reader.seen().done.is_none() {
            self.done_at = None;
            return;
        }
        let now = clock::mono_ms();
        let since = *self.done_at.get_or_insert(now);
        let lingers = now.saturating_sub(since) >= self.task.linger_ms && self.child.job.is_alive();
        if lingers && self.attempt.stop().is_none() {
            if let Err(error) = self.attempt.write_stop(&Stop::now(LINGER, false)) {
                self.attempt.log(&format!("cannot record that the agent lingers: {error}"));
            }
            self.attempt.wake();
        }
    }
}

/// Between two checkpoints, in milliseconds.
fn every(task: &AgentTask) -> u64 {
    task.checkpoint_ms.max(checkpoint::LEAST_MS)
}
