//! Our own TCP stream under the SSH client: no Nagle, a bound on what is read before the login, and a kill switch.

use super::limits::PREAUTH_BYTES;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What the two ends of a wire share.
#[derive(Debug, Default)]
struct Shared {
    logged_in: AtomicBool,
    read: AtomicU64,
}

/// The stream that the SSH client reads and writes.
pub struct Wire {
    tcp: TcpStream,
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
pub fn wire(tcp: TcpStream) -> io::Result<(Wire, KillSwitch)> {
    // Nagle and delayed acknowledgements cost 40 ms a question.
    tcp.set_nodelay(true)?;
    let shared = Arc::new(Shared::default());
    let (sender, killed) = oneshot::channel();
    Ok((Wire { tcp, shared: Arc::clone(&shared), killed }, KillSwitch { shared, line: Mutex::new(Some(sender)) }))
}

impl Wire {
    fn check_killed(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match Pin::new(&mut self.killed).poll(context) {
            Poll::Ready(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_killed(context)?;
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.tcp).poll_read(context, buffer))?;
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
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
