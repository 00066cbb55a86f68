//! The threads of one proxied connection: one for each way.

use super::{Link, Plan, Shared, Way};
use crate::limits::{PUMP, REMEMBERED};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Start a connection by its plan.
pub fn connect(shared: &Arc<Shared>, below: TcpStream) {
    let mut state = shared.state();
    let plan = state.next.pop_front().or_else(|| state.plan.clone()).unwrap_or(Plan::Pass);
    let number = state.links.len();
    state.links.push(Link::default());
    state.streams.push(None);
    drop(state);
    if plan == Plan::Refuse {
        act(shared, number);
        over(shared, number);
        return;
    }
    if let Plan::Reply(bytes) = plan {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || reply(&shared, number, below, &bytes));
        return;
    }
    let Ok(above) = TcpStream::connect(("127.0.0.1", shared.to)) else {
        over(shared, number);
        return;
    };
    for stream in [&below, &above] {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(PUMP));
    }
    let copies = |stream: &TcpStream| stream.try_clone().unwrap();
    shared.state().streams[number] = Some([copies(&below), copies(&above)]);
    let up = Pump { shared: Arc::clone(shared), number, way: Way::Up, plan: plan.clone(), from: copies(&below), to: copies(&above) };
    let down = Pump { shared: Arc::clone(shared), number, way: Way::Down, plan, from: above, to: below };
    std::thread::spawn(move || {
        let up = std::thread::spawn(move || up.run());
        down.run();
        let _ = up.join();
    });
}

struct Pump {
    shared: Arc<Shared>,
    number: usize,
    way: Way,
    plan: Plan,
    from: TcpStream,
    to: TcpStream,
}

impl Pump {
    fn run(mut self) {
        let mut waiting: Vec<u8> = Vec::new();
        let (mut passed, mut ended) = (0, false);
        let mut buffer = [0; 64 << 10];
        loop {
            if !ended {
                match self.from.read(&mut buffer) {
                    Ok(0) => ended = true,
                    Ok(n) => {
                        self.remember(&buffer[..n]);
                        waiting.extend_from_slice(&buffer[..n]);
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                    Err(_) => ended = true,
                }
            } else {
                std::thread::sleep(PUMP);
            }
            let allowed = self.allowed(passed, waiting.len());
            if self.to.write_all(&waiting[..allowed]).is_err() && allowed > 0 {
                break;
            }
            waiting.drain(..allowed);
            passed += allowed;
            self.count(passed);
            if self.cuts(passed, waiting.len()) {
                act(&self.shared, self.number);
                self.abort();
                break;
            }
            if ended && waiting.is_empty() {
                let _ = self.to.shutdown(Shutdown::Write);
                break;
            }
        }
        over(&self.shared, self.number);
    }

    /// How many of the waiting bytes may pass now.
    fn allowed(&self, passed: usize, waiting: usize) -> usize {
        match self.plan {
            Plan::Cut(way, bytes) if way == self.way => waiting.min(bytes.saturating_sub(passed)),
            Plan::SwallowAnswer if self.way == Way::Down => 0,
            Plan::Hold(way, bytes) if way == self.way && !self.shared.released.load(Ordering::SeqCst) => {
                let allowed = waiting.min(bytes.saturating_sub(passed));
                if allowed < waiting {
                    act(&self.shared, self.number);
                }
                allowed
            }
            _ => waiting,
        }
    }

    fn cuts(&self, passed: usize, waiting: usize) -> bool {
        match self.plan {
            Plan::Cut(way, bytes) => way == self.way && passed >= bytes,
            Plan::SwallowAnswer => self.way == Way::Down && waiting > 0,
            _ => false,
        }
    }

    fn abort(&self) {
        let _ = self.from.shutdown(Shutdown::Both);
        let _ = self.to.shutdown(Shutdown::Both);
    }

    fn remember(&self, bytes: &[u8]) {
        let mut state = self.shared.state();
        let link = &mut state.links[self.number];
        let kept = if self.way == Way::Up { &mut link.sent_up } else { &mut link.sent_down };
        let room = REMEMBERED.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
    }

    fn count(&self, passed: usize) {
        let mut state = self.shared.state();
        let link = &mut state.links[self.number];
        *(if self.way == Way::Up { &mut link.up } else { &mut link.down }) = passed;
    }
}

fn act(shared: &Shared, number: usize) {
    shared.state().links[number].acted = true;
}

fn over(shared: &Shared, number: usize) {
    shared.state().links[number].over = true;
}

/// Read one HTTP request whole, so that its sender reads the answer, then answer.
fn reply(shared: &Shared, number: usize, mut below: TcpStream, bytes: &[u8]) {
    let _ = below.set_read_timeout(Some(crate::limits::SOON));
    let mut request = Vec::new();
    let mut buffer = [0; 16 << 10];
    while !is_whole(&request) {
        match below.read(&mut buffer) {
            Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
            _ => break,
        }
    }
    shared.state().links[number].sent_up = request;
    let _ = below.write_all(bytes);
    act(shared, number);
    over(shared, number);
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|text| text.trim().parse::<usize>().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}
