//! Posting: one thread, one request at a time: the result before anything older, that before heartbeats and reports, output last,
//! until a receipt is read or for 30 days. A result waits for one chunk of output at most, and output goes on after it.
//!
//! The event log is the outbox. Heartbeats and the job's reports are posted from here and never spooled.

pub mod answer;
mod asks;
pub mod backoff;
pub mod heard;
pub mod http;
mod roots;

use crate::attempt::{Attempt, Child, Stop};
use crate::events::{self, Event};
use crate::limits::REPORT_LOOK_MS;
use crate::logs::{self, Due, Ears, Shipper, Waker};
use crate::reports::{REPORTS, Reports};
use crate::sign::ProofKey;
use crate::supervise::pulse::Pulse;
use crate::{clock, failpoint, output};
use answer::Verdict;
use backoff::Backoff;
use heard::Noted;
use rustix::event::{PollFd, PollFlags, poll};
use sortie_protocol::VERSION;
use sortie_protocol::callback::{CallbackBody, CallbackKind};
use sortie_protocol::limits::{CALLBACK_BYTES, LOG_AFTER_MS, POST_FOR_MS};
use sortie_protocol::log::Stream;
use sortie_protocol::spec::Spec;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The posting thread, as the supervisor sees it.
pub struct Poster {
    shared: Arc<Shared>,
    attempt: Attempt,
}

struct Shared {
    news: Mutex<News>,
    waker: Waker,
}

#[derive(Default)]
struct News {
    /// The log has grown.
    log: bool,
    /// The thread has delivered the result, and ships what is left of the output.
    settled: bool,
    /// The thread is done.
    delivered: bool,
    /// Questions whose answers somebody on this machine waits for.
    waited: BTreeSet<u64>,
}

impl Shared {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the posting thread of news.
#[derive(Clone)]
pub struct Bell(Arc<Shared>);

impl Bell {
    /// The log has grown, or somebody else waits: these are the questions whose answers are waited for now.
    pub fn asked(&self, waited: &BTreeSet<u64>) {
        let mut news = self.0.news();
        news.waited.clone_from(waited);
        news.log = true;
        self.0.waker.ring();
    }
}

impl Poster {
    /// Start the thread. With a child that runs or ran on this boot there are heartbeats and reports to post.
    pub fn start(attempt: &Attempt, spec: &Spec, instance: &str, child: Option<&Child>) -> io::Result<Self> {
        let shared = Arc::new(Shared { news: Mutex::default(), waker: Waker::new()? });
        let shipper = shipper(attempt);
        let ears = child.filter(|_| shipper.is_some()).map(|_| Ears::of(attempt));
        let thread = Thread {
            attempt: attempt.clone(),
            shared: shared.clone(),
            client: http::Client::default(),
            instance: instance.to_owned(),
            heartbeat_ms: spec.heartbeat_ms,
            next_heartbeat: clock::mono_ms().saturating_add(spec.heartbeat_ms),
            pulse: Pulse::new(attempt),
            child: child.cloned(),
            last_seq: 0,
            reports: Reports::default(),
            next_look: 0,
            reachable: true,
            heard: Noted::default(),
            failure: None,
            never: BTreeSet::new(),
            credentials: stamp(attempt),
            asking: asks::Asking::default(),
            backoff: Backoff::default(),
            shipper,
            ears,
        };
        std::thread::Builder::new().name("post".to_owned()).spawn(move || thread.run())?;
        Ok(Self { shared, attempt: attempt.clone() })
    }

    /// A bell for another thread.
    pub fn bell(&self) -> Bell {
        Bell(self.shared.clone())
    }

    /// The log has grown, or something else in the attempt's directory has changed.
    pub fn news(&self) {
        self.shared.news().log = true;
        self.shared.waker.ring();
    }

