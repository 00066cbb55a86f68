//! One exec of the remote command on one channel: started, asked question after question, ended.

use super::connection::Connection;
use super::fault::{self, Phase, nothing, perhaps, printable};
use super::limits::{HEARD, Limits, PIECE_BYTES, STDERR_BYTES, UPLOAD};
use super::listener::{Heard, Listener, framed};
use super::reader::{self, Event, Tail};
use super::script::{self, COMMAND, COMMAND_BY_SUDO, Root, Step, Word};
use crate::launcher::AskError;
use crate::shim::Shim;
use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelWriteHalf};
use sortie_core::failure::FailureKind;
use sortie_protocol::verb::{Answer, Refusal, Reply};
use sortie_protocol::version;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// A question, ready to be written: its number stands in the payload too.
#[derive(Debug)]
pub struct Question {
    /// Repeated in the answer.
    pub id: u64,
    /// JSON of a [`sortie_protocol::verb::Request`].
    pub payload: Vec<u8>,
    /// How long the host may take on top of the usual limit, because the question says so.
    pub patience: Duration,
}

/// Why a session did not start. Nothing was sent in any case.
#[derive(Debug)]
pub enum StartError {
    /// The server has too many sessions on this connection (`MaxSessions`).
    Full(AskError),
    /// The connection turned out to be dead; another one may work.
    Gone(AskError),
    /// The shim is not on the host.
    Missing {
        /// `uname -s`.
        system: String,
        /// `uname -m`.
        machine: String,
    },
    /// The shim that is installed there has another digest.
    Foreign {
        /// `uname -s`.
        system: String,
        /// `uname -m`.
        machine: String,
        /// Its digest; `-` where there is none that can be executed.
        sha256: String,
    },
    /// It will not work this way.
    Failed(AskError),
}

/// What a session is started with.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The host, for messages.
    pub at: &'a str,
    /// Its state root; without one the host picks it.
    pub root: Option<&'a Root>,
    /// A shim that others have installed there: it is used where its digest is ours, and none is sent.
    pub installed: Option<&'a Root>,
    /// Whether the login becomes root by `sudo`.
    pub sudo: bool,
    /// Time limits.
    pub limits: &'a Limits,
}

/// A shim that waits for questions.
pub struct Session {
    at: String,
    nonce: String,
    writer: ChannelWriteHalf<Msg>,
    /// Its sender is dropped with the reader.
    reading: watch::Receiver<()>,
    heard: mpsc::Receiver<Event>,
    stderr: Tail,
    limits: Limits,
    answered: bool,
    /// Nothing more can be asked here.
    over: bool,
    /// The state root, as the host named it.
    pub root: String,
}

/// How far a write came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// All of it is on its way.
    Whole,
    /// The channel ended before that.
    Ended,
}

/// What becomes of a question that a session was given.
#[expect(clippy::large_enum_variant, reason = "one a question, matched at once")]
pub enum Asked {
    /// An answer, or a failure that says how much was sent.
    Done(Result<Reply, AskError>),
    /// The session had ended before: the question was not written and can be asked elsewhere.
    Unsent(Question),
}

