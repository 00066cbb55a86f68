//! The caller's side of a worker: framing without I/O, and a small blocking client.

use crate::limits::STDERR_BYTES;
use crate::worker::protocol::{Answer, Request, read_frame, write_frame};
use std::io::{BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// A request as the bytes of a frame, length and all.
///
/// # Errors
/// Larger than a frame may be.
pub fn encode(request: &Request) -> std::io::Result<Vec<u8>> {
    let body = serde_json::to_vec(request).map_err(std::io::Error::other)?;
    let mut frame = Vec::with_capacity(body.len() + 4);
    write_frame(&mut frame, &body)?;
    Ok(frame)
}

/// An answer from the body of a frame.
///
/// # Errors
/// Not an answer.
pub fn decode(body: &[u8]) -> std::io::Result<Answer> {
    serde_json::from_slice(body).map_err(std::io::Error::other)
}

/// How a worker that is no more ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Exit code, where it exited.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// What that most likely means, in a sentence for people.
    pub hint: String,
}

impl Death {
    /// Read an exit status, with the end of what the worker wrote to standard error.
    #[must_use]
    pub fn of(status: Option<ExitStatus>, stderr: &str) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let (code, signal) = (status.and_then(|status| status.code()), status.and_then(|status| status.signal()));
        let cause = match (code, signal) {
            _ if stderr.contains("overflowed its stack") => "its source or its data is nested too deeply for the stack",
            _ if stderr.contains("memory allocation of") => "it asked for more memory than a worker may have",
            (_, Some(24)) => "it used more processor time than a worker may for one request",
            (Some(101), _) => "the interpreter gave up, most likely over a value that is too large",
            (_, Some(9)) => "it was killed, for its deadline or by the system for want of memory",
            (_, Some(11 | 6 | 7)) => "it crashed",
            _ => "it ended",
        };
        let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let hint = if last.is_empty() {
            format!("evaluating the flow ended its process: {cause}")
        } else {
            format!("evaluating the flow ended its process: {cause} ({last})")
        };
        Self { code, signal, hint }
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallResult {
    /// The worker answered.
    Answer(Box<Answer>),
    /// The worker is no more; start another.
    Died(Death),
    /// The deadline passed, and the worker was killed; start another.
    TimedOut,
}

/// One worker, called from one thread. The server's pool does the same with tokio.
pub struct Worker {
    child: Child,
    requests: Option<SyncSender<Vec<u8>>>,
    answers: Receiver<std::io::Result<Answer>>,
    stderr: Option<JoinHandle<String>>,
}

impl Worker {
    /// Start a worker: a command that ends up in [`crate::worker::main`].
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(mut command: Command) -> std::io::Result<Self> {
        command.env("RUST_LIB_BACKTRACE", "0").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("a pipe of the worker is missing");
        let mut input = child.stdin.take().ok_or_else(missing)?;
        let mut output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let errors = child.stderr.take().ok_or_else(missing)?;
        let (requests, to_do) = sync_channel::<Vec<u8>>(1);
        let (done, answers) = sync_channel(1);
        std::thread::spawn(move || {
            while let Ok(frame) = to_do.recv() {
                let answer = exchange(&mut input, &mut output, &frame);
                let broken = answer.is_err();
                if done.send(answer).is_err() || broken {
                    return;
                }
            }
        });
        let stderr = std::thread::spawn(move || last_bytes(errors));
        Ok(Self { child, requests: Some(requests), answers, stderr: Some(stderr) })
    }

    /// Ask, and wait for the answer until the deadline. After `Died` or `TimedOut` every further call is `Died`.
    pub fn call(&mut self, request: &Request, deadline: Duration) -> CallResult {
        let frame = match encode(request) {
            Ok(frame) => frame,
            Err(error) => return CallResult::Answer(Box::new(Answer::BadRequest { message: error.to_string() })),
        };
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send(frame).is_ok());
        match if sent { self.answers.recv_timeout(deadline) } else { Err(RecvTimeoutError::Disconnected) } {
            Ok(Ok(answer)) => CallResult::Answer(Box::new(answer)),
            Err(RecvTimeoutError::Timeout) => {
                self.end();
                CallResult::TimedOut
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => CallResult::Died(self.end()),
        }
    }

    /// Id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Make sure that it is gone, and read how.
    fn end(&mut self) -> Death {
        self.requests = None;
        // A worker that broke its pipe is about to end by itself, and how it does is the answer.
        let status = (0..50).find_map(|_| {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            ended
        });
        let _ = self.child.kill();
        let status = status.or_else(|| self.child.wait().ok());
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Death::of(status, &stderr)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn exchange(input: &mut impl Write, output: &mut impl Read, frame: &[u8]) -> std::io::Result<Answer> {
    input.write_all(frame)?;
    input.flush()?;
    match read_frame(output)? {
        Some(body) => decode(&body),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Read to the end, and keep the last bytes.
fn last_bytes(mut input: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(n @ 1..) = input.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..n]);
        let spare = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..spare);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
