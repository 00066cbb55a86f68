//! A service on loopback that notes every request and answers as it is told: what `http` steps and notices talk to.

use crate::limits::REQUEST;
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it had come whole.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// What makes the same request the same.
    #[must_use]
    pub fn key(&self) -> &str {
        self.header("idempotency-key").expect("every request carries an Idempotency-Key")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How a request is answered: status, more headers, body (JSON).
pub type Reply = (u16, Vec<(&'static str, String)>, &'static str);

/// An answer with nothing but a status.
#[must_use]
pub const fn status(status: u16) -> Reply {
    (status, Vec::new(), "{}")
}

#[derive(Default)]
struct Kept {
    seen: Vec<Seen>,
    next: VecDeque<Reply>,
    always: Option<Reply>,
}

/// The service. It listens until the process of the test ends.
pub struct Service {
    /// Where it listens.
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
}

impl Service {
    /// One that answers 200 to everything.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let of_thread = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&of_thread);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { port, kept }
    }

    /// Its address with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next request that has no answer yet is answered so.
    pub fn then(&self, reply: Reply) {
        self.kept.lock().unwrap().next.push_back(reply);
    }

    /// From now on every request is answered so.
    pub fn always(&self, reply: Reply) {
        self.kept.lock().unwrap().always = Some(reply);
    }

    /// What came so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.kept.lock().unwrap().seen.clone()
    }
}

/// One request on a connection; what is cut short counts as nothing.
fn serve(mut stream: TcpStream, kept: &Mutex<Kept>) {
    let _ = stream.set_read_timeout(Some(REQUEST));
    let Some(seen) = read(&stream) else { return };
    let (status, headers, body) = {
        let mut kept = kept.lock().unwrap();
        kept.seen.push(seen);
        kept.next.pop_front().or_else(|| kept.always.clone()).unwrap_or(self::status(200))
    };
    let mut answer =
        format!("HTTP/1.1 {status} As Told\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        answer += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{answer}\r\n{body}").as_bytes());
}

/// A whole request, where one comes.
pub(crate) fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut text = String::new();
        let read = reader.read_line(&mut text).ok()?;
        (read > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let (method, rest) = first.split_once(' ')?;
    let target = rest.split(' ').next()?;
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(Some(0), |(_, value)| value.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { at: Instant::now(), method: method.to_owned(), target: target.to_owned(), headers, body })
}