impl Session {
    /// Open a channel, run the remote command, and wait until the shim is being started.
    ///
    /// # Errors
    /// [`StartError`]; nothing of any question was sent.
    pub async fn start(connection: &Arc<Connection>, start: Start<'_>, shim: &Shim, step: Step) -> Result<Self, StartError> {
        let limits = start.limits;
        let channel = match timeout(limits.open, connection.open_channel()).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return Err(open_error(start.at, &error)),
            Err(_) => return Err(StartError::Gone(fault::timed_out(start.at, Phase::Open, limits.open))),
        };
        let nonce = script::nonce();
        let (reader, writer) = channel.split();
        let (events, heard) = mpsc::channel(HEARD);
        let stderr = Tail::new(STDERR_BYTES);
        let (reads, reading) = watch::channel(());
        let read = reader::read(reader, Listener::new(&nonce), events, stderr.clone(), Arc::clone(connection));
        tokio::spawn(async move {
            read.await;
            drop(reads);
        });
        let (at, limits) = (start.at.to_owned(), limits.clone());
        let mut session = Self { at, nonce, writer, reading, heard, stderr, limits, answered: false, over: false, root: String::new() };
        match session.get_ready(start, shim, step).await {
            Ok(root) => {
                session.root = root;
                Ok(session)
            }
            Err(error) => {
                session.end().await;
                Err(error)
            }
        }
    }

    async fn get_ready(&mut self, start: Start<'_>, shim: &Shim, step: Step) -> Result<String, StartError> {
        let gone = |error: russh::Error| {
            StartError::Gone(nothing(FailureKind::Unreachable, format!("{}: the connection broke ({error})", start.at)))
        };
        let late = || StartError::Failed(fault::timed_out(start.at, Phase::Exec, start.limits.exec));
        let mut deadline = Instant::now() + start.limits.exec;
        let header = match start.installed {
            Some(path) => script::use_header(&self.nonce, &shim.sha256, path, start.root),
            None => script::header(&self.nonce, step, &shim.sha256, start.root),
        };
        let begin = async {
            self.writer.exec(true, if start.sudo { COMMAND_BY_SUDO } else { COMMAND }).await?;
            self.write(header.into_bytes()).await
        };
        // Where the channel has ended meanwhile, what is heard below says how.
        let _open = timeout_at(deadline, begin).await.map_err(|_| late())?.map_err(gone)?;
        if let Step::Put { .. } = step {
            let uploaded_by = Instant::now() + UPLOAD;
            for piece in shim.bytes.chunks(PIECE_BYTES) {
                let written = timeout_at(uploaded_by.min(Instant::now() + self.limits.write), self.write(piece.to_vec())).await;
                // A command that gave up no longer reads; what it said is heard below.
                if !matches!(written, Ok(Ok(Written::Whole))) {
                    break;
                }
            }
            // The time that a slow link took is not the host's.
            deadline = Instant::now() + start.limits.exec;
        }
        loop {
            let event = timeout_at(deadline, self.heard.recv()).await.map_err(|_| late())?;
            match event {
                Some(Event::Heard(Heard::Word(Word::Stored))) => {}
                Some(Event::Heard(Heard::Word(Word::Ready { root }))) => return Ok(root),
                Some(Event::Heard(Heard::Word(Word::Missing { system, machine }))) => return Err(StartError::Missing { system, machine }),
                Some(Event::Heard(Heard::Word(Word::Foreign { system, machine, sha256 }))) => {
                    return Err(StartError::Foreign { system, machine, sha256 });
                }
                Some(Event::Heard(Heard::Word(Word::GaveUp(why)))) => return Err(self.refused(why.message())),
                Some(Event::Heard(other)) => {
                    return Err(self.refused(&format!("the host said {other:?} where nothing of that kind was asked")));
                }
                Some(Event::Refused) => return Err(self.refused("the host does not let this login run commands (a forced command?)")),
                Some(Event::Broken(why)) => return Err(self.refused(&why.to_string())),
                Some(Event::Ended(end)) if end.is_known() => {
                    return Err(self.refused(&format!("the remote command ended before the shim started ({end})")));
                }
                Some(Event::Ended(_)) | None => {
                    return Err(StartError::Gone(nothing(FailureKind::Unreachable, format!("{}: the connection broke", start.at))));
                }
            }
        }
    }

    /// The client library waits for the channel's window, also when the connection is gone and no window will ever come.
    async fn write(&self, bytes: Vec<u8>) -> Result<Written, russh::Error> {
        let mut reading = self.reading.clone();
        tokio::select! {
            written = self.writer.data_bytes(bytes) => written.map(|()| Written::Whole),
            _ = reading.changed() => Ok(Written::Ended),
        }
    }

    fn refused(&self, what: &str) -> StartError {
        StartError::Failed(nothing(FailureKind::Refused, format!("{}: {what}{}", self.at, self.said())))
    }

    /// What the host wrote to standard error, for a message.
    fn said(&self) -> String {
        let text = printable(&self.stderr.get(), 200);
        if text.is_empty() { text } else { format!("; it says: {text}") }
    }

    /// Whether the session is still there and quiet. A shim says nothing unasked.
    pub fn is_quiet(&mut self) -> bool {
        self.over |= !matches!(self.heard.try_recv(), Err(mpsc::error::TryRecvError::Empty));
        !self.over
    }

    /// Whether nothing more can be asked here.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Until the session ends by itself. Cancel-safe.
    pub async fn wait_for_end(&mut self) {
        self.heard.recv().await;
        self.over = true;
    }

    /// Ask one question and wait for its answer.
    pub async fn ask(&mut self, question: Question) -> Asked {
        if !self.is_quiet() {
            return Asked::Unsent(question);
        }
        let Question { id, payload, patience } = question;
        // From here on the host may have seen some of it.
        let written = timeout(self.limits.write, self.write(framed(&self.nonce, &payload))).await;
        if !matches!(written, Ok(Ok(Written::Whole))) {
            return Asked::Done(Err(self.lost("the connection broke while the question was being sent")));
        }
        let limit = self.limits.exec + patience;
        let event = timeout(limit, self.heard.recv()).await;
        Asked::Done(match event {
            Ok(Some(Event::Heard(Heard::Frame(answer)))) => self.read_answer(id, &answer),
            Ok(Some(Event::Ended(end))) if !self.answered && end.is_not_executed() => {
                self.over = true;
                Err(nothing(FailureKind::Refused, format!("{}: the shim could not be executed ({end}){}", self.at, self.said())))
            }
            Ok(Some(Event::Ended(end))) => Err(self.lost(&format!("the shim's session ended without an answer ({end})"))),
            Ok(Some(Event::Broken(why))) => Err(self.lost(&why.to_string())),
            Ok(Some(Event::Heard(Heard::Word(_)) | Event::Refused)) => Err(self.lost("the host answered something else")),
            Ok(None) => Err(self.lost("the connection broke before the answer")),
            Err(_) => Err(self.lost(&format!("no answer within {} ms", limit.as_millis()))),
        })
    }

    fn read_answer(&mut self, id: u64, answer: &[u8]) -> Result<Reply, AskError> {
        if let Err(mismatch) = version::check(answer) {
            return Err(self.lost(&format!("the shim's answer: {mismatch}")));
        }
        let answer: Answer = match serde_json::from_slice(answer) {
            Ok(answer) => answer,
            Err(error) => return Err(self.lost(&format!("the shim's answer cannot be read: {error}"))),
        };
        if answer.id != id {
            return Err(self.lost("the shim answered another question"));
        }
        self.answered = true;
        match answer.reply {
            Reply::Refused { refusal: Refusal::WrongMachine, message } => Err(nothing(
                FailureKind::WrongMachine,
                format!("{}: the state root has another marker: {}", self.at, printable(message.as_bytes(), 200)),
            )),
            reply => Ok(reply),
        }
    }

    fn lost(&mut self, what: &str) -> AskError {
        self.over = true;
        perhaps(format!("{}: {what}{}; whether it was done is not known", self.at, self.said()))
    }

    /// End the session: end of input first, so that the shim leaves by itself.
    pub async fn end(mut self) {
        let goodbye = async {
            self.writer.eof().await?;
            while !self.over && self.heard.recv().await.is_some_and(|event| !matches!(event, Event::Ended(_))) {}
            self.writer.close().await
        };
        let _in_time = timeout(self.limits.goodbye, goodbye).await;
    }
}

fn open_error(at: &str, error: &russh::Error) -> StartError {
    match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage) => StartError::Full(
            nothing(FailureKind::Unreachable, format!("{at}: the host lets this connection have no more sessions (its MaxSessions)")),
        ),
        russh::Error::ChannelOpenFailure(reason) => {
            StartError::Failed(nothing(FailureKind::Refused, format!("{at}: the host opens no session for this login ({reason:?})")))
        }
        error => StartError::Gone(nothing(FailureKind::Unreachable, format!("{at}: the connection broke ({error})"))),
    }
}
