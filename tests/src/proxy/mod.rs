//! A TCP proxy on loopback that passes bytes on, or does what a test tells it: cuts, holds back, swallows, answers itself.

mod pump;

use crate::{limits, ports, wait};
use std::collections::VecDeque;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the one who connected.
    Up,
    /// Back to the one who connected.
    Down,
}

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything passes.
    Pass,
    /// It is closed at once.
    Refuse,
    /// This many bytes pass that way, then both sides are cut off.
    Cut(Way, usize),
    /// This many bytes pass that way, the rest when the test releases it, also after the sender has gone.
    Hold(Way, usize),
    /// The request passes; at the first byte of the answer both sides are cut off.
    SwallowAnswer,
    /// A whole HTTP request is read and answered with these bytes; nothing passes.
    Reply(Vec<u8>),
}

/// What became of a connection.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// Bytes that passed up, and the first of them.
    pub up: usize,
    /// Bytes that passed down.
    pub down: usize,
    /// The first bytes sent from below, also where they did not pass.
    pub sent_up: Vec<u8>,
    /// The first bytes sent from above, also where they did not pass.
    pub sent_down: Vec<u8>,
    /// Whether its plan, other than to pass, came to act.
    pub acted: bool,
    /// Whether both sides are closed.
    pub over: bool,
}

#[derive(Default)]
struct State {
    next: VecDeque<Plan>,
    plan: Option<Plan>,
    links: Vec<Link>,
    streams: Vec<Option<[TcpStream; 2]>>,
}

struct Shared {
    to: u16,
    state: Mutex<State>,
    released: AtomicBool,
    closing: AtomicBool,
    away: AtomicBool,
    listening: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The proxy. Connections are cut off when it is dropped.
pub struct Proxy {
    /// Where it listens, on loopback.
    pub port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy to this port of loopback; everything passes.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let shared = Arc::new(Shared {
            to: port,
            state: Mutex::default(),
            released: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            away: AtomicBool::new(false),
            listening: AtomicBool::new(true),
        });
        let port = ports::free();
        let (own, listener) = (Arc::clone(&shared), TcpListener::bind(("127.0.0.1", port)).unwrap());
        std::thread::spawn(move || accept(&own, port, listener));
        Self { port, shared }
    }

    /// The plan of the next connection that has none yet.
    pub fn next(&self, plan: Plan) {
        self.shared.state().next.push_back(plan);
    }

    /// The plan of all connections from now on that have none of their own.
    pub fn all(&self, plan: Plan) {
        self.shared.state().plan = Some(plan);
    }

    /// Let go of what is held back, now and from now on.
    pub fn release(&self) {
        self.shared.released.store(true, Ordering::SeqCst);
    }

    /// Whether anybody listens: connecting to a proxy that is away is refused by the kernel.
    pub fn away(&self, away: bool) {
        self.shared.away.store(away, Ordering::SeqCst);
        wait::holds("the proxy has seen it", limits::SOON, || self.shared.listening.load(Ordering::SeqCst) != away);
    }

    /// Cut off the connections there are.
    pub fn cut_off(&self) {
        let mut state = self.shared.state();
        for stream in state.streams.iter_mut().filter_map(Option::take).flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// All connections so far, oldest first.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        self.shared.state().links.clone()
    }

    /// Everything that was sent from above so far, as text.
    #[must_use]
    pub fn answers(&self) -> String {
        self.links().iter().map(|link| String::from_utf8_lossy(&link.sent_down).into_owned()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.release();
        self.cut_off();
    }
}

/// Take connections until the proxy is dropped.
fn accept(shared: &Arc<Shared>, port: u16, listener: TcpListener) {
    let mut listener = Some(listener);
    while !shared.closing.load(Ordering::SeqCst) {
        if shared.away.load(Ordering::SeqCst) {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(("127.0.0.1", port)).ok();
        }
        shared.listening.store(listener.is_some(), Ordering::SeqCst);
        let Some(open) = &listener else {
            std::thread::sleep(limits::PUMP);
            continue;
        };
        open.set_nonblocking(true).unwrap();
        match open.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                pump::connect(shared, stream);
            }
            Err(_) => std::thread::sleep(limits::PUMP),
        }
    }
}