    /// Until the result is delivered over HTTP and the output after it, acknowledged over SSH, too old to push, or removed with
    /// its state root.
    pub fn until_delivered(&self, wake: &OwnedFd) -> io::Result<()> {
        let until = clock::mono_ms().saturating_add(POST_FOR_MS);
        let wanted = || {
            // Not at once: the acknowledgement is written after the thread has said so.
            let acked = self.attempt.acked().is_some();
            let news = self.shared.news();
            !news.delivered && (news.settled || !acked)
        };
        let open = || wanted() && self.attempt.dir().exists();
        while open() && clock::mono_ms() < until {
            let mut fds = [PollFd::new(wake, PollFlags::IN)];
            // A minute: only the 30 days and a state root that goes are waited for here, everything else wakes us.
            let _ = poll(&mut fds, Some(&crate::spawn::timespec(60_000)));
            if crate::supervise::drain(wake) {
                self.news();
            }
        }
        Ok(())
    }
}

struct Thread {
    attempt: Attempt,
    shared: Arc<Shared>,
    client: http::Client,
    instance: String,
    heartbeat_ms: u64,
    next_heartbeat: u64,
    pulse: Pulse,
    child: Option<Child>,
    /// Number of the last post that is not in the log.
    last_seq: u64,
    reports: Reports,
    next_look: u64,
    /// Whether the last try got any answer at all.
    reachable: bool,
    heard: Noted,
    /// What the last try failed with, where it got no answer.
    failure: Option<String>,
    /// Events that are not posted any more: too large, left to `collect`.
    never: BTreeSet<u64>,
    /// Which credentials it posts with.
    credentials: Option<u64>,
    /// Questions that wait for their answers.
    asking: asks::Asking,
    backoff: Backoff,
    /// Where the output goes, if it does.
    shipper: Option<Shipper>,
    /// Hears of output.
    ears: Option<Ears>,
}

/// Ships output from its beginning, where there is somewhere to ship it to; the server says at once where it stands.
fn shipper(attempt: &Attempt) -> Option<Shipper> {
    attempt.credentials().is_ok_and(|credentials| credentials.logs_url.is_some()).then(Shipper::default)
}

/// Tells credentials from those that replace them: they are written beside and renamed.
fn stamp(attempt: &Attempt) -> Option<u64> {
    attempt.file("credentials.json").symlink_metadata().ok().map(|meta| std::os::unix::fs::MetadataExt::ino(&meta))
}

/// What the thread does next.
enum Next {
    Post(Event),
    /// A heartbeat is due; posted unless something else tries in vain already.
    Beat {
        post: bool,
    },
    /// A look at what the job reports.
    Look,
    /// A chunk of output.
    Ship(Stream),
    /// Wait so long, listening for output too where asked.
    Wait(u64, bool),
}

impl Thread {
    fn run(mut self) {
        let mut log = events::read(&self.attempt);
        let mut delivered = events::delivered(&self.attempt);
        loop {
            let waited = self.shared.news().waited.clone();
            self.asking.waited(&waited);
            match self.next(&log, &delivered) {
                Next::Post(event) => {
                    if self.post(&event) {
                        if event.kind == CallbackKind::Result {
                            self.settle(event.seq);
                            self.ship_rest();
                            return self.finish();
                        }
                        if delivered.insert(event.seq) {
                            events::mark_delivered(&self.attempt, event.seq);
                        }
                    }
                }
                Next::Beat { post } => self.beat(post),
                Next::Look => self.look(),
                Next::Ship(stream) => self.ship(stream, events::result(&log).is_some()),
                Next::Wait(ms, listen) => {
                    if !self.shared.news().log {
                        self.shared.waker.wait(self.ears.as_ref().filter(|_| listen), ms);
                    }
                    self.shared.news().log = false;
                }
            }
            let credentials = stamp(&self.attempt);
            if credentials != self.credentials {
                // Others were brought: what the old ones have earned is over.
                self.credentials = credentials;
                self.shipper = shipper(&self.attempt);
                self.backoff.now();
            }
            let grown = events::read(&self.attempt);
            if events::result(&grown).is_some() && events::result(&log).is_none() {
                // The result does not wait for what older events have earned.
                self.backoff.now();
            }
            log = grown;
        }
    }

