//! The job's end: one request, tried again while the supervisor is away, until a last reply.

use super::socket;
use super::wire::{Code, Reply, Request, Verb, line};
use crate::clock;
use crate::limits::{ASK_LATE_MS, DOOR_REACH_MS, DOOR_REPLY_BYTES, DOOR_REQUEST_MS, DOOR_RETRY_CAP_MS};
use sortie_protocol::VERSION;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no last reply that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of which kind.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A wrong request.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, message: message.into() }
    }

    /// Something that should have worked.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: Code::Failed, message: message.into() }
    }
}

/// How long a supervisor is tried for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until it was reached for the first time, in milliseconds.
    pub reach_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { reach_ms: DOOR_REACH_MS }
    }
}

/// The door of the job that this process belongs to.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    patience: Patience,
}

/// How one connection ended.
enum Round {
    Last(Reply),
    /// The supervisor went away; `asked` where it had taken a question.
    Lost {
        asked: Option<u64>,
        why: String,
    },
}

impl Client {
    /// From the environment of a job.
    ///
    /// # Errors
    /// This process is in no job.
    pub fn from_env(patience: Patience) -> Result<Self, Failure> {
        let socket = std::env::var_os(socket::SOCKET).filter(|path| !path.is_empty()).map(PathBuf::from);
        let missing = || Failure {
            code: Code::Unavailable,
            message: format!("{} is not set: this command works inside a job of Sortie only", socket::SOCKET),
        };
        socket.map(|socket| Self { socket, patience }).ok_or_else(missing)
    }

    /// The last reply to a request: never a refusal, and never [`Reply::Asked`].
    pub fn call(&self, verb: &Verb) -> Result<Reply, Failure> {
        let begun = clock::mono_ms();
        let mut until = begun.saturating_add(self.patience.reach_ms);
        let wanted_ms = if let Verb::Ask { park_ms, .. } = verb { *park_ms } else { None };
        let mut verb = verb.clone();
        let mut pause = 20;
        loop {
            let lost = match self.round(&verb, until) {
                Round::Last(Reply::Refused { code: Code::Busy, message }) => (None, message),
                Round::Last(Reply::Refused { code, message }) => return Err(Failure { code, message }),
                Round::Last(reply) => return Ok(reply),
                Round::Lost { asked, why } => (asked, why),
            };
            let now = clock::mono_ms();
            if let (Some(question), Verb::Ask { ask, park_ms }) = (lost.0, &mut verb) {
                // It is asked, on disk: from here on its own time counts, and what the job wanted to wait.
                until = until.max(begun.saturating_add(ask.timeout_ms).saturating_add(2 * ASK_LATE_MS));
                *park_ms = wanted_ms.map(|ms| begun.saturating_add(ms).saturating_sub(now));
                if *park_ms == Some(0) {
                    return Ok(Reply::Pending { question });
                }
                pause = 20;
            }
            if now >= until {
                let message = format!("the job's supervisor cannot be reached through {}: {}", self.socket.display(), lost.1);
                return Err(Failure { code: Code::Unavailable, message });
            }
            clock::pause(pause.min(until - now));
            pause = (pause * 2).min(DOOR_RETRY_CAP_MS);
        }
    }

    /// One connection. What is waited for is waited for as long as the supervisor lives.
    fn round(&self, verb: &Verb, until: u64) -> Round {
        let mut asked = None;
        match self.exchange(verb, until, &mut asked) {
            Ok(reply) => Round::Last(reply),
            Err(error) => Round::Lost { asked, why: error.to_string() },
        }
    }

    fn exchange(&self, verb: &Verb, until: u64, asked: &mut Option<u64>) -> io::Result<Reply> {
        let stream = socket::connect(&self.socket)?;
        let left = until.saturating_sub(clock::mono_ms()).max(1);
        stream.set_write_timeout(Some(Duration::from_millis(DOOR_REQUEST_MS)))?;
        stream.set_read_timeout(Some(Duration::from_millis(left)))?;
        let written = (&stream).write_all(&line(&Request { v: VERSION, verb: verb.clone() }));
        let mut replies = BufReader::new(&stream);
        loop {
            let mut text = Vec::new();
            (&mut replies).take(DOOR_REPLY_BYTES as u64).read_until(b'\n', &mut text)?;
            if text.pop() != Some(b'\n') {
                // A refusal may stand in the way of the rest of a request.
                written?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match serde_json::from_slice(&text)? {
                Reply::Asked { question } => {
                    *asked = Some(question);
                    stream.set_read_timeout(None)?;
                }
                last => {
                    if matches!(last, Reply::Answered { .. }) {
                        let _ = (&stream).write_all(b"read\n");
                    }
                    return Ok(last);
                }
            }
        }
    }
}
