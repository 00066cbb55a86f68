//! The accept loop and the life of a connection: every phase has its bound (F008, F064), and a graceful stop (F004).

use super::limits::{ACCEPT_PAUSE, ACCEPT_PAUSE_CAP, HEAD_BYTES, HEADERS, LINGER_BYTES, Limits};
use super::problem::problem;
use super::stream::Guarded;
use super::tls::Acceptor;
use crate::error_code::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Sleep, sleep, timeout};
use tower::ServiceExt;

/// Set on every request: whether the server is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping(pub bool);

struct Server {
    routes: Router,
    tls: Option<Acceptor>,
    limits: Limits,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
    kill: watch::Receiver<bool>,
}

/// Serve until the stop is set, within the usual limits.
pub async fn serve(listener: TcpListener, routes: Router, tls: Option<Acceptor>, stop: watch::Receiver<bool>) {
    serve_with(listener, routes, tls, stop, Limits::default()).await;
}

/// Serve until the stop is set. Then nothing is accepted any more, what is in flight is finished or gets a 503, and
/// this returns after [`Limits::drain`] and a moment at the latest.
pub async fn serve_with(listener: TcpListener, routes: Router, tls: Option<Acceptor>, stop: watch::Receiver<bool>, limits: Limits) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (kill, killed) = watch::channel(false);
    let server = Arc::new(Server { routes, tls, limits, places: Arc::clone(&places), stop: stop.clone(), kill: killed });
    accept(&server, &listener, stop).await;
    drop(listener);
    // Whoever holds a place is still being served. The moment is for writing the last answers.
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(limits.drain + limits.linger, places.acquire_many(all)).await.is_err() {
        let open = limits.connections.saturating_sub(places.available_permits());
        tracing::warn!(open, "connections were still open at the end of the drain");
        kill.send_replace(true);
    }
}

async fn accept(server: &Arc<Server>, listener: &TcpListener, mut stop: watch::Receiver<bool>) {
    let mut pause = ACCEPT_PAUSE;
    loop {
        let next = async {
            let place = Arc::clone(&server.places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = ACCEPT_PAUSE;
                let server = Arc::clone(server);
                tokio::spawn(async move {
                    let mut kill = server.kill.clone();
                    tokio::select! {
                        _ = kill.wait_for(|killed| *killed) => {}
                        () = connection(&server, stream, peer) => {}
                    }
                    drop(place);
                });
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot accept");
                sleep(pause).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_CAP);
            }
        }
    }
}

/// Errors that say something about one peer, not about us.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection(server: &Server, stream: TcpStream, peer: SocketAddr) {
    let limits = server.limits.under_pressure(server.places.available_permits());
    let mut stop = server.stop.clone();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    // Until the first byte a connection costs a task and a socket, nothing more.
    let spoken = tokio::select! {
        _ = stop.wait_for(|stopped| *stopped) => return,
        ready = timeout(limits.first_byte, stream.readable()) => matches!(ready, Ok(Ok(()))),
    };
    if !spoken {
        return;
    }
    match &server.tls {
        None => requests(server, limits, stream, peer).await,
        Some(tls) => match timeout(limits.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(server, limits, stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        },
    }
}

impl Limits {
    /// Less patience while more than half of the places are taken.
    fn under_pressure(self, free: usize) -> Self {
        if free >= self.connections / 2 {
            return self;
        }
        Self { first_byte: self.first_byte / 10, handshake: self.handshake / 5, head: self.head / 5, ..self }
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(server: &Server, limits: Limits, stream: S, peer: SocketAddr) {
    let (since, count) = (Instant::now(), Arc::new(AtomicU32::new(0)));
    let (routes, stop) = (server.routes.clone(), server.stop.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let last = count.fetch_add(1, Ordering::Relaxed) + 1 >= limits.requests || since.elapsed() >= limits.age;
        let answer = answer(routes.clone(), stop.clone(), limits, request, peer, last);
        Box::pin(answer) as Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(4 * HEAD_BYTES)
        .serve_connection(TokioIo::new(Guarded::new(stream, limits.write)), service);
    let mut stop = server.stop.clone();
    let stopped = tokio::select! {
        _ = poll_fn(|cx| connection.poll_without_shutdown(cx)) => false,
        _ = stop.wait_for(|stopped| *stopped) => true,
    };
    if stopped {
        Pin::new(&mut connection).graceful_shutdown();
        let _ = poll_fn(|cx| connection.poll_without_shutdown(cx)).await; // what went wrong was the peer's
    }
    linger(connection.into_parts().io.into_inner().into_inner(), limits).await;
}

/// Close so that the last answer is read: say that no more comes, take what is still being sent, and only then let go.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, limits: Limits) {
    let rest = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let (mut left, mut scrap) = (LINGER_BYTES, [0; 4_096]);
        while let Ok(read) = stream.read(&mut scrap).await {
            left = left.saturating_sub(read);
            if read == 0 || left == 0 {
                return;
            }
        }
    };
    let _ = timeout(limits.linger, rest).await;
}

async fn answer(
    routes: Router,
    mut stop: watch::Receiver<bool>,
    limits: Limits,
    request: Request<Incoming>,
    peer: SocketAddr,
    last: bool,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(|body| Body::new(Timed::new(body, limits)));
    let stopping = *stop.borrow();
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(Stopping(stopping));
    let too_late = async {
        let _ = stop.wait_for(|stopped| *stopped).await; // an error: the sender is gone, which is a stop as well
        sleep(limits.drain).await;
    };
    let mut response = tokio::select! {
        answered = routes.oneshot(request) => match answered { Ok(response) => response, Err(never) => match never {} },
        () = too_late => {
            let mut response = problem(ErrorCode::Unavailable, "the server is stopping");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    };
    if last || stopping {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A body with a deadline from its first byte that is waited for.
struct Timed {
    inner: Incoming,
    limits: Limits,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    fn new(inner: Incoming, limits: Limits) -> Self {
        Self { inner, limits, deadline: None }
    }
}

impl hyper::body::Body for Timed {
    type Data = hyper::body::Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let body = self.limits.body;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(body)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the body took too long"))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