    /// The result first, then the oldest; a heartbeat when due, unless the server cannot be reached anyway.
    fn next(&mut self, log: &[Event], delivered: &BTreeSet<u64>) -> Next {
        let now = clock::mono_ms();
        let open = |event: &&Event| !delivered.contains(&event.seq) && !self.never.contains(&event.seq);
        let result = events::result(log);
        let waiting = result.filter(open).or_else(|| log.iter().find(open));
        if let Some(event) = waiting
            && self.backoff.is_due(now)
        {
            return Next::Post(event.clone());
        }
        let beats = self.heartbeat_ms > 0 && result.is_none();
        if beats && self.next_heartbeat <= now {
            return Next::Beat { post: waiting.is_none() || self.reachable };
        }
        let ask = match self.asking.next(&self.attempt, log, delivered) {
            // Nobody is left to be told.
            _ if result.is_some() => u64::MAX,
            Ok(event) if self.backoff.is_due(now) => return Next::Post(event.clone()),
            Ok(_) => self.backoff.due().saturating_sub(now),
            Err(wait) => wait,
        };
        let looks = result.is_none() && self.child.is_some();
        if looks && self.next_look <= now {
            return Next::Look;
        }
        let output = self.output(now, result.is_some());
        if let Due::Now(stream) = output {
            return Next::Ship(stream);
        }
        let ship = if let Due::In(ms) = output { ms } else { u64::MAX };
        let look = if looks { self.next_look.saturating_sub(now) } else { u64::MAX };
        let post = if waiting.is_some() { self.backoff.due().saturating_sub(now) } else { u64::MAX };
        let beat = if beats { self.next_heartbeat.saturating_sub(now) } else { u64::MAX };
        // An hour at most: the clocks of a suspended machine.
        Next::Wait(post.min(beat).min(look).min(ship).min(ask).clamp(1, 3_600_000), output == Due::Listen)
    }

    /// What is to be done about output.
    fn output(&mut self, now: u64, closed: bool) -> Due {
        let written = Stream::ALL.map(|stream| output::written(&self.attempt, stream.as_str()));
        self.shipper.as_mut().map_or(Due::Over, |shipper| shipper.due(now, written, closed))
    }

    /// Send one chunk of it.
    fn ship(&mut self, stream: Stream, closed: bool) {
        if !closed {
            // Woken by output: sooner than the supervisor looks.
            logs::keep_small(&self.attempt);
        }
        let Some(shipper) = self.shipper.as_mut() else { return };
        match self.attempt.credentials() {
            Ok(credentials) => shipper.step(stream, closed, &mut self.client, &self.attempt, &credentials),
            Err(error) => {
                self.attempt.log(&format!("output is shipped no more: the credentials cannot be read: {error}"));
                self.shipper = None;
            }
        }
    }

    /// What is left of the output after the result.
    fn ship_rest(&mut self) {
        let until = clock::mono_ms().saturating_add(LOG_AFTER_MS);
        loop {
            let now = clock::mono_ms();
            if now >= until || !self.attempt.dir().exists() {
                return self.attempt.log("the server has not taken all output; it can ask for it");
            }
            match self.output(now, true) {
                Due::Now(stream) => self.ship(stream, true),
                Due::In(ms) => self.shared.waker.wait(None, ms.min(until - now)),
                Due::Listen | Due::Over => return,
            }
        }
    }

    /// Whether it is delivered now.
    fn post(&mut self, event: &Event) -> bool {
        if event.body.len() > CALLBACK_BYTES {
            self.attempt.log(&format!("event {} is too large to be posted and waits to be collected", event.seq));
            self.never.insert(event.seq);
            return false;
        }
        match self.send(event.kind, event.seq, &event.body) {
            Verdict::Delivered { answer, .. } => {
                self.backoff.delivered();
                if event.kind == CallbackKind::Ask {
                    self.asking.posted(&self.attempt, event.seq, answer);
                }
                true
            }
            Verdict::Keep(pace) => {
                self.backoff.failed(clock::mono_ms(), pace);
                false
            }
        }
    }

    /// Made whether or not it is posted: a host that is collected from shows it.
    fn beat(&mut self, post: bool) {
        self.next_heartbeat = clock::mono_ms().saturating_add(self.heartbeat_ms);
        let Some(child) = &self.child else { return };
        let beat = self.pulse.beat(&self.attempt, child);
        if post && let Ok(data) = serde_json::to_value(beat) {
            self.say(CallbackKind::Heartbeat, data);
        }
    }

