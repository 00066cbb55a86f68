//! A session: framed requests on stdin until it ends, one framed answer each on stdout, in order.
//!
//! Launches that follow each other are in the air together, because each waits for the disk; every other verb waits for all
//! before it, and the next launch for it.

use crate::limits::{HEADER_LINE_BYTES, PARALLEL_LAUNCHES};
use crate::root::Root;
use crate::{sign, verbs};
use sortie_protocol::frame::{Header, header, parse_header};
use sortie_protocol::verb::{Answer, Refusal, Reply, Request, Verb};
use sortie_protocol::{VERSION, version};
use std::io::{self, BufRead, Read as _, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What came of reading a frame.
pub enum Frame {
    /// The input ended between two frames.
    End,
    /// A whole frame.
    Request(Header, Box<Request>),
    /// None: nothing is done, and nothing after it is believed. The nonce is there where the header was whole.
    Bad(Option<String>, Refusal, String),
}

/// Read one frame.
pub fn read(input: &mut impl BufRead) -> io::Result<Frame> {
    let mut line = Vec::new();
    input.take(HEADER_LINE_BYTES as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Frame::End);
    }
    let bad = |nonce: Option<String>, why: &str| Ok(Frame::Bad(nonce, Refusal::BadFrame, why.to_owned()));
    if line.pop() != Some(b'\n') {
        return bad(None, "a header line without an end");
    }
    let header = match std::str::from_utf8(&line).ok().map(parse_header) {
        Some(Ok(header)) => header,
        _ => return bad(None, "no frame header"),
    };
    let nonce = Some(header.nonce.clone());
    let mut payload = Vec::with_capacity(header.length.min(64 << 10) + 1);
    input.take(header.length as u64 + 1).read_to_end(&mut payload)?;
    if payload.len() != header.length + 1 || payload.pop() != Some(b'\n') {
        return bad(nonce, "the payload is cut short");
    }
    if sign::sha256_hex(&payload) != header.digest {
        return bad(nonce, "the digest of the payload is wrong");
    }
    // Before the whole of it: a newer version may have verbs that this one cannot read.
    if let Err(mismatch) = version::check(&payload) {
        return Ok(Frame::Bad(nonce, Refusal::Version, format!("this shim: {mismatch}")));
    }
    Ok(match serde_json::from_slice::<Request>(&payload) {
        Ok(request) => Frame::Request(header, Box::new(request)),
        // The category only: the text of the error may quote a secret.
        Err(error) => {
            let message = format!("the request cannot be read ({:?} at column {})", error.classify(), error.column());
            Frame::Bad(nonce, Refusal::Usage, message)
        }
    })
}

/// Write one answer.
pub fn write(output: &mut impl Write, nonce: &str, answer: &Answer) -> io::Result<()> {
    let payload = serde_json::to_vec(answer)?;
    let mut frame = header(nonce, payload.len(), &sign::sha256_hex(&payload)).into_bytes();
    frame.extend_from_slice(&payload);
    frame.push(b'\n');
    output.write_all(&frame)?;
    output.flush()
}

/// Answers on their way out, in the order of their questions.
struct Outbox {
    queue: SyncSender<(String, Pending)>,
    open: Arc<Open>,
}

enum Pending {
    Launch(JoinHandle<Answer>),
    Done(Box<Answer>),
}

/// How many answers are not written yet; `None` once nobody can be written to.
#[derive(Default)]
struct Open {
    count: Mutex<Option<usize>>,
    changed: Condvar,
}

impl Open {
    fn set(&self, change: impl FnOnce(Option<usize>) -> Option<usize>) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = change(*count);
        self.changed.notify_all();
    }

    fn wait_for_none(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(count, |count| count.is_some_and(|n| n > 0)));
    }
}

impl Outbox {
    fn push(&self, nonce: String, answer: Pending) -> io::Result<()> {
        self.open.set(|count| count.map(|n| n + 1));
        self.queue.send((nonce, answer)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// Run until the input ends. False: a frame was bad.
pub fn run(root: &Root, input: &mut impl BufRead, output: &mut (impl Write + Send)) -> io::Result<bool> {
    let open = Arc::new(Open { count: Mutex::new(Some(0)), ..Open::default() });
    std::thread::scope(|scope| {
        let (queue, answers) = sync_channel(PARALLEL_LAUNCHES);
        let writer = scope.spawn({
            let open = open.clone();
            move || {
                let done = write_all(output, &answers, &open);
                open.set(|_| None);
                done
            }
        });
        let good = serve(root, input, &Outbox { queue, open });
        // Dropping the outbox ends the writer, after what is queued.
        writer.join().unwrap_or_else(|_| Err(io::Error::other("a launch panicked")))?;
        good
    })
}

fn write_all(output: &mut impl Write, answers: &Receiver<(String, Pending)>, open: &Open) -> io::Result<()> {
    for (nonce, pending) in answers {
        let answer = match pending {
            Pending::Done(answer) => *answer,
            Pending::Launch(thread) => thread.join().map_err(|_| io::Error::other("a launch panicked"))?,
        };
        write(output, &nonce, &answer)?;
        open.set(|count| count.map(|n| n - 1));
    }
    Ok(())
}

fn serve(root: &Root, input: &mut impl BufRead, outbox: &Outbox) -> io::Result<bool> {
    loop {
        match read(input)? {
            Frame::End => return Ok(true),
            Frame::Request(header, request) if matches!(request.verb, Verb::Launch { .. }) => {
                let (root, id) = (root.clone(), request.id);
                let pending = match std::thread::Builder::new().spawn(move || verbs::answer(&root, *request)) {
                    Ok(thread) => Pending::Launch(thread),
                    Err(error) => Pending::Done(Box::new(refused(id, Refusal::Resources, error.to_string()))),
                };
                outbox.push(header.nonce, pending)?;
            }
            Frame::Request(header, request) => {
                outbox.open.wait_for_none();
                outbox.push(header.nonce, Pending::Done(Box::new(verbs::answer(root, *request))))?;
            }
            Frame::Bad(nonce, refusal, message) => {
                match nonce {
                    Some(nonce) => outbox.push(nonce, Pending::Done(Box::new(refused(0, refusal, message))))?,
                    None => eprintln!("sortie-shim: {message}"),
                }
                // A whole frame that asks for nonsense is answered and passed; after a broken one nobody knows where the next begins.
                if refusal == Refusal::BadFrame {
                    return Ok(false);
                }
            }
        }
    }
}

fn refused(id: u64, refusal: Refusal, message: String) -> Answer {
    Answer { v: VERSION, id, reply: Reply::Refused { refusal, message } }
}
