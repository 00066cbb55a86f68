//! The numbered event log of an attempt: the one source of posts and of `collect`.
//!
//! One record a line: `<sequence> <length> <sha-256> <body>`. A record that is cut short or fails its digest ends the log;
//! the next writer, who holds the attempt's lock, cuts that tail off (F018).

use crate::attempt::Attempt;
use crate::limits::{EVENT_LOG_BYTES, RESULT_RESERVE_BYTES};
use crate::{clock, files, sign};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate};
use sortie_protocol::VERSION;
use sortie_protocol::callback::{CallbackBody, CallbackKind, JobResult};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// An event as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number, from 1 without gaps.
    pub seq: u64,
    /// What it is about.
    pub kind: CallbackKind,
    /// Exact bytes of the body, the same on every repeat.
    pub body: String,
}

/// All whole events, and how many bytes they take.
fn scan(log: &[u8]) -> (Vec<Event>, usize) {
    let mut events = Vec::new();
    let mut at = 0;
    while let Some((event, length)) = record(&log[at..], events.len() as u64 + 1) {
        events.push(event);
        at += length;
    }
    (events, at)
}

fn record(log: &[u8], seq: u64) -> Option<(Event, usize)> {
    let mut words = log.splitn(4, |b| *b == b' ');
    let mut word = || std::str::from_utf8(words.next()?).ok();
    let (number, length, digest) = (word()?.parse::<u64>().ok()?, word()?.parse::<usize>().ok()?, word()?);
    let body = words.next()?.get(..length.checked_add(1)?)?;
    let (body, end) = body.split_at(length);
    if number != seq || end != b"\n" || digest != sign::sha256_hex(body) {
        return None;
    }
    let kind = serde_json::from_slice::<CallbackBody>(body).ok()?.kind;
    let taken = format!("{seq} {length} {digest} ").len() + length + 1;
    Some((Event { seq, kind, body: String::from_utf8(body.to_vec()).ok()? }, taken))
}

/// All whole events of an attempt, oldest first.
pub fn read(attempt: &Attempt) -> Vec<Event> {
    scan(&files::read(&attempt.file("events.log"), EVENT_LOG_BYTES).unwrap_or_default()).0
}

/// The result among them.
pub fn result(events: &[Event]) -> Option<&Event> {
    events.iter().find(|event| event.kind == CallbackKind::Result)
}

/// The job's result as logged in an event.
pub fn job_result(event: &Event) -> Option<JobResult> {
    serde_json::from_value(serde_json::from_str::<CallbackBody>(&event.body).ok()?.data).ok()
}

/// Numbers of the events that have a receipt. A lost one costs a repeat, nothing more.
pub fn delivered(attempt: &Attempt) -> BTreeSet<u64> {
    let lines = files::read(&attempt.file("delivered"), crate::limits::STATE_FILE_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&lines).lines().filter_map(|line| line.parse().ok()).collect()
}

/// Remember that an event has a receipt.
pub fn mark_delivered(attempt: &Attempt, seq: u64) {
    if let Ok(mut file) = File::options().append(true).create(true).open(attempt.file("delivered")) {
        let _ = writeln!(file, "{seq}");
    }
}

/// The log, open for its one writer: the holder of the attempt's lock. Its threads share copies.
#[derive(Clone)]
pub struct EventLog(Arc<Mutex<Writer>>);

struct Writer {
    file: File,
    attempt: String,
    instance: String,
    next: u64,
    /// The result is logged: it is the last event.
    closed: bool,
}

impl EventLog {
    /// Open it, cut a torn tail off, and reserve room for a result.
    pub fn open(attempt: &Attempt, instance: &str) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::open(attempt.file("events.log"), flags, Mode::RUSR | Mode::WUSR)?);
        let (events, whole) = scan(&files::read(&attempt.file("events.log"), EVENT_LOG_BYTES)?);
        if file.metadata()?.len() != whole as u64 {
            file.set_len(whole as u64)?;
        }
        if result(&events).is_none() {
            match fallocate(&file, FallocateFlags::KEEP_SIZE, whole as u64, RESULT_RESERVE_BYTES) {
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
                other => other?,
            }
        }
        let (next, closed) = (events.len() as u64 + 1, result(&events).is_some());
        let writer = Writer { file, attempt: attempt.id().as_str().to_owned(), instance: instance.to_owned(), next, closed };
        Ok(Self(Arc::new(Mutex::new(writer))))
    }

    /// Append an event, durably, and say how it was logged.
    ///
    /// # Errors
    /// Of the disk; and after the result, which is the last event.
    pub fn append(&self, kind: CallbackKind, data: serde_json::Value) -> io::Result<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(kind, data)
    }
}

impl Writer {
    fn append(&mut self, kind: CallbackKind, data: serde_json::Value) -> io::Result<Event> {
        if self.closed {
            return Err(io::Error::other("the result is logged"));
        }
        let seq = self.next;
        let (attempt, instance) = (self.attempt.clone(), self.instance.clone());
        let body = CallbackBody { v: VERSION, attempt, kind, seq, at_ms: clock::wall_ms(), instance, data };
        let body = serde_json::to_string(&body)?;
        let record = format!("{seq} {} {} {body}\n", body.len(), sign::sha256_hex(body.as_bytes()));
        let before = self.file.metadata()?.len();
        let done = self.file.write_all(record.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = done {
            // Whole or absent: half a record would hide every later one.
            let _ = self.file.set_len(before);
            return Err(error);
        }
        self.next += 1;
        if kind == CallbackKind::Result {
            self.closed = true;
            // Gives the reserved room back.
            let _ = self.file.set_len(before + record.len() as u64);
        }
        Ok(Event { seq, kind, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};

    fn attempt(dir: &std::path::Path) -> Attempt {
        let root = Root::new(dir).unwrap();
        let attempt = Attempt::new(&root, AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        attempt
    }

    #[test]
    fn f018_a_torn_or_changed_tail_is_cut_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = attempt(dir.path());
        let log = EventLog::open(&attempt, "i").unwrap();
        let first = log.append(CallbackKind::Started, serde_json::json!({"pid": 1})).unwrap();
        let whole_one = std::fs::read(attempt.file("events.log")).unwrap();
        let second = log.append(CallbackKind::Progress, serde_json::json!("zażółć\n")).unwrap();
        let whole = std::fs::read(attempt.file("events.log")).unwrap();
        assert_eq!(read(&attempt), [first.clone(), second]);
        for cut in whole_one.len()..whole.len() {
            std::fs::write(attempt.file("events.log"), &whole[..cut]).unwrap();
            assert_eq!(read(&attempt), std::slice::from_ref(&first), "cut at {cut}");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            std::fs::write(attempt.file("events.log"), &flipped).unwrap();
            assert_eq!(read(&attempt), std::slice::from_ref(&first), "flipped at {cut}");
        }
        std::fs::write(attempt.file("events.log"), &whole[..whole.len() - 3]).unwrap();
        let log = EventLog::open(&attempt, "j").unwrap();
        assert_eq!(log.append(CallbackKind::Progress, serde_json::json!(2)).unwrap().seq, 2);
        assert_eq!(read(&attempt).len(), 2);
    }
}