    /// Post what the job has reported since the last look. What could not be posted is there at the next look, or newer.
    fn look(&mut self) {
        self.next_look = clock::mono_ms().saturating_add(REPORT_LOOK_MS);
        while let Some((index, stamp, data)) = self.reports.next(&self.attempt) {
            match self.say(REPORTS[index].0, data) {
                Some(Verdict::Delivered { .. }) => self.reports.sent(index, stamp),
                _ => {
                    let pause = if self.reachable { REPORT_LOOK_MS } else { self.heartbeat_ms };
                    self.next_look = clock::mono_ms().saturating_add(pause.max(REPORT_LOOK_MS));
                    return;
                }
            }
        }
    }

    /// A post that is not in the log.
    fn say(&mut self, kind: CallbackKind, data: serde_json::Value) -> Option<Verdict> {
        // Milliseconds since the start: grows over supervisors that know nothing of each other.
        let started = self.child.as_ref().map_or(0, |child| child.started_mono_ms);
        let seq = clock::mono_ms().saturating_sub(started).max(self.last_seq + 1);
        self.last_seq = seq;
        let (attempt, instance) = (self.attempt.id().as_str().to_owned(), self.instance.clone());
        let body = CallbackBody { v: VERSION, attempt, kind, seq, at_ms: clock::wall_ms(), instance, data };
        Some(self.send(kind, seq, &serde_json::to_string(&body).ok()?))
    }

    /// Sign and post. A receipt that asks for the job's end is obeyed, whatever it was for.
    fn send(&mut self, kind: CallbackKind, seq: u64, body: &str) -> Verdict {
        let verdict = self.try_send(kind, seq, body);
        self.heard.note(&self.attempt, &verdict, self.failure.take());
        let reachable = !matches!(verdict, Verdict::Keep(answer::Pace::Unreachable | answer::Pace::Never));
        if reachable
            && !self.reachable
            && let Some(shipper) = self.shipper.as_mut()
        {
            shipper.reached();
        }
        self.reachable = reachable;
        if let Verdict::Delivered { stop: Some(reason), .. } = &verdict {
            if let Err(error) = self.attempt.write_stop(&Stop::now(reason, false)) {
                self.attempt.log(&format!("cannot record that the job is to be ended: {error}"));
            }
            self.attempt.wake();
        }
        verdict
    }

    fn try_send(&mut self, kind: CallbackKind, seq: u64, body: &str) -> Verdict {
        // Read anew each time: they may have been replaced.
        let credentials = match self.attempt.credentials() {
            Ok(credentials) => credentials,
            Err(error) => return self.kept(answer::Pace::Unreachable, &format!("the credentials cannot be read: {error}")),
        };
        let Some(key) = ProofKey::parse(&credentials.proof_secret) else {
            return self.kept(answer::Pace::Never, "the proof secret is no base64");
        };
        let post = key.post(self.attempt.id().as_str(), kind, seq, body.to_owned(), clock::wall_ms().div_euclid(1000));
        match self.client.send(&credentials, &post) {
            Ok(reply) => answer::judge(&key, &post, &reply, clock::wall_ms()),
            Err(http::Refused::Transport(error)) => self.kept(answer::Pace::Unreachable, &error),
            Err(http::Refused::Config(error)) => self.kept(answer::Pace::Never, &error),
        }
    }

    fn kept(&mut self, pace: answer::Pace, why: &str) -> Verdict {
        self.attempt.log(&format!("not posted: {why}"));
        self.failure = Some(why.to_owned());
        Verdict::Keep(pace)
    }

    /// The server has the result.
    fn settle(&self, seq: u64) {
        self.attempt.root().failpoint(failpoint::RECEIPT_READ);
        self.shared.news().settled = true;
        if let Err(error) = self.attempt.write_acked(seq) {
            self.attempt.log(&format!("the receipt cannot be recorded: {error}"));
        }
        self.attempt.root().failpoint(failpoint::ACKED_WRITTEN);
    }

    fn finish(self) {
        self.shared.news().delivered = true;
        self.attempt.wake();
    }
}
