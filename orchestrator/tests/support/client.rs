//! One request, byte for byte, on a connection of its own.

use sortie_protocol::receipt::CallbackAnswer;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer takes longer in these tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Without the line of the status, as sent.
    pub headers: String,
    pub body: String,
}

impl Answer {
    /// Of everything that came on a connection: the first answer.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut answer = Self { status, headers: headers.to_ascii_lowercase(), body: body.to_owned() };
        if let Some(length) = answer.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
            answer.body.truncate(length);
        }
        Some(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn callback(&self) -> CallbackAnswer {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Everything but the date.
    pub fn shape(&self) -> String {
        let headers: Vec<&str> = self.headers.lines().filter(|line| !line.starts_with("date:")).collect();
        format!("{}\n{}\n\n{}", self.status, headers.join("\n"), self.body)
    }
}

/// Send bytes, say that no more come, read to the end.
pub async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let work = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have answered and closed before all of it was sent.
        let _ = stream.write_all(bytes).await;
        read_all(&mut stream).await
    };
    tokio::time::timeout(PATIENCE, work).await.expect("the server answers or closes")
}

/// What comes until the other side closes or resets.
pub async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(read) = stream.read(&mut piece).await {
        if read == 0 {
            break;
        }
        got.extend_from_slice(&piece[..read]);
    }
    got
}

/// A request that asks for the connection to be closed.
pub async fn request(address: SocketAddr, bytes: &[u8]) -> Answer {
    let got = exchange(address, bytes).await;
    Answer::read(&got).unwrap_or_else(|| panic!("no answer: {}", got.escape_ascii()))
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await
}
