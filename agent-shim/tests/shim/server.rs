//! A callback server of a few lines: verifies proofs, gives receipts, or misbehaves as told.

use crate::uploads::Uploads;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sortie_protocol::ask::{Answered, AskAnswer};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::callback::{CallbackBody, proof_message};
use sortie_protocol::receipt::{CallbackAnswer, Outcome, Receipt, receipt_message};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Secret of every attempt in these tests.
pub const SECRET: &[u8] = b"canary-proof-secret-7d1f0c";
/// Token of every attempt in these tests.
pub const TOKEN: &str = "canary-token-51c2e9";

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Mode {
    /// With receipts.
    Good,
    /// As here, word for word, and nothing is committed.
    Raw(String),
    /// Commits, and cuts the connection instead of answering (F039).
    LoseAnswer,
    /// As good, but refuses questions for good.
    Refuse,
    /// As good, and asks for the end of the job in receipts of heartbeats.
    Stop(String),
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub id: String,
    pub body: Vec<u8>,
    pub mode: String,
}

impl Got {
    pub fn callback(&self) -> CallbackBody {
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct State {
    mode: Mutex<Mode>,
    got: Mutex<Vec<Got>>,
    changed: Condvar,
    receipts: Mutex<HashMap<String, Receipt>>,
    /// Answers to questions, by `webhook-id`.
    answers: Mutex<HashMap<String, AskAnswer>>,
    uploads: Uploads,
    closing: AtomicBool,
}

pub struct Server {
    pub address: SocketAddr,
    state: Arc<State>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap())
    }

    pub fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            mode: Mutex::new(Mode::Good),
            got: Mutex::default(),
            changed: Condvar::new(),
            receipts: Mutex::default(),
            answers: Mutex::default(),
            uploads: Uploads::default(),
            closing: AtomicBool::new(false),
        });
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.closing.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || {
                    let _ = shared.serve(stream);
                });
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    pub fn mode(&self, mode: Mode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// Answer a question: its next post is told so.
    pub fn say(&self, question: &Got, answered: Answered) {
        let answer = AskAnswer { answered, by: vec!["kim".to_owned()], comment: Some("because \"so\"\n".to_owned()) };
        self.state.answers.lock().unwrap().insert(question.id.clone(), answer);
    }

    /// What was uploaded.
    pub fn uploads(&self) -> &Uploads {
        &self.state.uploads
    }

    pub fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// Wait until the predicate holds over everything received.
    pub fn wait(&self, what: &str, holds: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let until = Instant::now() + Duration::from_secs(30);
        let mut got = self.state.got.lock().unwrap();
        while !holds(&got) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: not in time; got {:?}", got.iter().map(|g| (&g.id, &g.mode)).collect::<Vec<_>>());
            got = self.state.changed.wait_timeout(got, left).unwrap().0;
        }
        got.clone()
    }

    pub fn wait_for(&self, attempt: &str, kind: &str) -> Got {
        let start = format!("{attempt}.{kind}.");
        let got = self.wait(&start, |got| got.iter().any(|g| g.id.starts_with(&start)));
        got.into_iter().find(|g| g.id.starts_with(&start)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body)?;
        if headers.contains_key("sortie-artifact") {
            let answer = self.uploads.take(&method, &path, &headers, body, |id, meta| self.answer(id, meta, None).1);
            let mut stream = stream;
            return answer.map_or(Ok(()), |answer| stream.write_all(answer.as_bytes()));
        }
        let mode = self.mode.lock().unwrap().clone();
        let id = headers["webhook-id"].clone();
        verify(&headers, &body);
        let answer = match &mode {
            Mode::Raw(raw) => Some(raw.clone()),
            Mode::LoseAnswer => {
                self.commit(&id, &body, None);
                None
            }
            Mode::Refuse if id.contains(".ask.") => Some(self.refuse(&id, &body)),
            Mode::Good | Mode::Refuse => Some(self.commit(&id, &body, None)),
            Mode::Stop(reason) => Some(self.commit(&id, &body, id.contains(".heartbeat.").then(|| reason.clone()))),
        };
        self.got.lock().unwrap().push(Got { path, id, body, mode: format!("{mode:?}") });
        let mut stream = stream;
        let sent = answer.map_or(Ok(()), |answer| stream.write_all(answer.as_bytes()));
        self.changed.notify_all();
        sent
    }

    fn commit(&self, id: &str, body: &[u8], stop: Option<String>) -> String {
        http(200, "", &self.answer(id, body, stop).1)
    }

    fn refuse(&self, id: &str, body: &[u8]) -> String {
        let digest = to_hex(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
        let receipt = Receipt { id: id.to_owned(), digest, outcome: Outcome::Invalid, at_ms: 1, stop: None, answer: None };
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), &receipt_message(&receipt));
        let mac = Some(format!("v1,{}", STANDARD.encode(tag)));
        let message = Some("too many questions".to_owned());
        let answer = CallbackAnswer { outcome: Outcome::Invalid, receipt: Some(receipt), mac, message };
        http(422, "", &serde_json::to_string(&answer).unwrap())
    }

    /// Whether it was known, and the body of the answer.
    fn answer(&self, id: &str, body: &[u8], stop: Option<String>) -> (bool, String) {
        let digest = to_hex(ring::digest::digest(&ring::digest::SHA256, body).as_ref());
        let mut receipts = self.receipts.lock().unwrap();
        let known = receipts.contains_key(id);
        let fresh = Receipt { id: id.to_owned(), digest: digest.clone(), outcome: Outcome::Accepted, at_ms: 1, stop, answer: None };
        let receipt = receipts.entry(id.to_owned()).or_insert(fresh).clone();
        let receipt = Receipt { answer: self.answers.lock().unwrap().get(id).cloned(), ..receipt };
        assert_eq!(receipt.digest, digest, "the bytes of {id} changed between repeats");
        let outcome = if known { Outcome::Duplicate } else { Outcome::Accepted };
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), &receipt_message(&receipt));
        let answer = CallbackAnswer { outcome, receipt: Some(receipt), mac: Some(format!("v1,{}", STANDARD.encode(tag))), message: None };
        (known, serde_json::to_string(&answer).unwrap())
    }
}

/// A whole HTTP answer.
pub fn http(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn verify(headers: &HashMap<String, String>, body: &[u8]) {
    assert_eq!(headers["content-type"], "application/json");
    verify_proof(headers, body);
}

/// Token and proof over these bytes.
pub fn verify_proof(headers: &HashMap<String, String>, body: &[u8]) {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    let timestamp = headers["webhook-timestamp"].parse().unwrap();
    let tag = STANDARD.decode(headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
    let message = proof_message(&headers["webhook-id"], timestamp, body);
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), &message, &tag).unwrap();
}
