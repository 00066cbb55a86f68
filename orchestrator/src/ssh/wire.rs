//! Our own stream under the SSH client, TCP or a channel of the machine before: a bound on what is read before the login, a
//! look at the banner, and a kill switch.

use super::limits::PREAUTH_BYTES;
use russh::ChannelStream;
use russh::client::Msg;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What a server's identification begins with.
const BANNER_START: &[u8] = b"SSH-";

/// What the two ends of a wire share.
#[derive(Debug, Default)]
struct Shared {
    logged_in: AtomicBool,
    greeted: AtomicBool,
    read: AtomicU64,
}

/// What carries the bytes.
enum Carrier {
    Tcp(TcpStream),
    /// `direct-tcpip` through the machine before.
    Channel(Box<ChannelStream<Msg>>),
}

/// The stream that the SSH client reads and writes.
pub struct Wire {
    carrier: Carrier,
    /// The last bytes of the line that is being read, while the banner is not complete.
    line: Vec<u8>,
    shared: Arc<Shared>,
    killed: oneshot::Receiver<()>,
}

/// Ends the wire when used or dropped, whatever the client library still holds: a hostile server costs nothing after that.
#[derive(Debug)]
pub struct KillSwitch {
    shared: Arc<Shared>,
    /// Dropping it ends the wire.
    line: Mutex<Option<oneshot::Sender<()>>>,
}

impl KillSwitch {
    /// End the wire now.
    pub fn kill(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The login is done: the bound on bytes read no longer holds.
    pub fn logged_in(&self) {
        self.shared.logged_in.store(true, Ordering::Relaxed);
    }

    /// Whether the server has said which SSH it speaks.
    #[must_use]
    pub fn greeted(&self) -> bool {
        self.shared.greeted.load(Ordering::Relaxed)
    }

    /// Whether the server has sent anything at all.
    #[must_use]
    pub fn heard_something(&self) -> bool {
        self.shared.read.load(Ordering::Relaxed) > 0
    }
}

/// Wrap a connected stream.
///
/// # Errors
/// The socket does not take its options.
pub fn over_tcp(tcp: TcpStream) -> io::Result<(Wire, KillSwitch)> {
    // Nagle and delayed acknowledgements cost 40 ms a question.
    tcp.set_nodelay(true)?;
    Ok(over(Carrier::Tcp(tcp)))
}

/// Wrap a channel of the machine before.
#[must_use]
pub fn over_channel(channel: ChannelStream<Msg>) -> (Wire, KillSwitch) {
    over(Carrier::Channel(Box::new(channel)))
}

fn over(carrier: Carrier) -> (Wire, KillSwitch) {
    let shared = Arc::new(Shared::default());
    let (sender, killed) = oneshot::channel();
    let wire = Wire { carrier, line: Vec::new(), shared: Arc::clone(&shared), killed };
    (wire, KillSwitch { shared, line: Mutex::new(Some(sender)) })
}

impl Wire {
    fn check_killed(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match Pin::new(&mut self.killed).poll(context) {
            Poll::Ready(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// RFC 4253, 4.2: other lines may come before the one that begins with `SSH-`.
    fn look_for_banner(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                if self.line.len() < BANNER_START.len() {
                    self.line.push(*byte);
                }
            } else if self.line == BANNER_START {
                self.shared.greeted.store(true, Ordering::Relaxed);
                return;
            } else {
                self.line.clear();
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_killed(context)?;
        let before = buffer.filled().len();
        std::task::ready!(match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Carrier::Channel(channel) => Pin::new(channel).poll_read(context, buffer),
        })?;
        if !self.shared.greeted.load(Ordering::Relaxed) {
            self.look_for_banner(&buffer.filled()[before..]);
        }
        let read = (buffer.filled().len() - before) as u64;
        let total = self.shared.read.fetch_add(read, Ordering::Relaxed) + read;
        if total > PREAUTH_BYTES && !self.shared.logged_in.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other("the server sends without end before the login")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_killed(context)?;
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Carrier::Channel(channel) => Pin::new(channel).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_flush(context),
            Carrier::Channel(channel) => Pin::new(channel).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Carrier::Channel(channel) => Pin::new(channel).poll_shutdown(context),
        }
    }
}
