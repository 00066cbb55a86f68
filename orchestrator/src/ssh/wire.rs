//! Our own stream under the SSH client, TCP or a channel of the machine before: a bound on what is read before the login and between
//! two things that are of use, a look at the banner, and a kill switch.

use super::limits::{PREAUTH_BYTES, UNHEARD_BYTES};
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
#[derive(Debug)]
struct Shared {
    greeted: AtomicBool,
    /// Bytes read since something of use.
    unheard: AtomicU64,
    /// How many those may be.
    most: AtomicU64,
    heard_something: AtomicBool,
}

impl Shared {
    fn heard(&self) {
        self.unheard.store(0, Ordering::Relaxed);
    }
}

/// What carries the bytes.
enum Carrier {
    Tcp(TcpStream),
    /// `direct-tcpip` through the machine before. What is read here is what was asked for there.
    Channel(Box<ChannelStream<Msg>>, Arc<Shared>),
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

    /// The login is done: another bound holds on bytes read since something of use.
    pub fn logged_in(&self) {
        self.bounded_by(UNHEARD_BYTES);
    }

    /// The login is done, and the other end sends as much as it likes.
    pub fn trusted(&self) {
        self.bounded_by(u64::MAX);
    }

    fn bounded_by(&self, bytes: u64) {
        self.shared.most.store(bytes, Ordering::Relaxed);
        self.shared.heard();
    }

    /// Something came that was asked for.
    pub fn heard(&self) {
        self.shared.heard();
    }

    /// Whether the server has said which SSH it speaks.
    #[must_use]
    pub fn greeted(&self) -> bool {
        self.shared.greeted.load(Ordering::Relaxed)
    }

    /// Whether the server has sent anything at all.
    #[must_use]
    pub fn heard_something(&self) -> bool {
        self.shared.heard_something.load(Ordering::Relaxed)
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

/// Wrap a channel of the machine before, on whose wire this is the switch.
#[must_use]
pub fn over_channel(channel: ChannelStream<Msg>, before: &KillSwitch) -> (Wire, KillSwitch) {
    over(Carrier::Channel(Box::new(channel), Arc::clone(&before.shared)))
}

fn over(carrier: Carrier) -> (Wire, KillSwitch) {
    let (flag, bytes) = (AtomicBool::default, AtomicU64::default);
    let shared = Arc::new(Shared { greeted: flag(), unheard: bytes(), most: AtomicU64::new(PREAUTH_BYTES), heard_something: flag() });
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
            Carrier::Channel(channel, before) => {
                let read = Pin::new(channel).poll_read(context, buffer);
                if read.is_ready() {
                    before.heard();
                }
                read
            }
        })?;
        if !self.shared.greeted.load(Ordering::Relaxed) {
            self.look_for_banner(&buffer.filled()[before..]);
        }
        let read = (buffer.filled().len() - before) as u64;
        if read > 0 {
            self.shared.heard_something.store(true, Ordering::Relaxed);
        }
        let unheard = self.shared.unheard.fetch_add(read, Ordering::Relaxed) + read;
        if unheard > self.shared.most.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::Error::other("the server sends without end what nobody has asked for")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_killed(context)?;
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Carrier::Channel(channel, _) => Pin::new(channel).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_flush(context),
            Carrier::Channel(channel, _) => Pin::new(channel).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.carrier {
            Carrier::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Carrier::Channel(channel, _) => Pin::new(channel).poll_shutdown(context),
        }
    }
}
