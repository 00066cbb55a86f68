//! One connection of the job: its request as it arrives, and what it waits for then.

use super::copy::Copy;
use super::wire::{Code, Reply, Request, line};
use crate::clock;
use crate::limits::{DOOR_LINE_BYTES, DOOR_READ_BYTES, DOOR_REQUEST_MS};
use sortie_protocol::version;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// Where it stands.
pub enum State {
    /// The request arrives.
    Reading(Vec<u8>),
    /// The file it named is being copied.
    Copying(Box<Copy>),
    /// It waits for an answer, at most until the time of the monotonic clock.
    Waiting {
        /// The question.
        question: u64,
        /// Milliseconds; without end where it is none.
        until: Option<u64>,
    },
    /// It was told the answer, and has not said yet that it read it.
    Told(u64),
    /// It can be closed.
    Done,
}

/// What came of reading.
pub enum Read {
    /// Nothing to do yet, or ever again.
    Nothing,
    /// A whole request.
    Request(Request),
    /// The answer to this question was read.
    Heard(u64),
}

/// A connection.
pub struct Connection {
    /// Not blocking.
    pub stream: UnixStream,
    /// Where it stands.
    pub state: State,
    since: u64,
}

impl Connection {
    /// A new one.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, state: State::Reading(Vec::new()), since: clock::mono_ms() })
    }

    /// Bytes that a request holds which has not arrived whole.
    pub fn held(&self) -> usize {
        if let State::Reading(buffer) = &self.state { buffer.len() } else { 0 }
    }

    /// The question it waits for.
    pub fn waits_for(&self) -> Option<u64> {
        if let State::Waiting { question, .. } = self.state { Some(question) } else { None }
    }

    /// Whether it can be closed.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Read what is there, a bounded piece of it; `room` is what requests may hold in addition.
    pub fn read(&mut self, room: usize) -> Read {
        let mut piece = vec![0; DOOR_READ_BYTES];
        let read = match self.stream.read(&mut piece) {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => return Read::Nothing,
            Err(_) => 0,
        };
        match &mut self.state {
            State::Told(question) if read > 0 => {
                let question = *question;
                self.state = State::Done;
                Read::Heard(question)
            }
            State::Reading(buffer) if read > 0 => {
                if buffer.len() + read > DOOR_LINE_BYTES {
                    self.refuse(Code::TooLarge, &format!("a request has at most {DOOR_LINE_BYTES} bytes"));
                    return Read::Nothing;
                }
                if read > room {
                    self.refuse(Code::Busy, "too many large requests at once");
                    return Read::Nothing;
                }
                buffer.extend_from_slice(&piece[..read]);
                if piece[..read].contains(&b'\n') { self.parse() } else { Read::Nothing }
            }
            // The end, or somebody who talks while they should listen. A file that is being copied is kept all the same.
            State::Copying(_) => Read::Nothing,
            _ => {
                self.state = State::Done;
                Read::Nothing
            }
        }
    }

    fn parse(&mut self) -> Read {
        let State::Reading(buffer) = std::mem::replace(&mut self.state, State::Done) else { return Read::Nothing };
        let text = buffer.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // Before the whole of it: a newer version may have verbs that this one cannot read.
        if let Err(mismatch) = version::check(text) {
            self.refuse(Code::Usage, &format!("this supervisor: {mismatch}"));
            return Read::Nothing;
        }
        match serde_json::from_slice::<Request>(text) {
            Ok(request) => return Read::Request(request),
            Err(error) => self.refuse(Code::Usage, &format!("the request cannot be read: {error}")),
        }
        Read::Nothing
    }

    /// Say something. Replies are small and the socket's buffer is larger: who does not read is not waited for.
    pub fn say(&mut self, reply: &Reply) -> bool {
        let said = self.stream.write_all(&line(reply)).is_ok();
        if !said {
            self.state = State::Done;
        }
        said
    }

    /// Say a last thing.
    pub fn finish(&mut self, reply: &Reply) {
        self.say(reply);
        self.state = State::Done;
    }

    /// Refuse, and close.
    pub fn refuse(&mut self, code: Code, message: &str) {
        self.finish(&Reply::Refused { code, message: message.to_owned() });
    }

    /// Tell the answer; the job says that it has read it.
    pub fn tell(&mut self, question: u64, answer: &sortie_protocol::ask::AskAnswer) {
        if self.say(&Reply::Answered { question, answer: answer.clone() }) {
            self.state = State::Told(question);
            self.since = clock::mono_ms();
        }
    }

    /// Close what takes too long to say what it wants.
    pub fn expire(&mut self, now: u64) {
        if now.saturating_sub(self.since) < DOOR_REQUEST_MS {
            return;
        }
        match self.state {
            State::Reading(_) => self.refuse(Code::Usage, "the request did not arrive in time"),
            State::Told(_) => self.state = State::Done,
            _ => {}
        }
    }
}
