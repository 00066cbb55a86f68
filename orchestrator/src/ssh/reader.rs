//! The one reader of a channel: it always drains, because a channel that is not drained freezes its whole connection.

use super::connection::Connection;
use super::listener::{Broken, Heard, Listener};
use russh::{ChannelMsg, ChannelReadHalf};
use sortie_protocol::limits::NOISE_BYTES;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// What a session is told by its reader.
#[derive(Debug)]
pub enum Event {
    /// Something meant for us.
    Heard(Heard),
    /// The exec request was refused.
    Refused,
    /// The host breaks the rules; the connection is closed.
    Broken(Broken),
    /// The channel is closed; nothing comes after it.
    Ended(End),
}

/// How a remote command ended. Neither field is set where the server did not say: unknown, never success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Exit status.
    pub status: Option<u32>,
    /// Signal name.
    pub signal: Option<String>,
}

impl End {
    /// Whether the server said anything about it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.status.is_some() || self.signal.is_some()
    }

    /// POSIX shells exit with these where the program could not be executed, and nothing of ours does.
    #[must_use]
    pub fn is_not_executed(&self) -> bool {
        matches!(self.status, Some(126 | 127))
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.status, &self.signal) {
            (Some(status), _) => write!(f, "exit status {status}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("exit status unknown"),
        }
    }
}

/// The last bytes of a stream.
#[derive(Clone, Debug)]
pub struct Tail {
    limit: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Tail {
    /// Keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, bytes: Arc::default() }
    }

    /// What is kept.
    #[must_use]
    pub fn get(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, more: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(&more[more.len().saturating_sub(self.limit)..]);
        let surplus = bytes.len().saturating_sub(self.limit);
        bytes.drain(..surplus);
    }
}

/// Read a channel to its end. A peer that says more than anyone asked for loses its connection: draining it forever
/// would cost without bound.
pub async fn read(
    mut channel: ChannelReadHalf,
    mut listener: Listener,
    events: mpsc::Sender<Event>,
    stderr: Tail,
    connection: Arc<Connection>,
) {
    let mut end = End::default();
    let (mut heard, mut stderr_bytes) = (Vec::new(), 0);
    while let Some(message) = channel.wait().await {
        let event = match message {
            ChannelMsg::Data { data } => match listener.take(&data, &mut heard) {
                Ok(()) => None,
                Err(broken) => Some(Event::Broken(broken)),
            },
            ChannelMsg::ExtendedData { data, .. } => {
                stderr.push(&data);
                stderr_bytes += data.len();
                (stderr_bytes > NOISE_BYTES).then_some(Event::Broken(Broken::Noise))
            }
            ChannelMsg::Failure => Some(Event::Refused),
            ChannelMsg::ExitStatus { exit_status } => {
                end.status = Some(exit_status);
                None
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                end.signal = Some(format!("{signal_name:?}"));
                None
            }
            ChannelMsg::Close => break,
            _ => None,
        };
        let broken = matches!(event, Some(Event::Broken(_)));
        if !heard.is_empty() {
            stderr_bytes = 0;
            connection.heard();
        }
        for event in heard.drain(..).map(Event::Heard).chain(event) {
            if let Err(mpsc::error::TrySendError::Full(_)) = events.try_send(event) {
                connection.kill();
                return;
            }
        }
        if broken {
            connection.kill();
            return;
        }
    }
    let _nobody_waits_any_more = events.try_send(Event::Ended(end));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_end_within_its_limit() {
        let tail = Tail::new(4);
        for piece in [&b"ab"[..], b"cde", b"0123456789"] {
            tail.push(piece);
            assert!(tail.get().len() <= 4);
        }
        assert_eq!(tail.get(), b"6789");
    }

    #[test]
    fn an_end_without_a_word_is_unknown_and_no_success() {
        assert_eq!(End::default().to_string(), "exit status unknown");
        assert!(!End::default().is_not_executed());
        assert!(End { status: Some(126), signal: None }.is_not_executed());
    }
}
