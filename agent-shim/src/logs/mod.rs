//! Shipping a job's output to the server: which chunk goes next, and when.
//!
//! Nothing of this is remembered on the VM. A supervisor that takes over begins at 0 and is told where the server stands.

mod bound;
mod chunk;
mod waker;

pub use bound::keep_small;
pub use waker::{Ears, Waker};

use crate::attempt::Attempt;
use crate::limits::{LOG_CHUNK_LEAST_BYTES, LOG_LINGER_MS, LOG_RETRY_CAP_MS};
use crate::output;
use crate::post::answer::Pace;
use crate::post::backoff::Backoff;
use crate::post::http::Client;
use chunk::{Outcome, Place};
use sortie_protocol::limits::{LOG_CHUNK_BYTES, LOG_LAST_PAUSE_MS, LOG_POST_PAUSE_MS};
use sortie_protocol::log::{LogState, Stream, next_offset};
use sortie_protocol::spec::Credentials;

/// What the shipper wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a chunk of this stream.
    Now(Stream),
    /// Look again after so many milliseconds.
    In(u64),
    /// Everything that was written is sent: look again when more is written.
    Listen,
    /// Nothing will ever be sent again.
    Over,
}

/// One stream on its way.
#[derive(Clone, Debug)]
struct Ship {
    stream: Stream,
    /// Where the server stands.
    acked: u64,
    /// How far was sent, where the server holds some of it back until it sees more or the end.
    offered: (u64, bool),
    /// Nothing more will be sent.
    over: bool,
    /// When unsent output was first seen.
    seen: Option<u64>,
}

impl Ship {
    const fn new(stream: Stream) -> Self {
        Self { stream, acked: 0, offered: (0, false), over: false, seen: None }
    }

    /// Whether there is something that the server has not been offered.
    const fn wants(&self, total: u64, closed: bool) -> bool {
        let news = total > self.offered.0 || (closed && !self.offered.1);
        !self.over && total > self.acked && news
    }
}

/// The output of one attempt on its way.
pub struct Shipper {
    ships: [Ship; 2],
    /// Bytes of the next chunk: less where something on the way takes no more.
    chunk: u64,
    /// When the next chunk may go at the earliest.
    next: u64,
    /// Pause after the last chunk: short after a silence, longer with every chunk that follows soon.
    pause: u64,
    backoff: Backoff,
}

impl Default for Shipper {
    fn default() -> Self {
        Self { ships: Stream::ALL.map(Ship::new), chunk: LOG_CHUNK_BYTES, next: 0, pause: 0, backoff: Backoff::default() }
    }
}

impl Shipper {
    /// What is to be done, with bytes written to each stream by now, and whether no more will be.
    pub fn due(&mut self, now: u64, written: [u64; 2], closed: bool) -> Due {
        let mut at = u64::MAX;
        let mut chosen = None;
        for (ship, total) in self.ships.iter_mut().zip(written) {
            if closed && total <= ship.acked {
                ship.over = true;
            }
            if !ship.wants(total, closed) {
                ship.seen = None;
                continue;
            }
            // A moment for the rest of the line, once; a flood is slowed down by `next`.
            let ready = *ship.seen.get_or_insert(now) + if closed { 0 } else { LOG_LINGER_MS };
            // Whichever waits longer goes first.
            if ready < at {
                (at, chosen) = (ready, Some(ship.stream));
            }
        }
        let Some(stream) = chosen else {
            return if self.ships.iter().all(|ship| ship.over) { Due::Over } else { Due::Listen };
        };
        let at = at.max(self.next).max(self.backoff.due());
        if at <= now { Due::Now(stream) } else { Due::In(at - now) }
    }

    /// Send one chunk.
    pub fn step(&mut self, stream: Stream, closed: bool, client: &mut Client, attempt: &Attempt, credentials: &Credentials) {
        let total = output::written(attempt, stream.as_str());
        let ship = &mut self.ships[stream.index()];
        let place = Place { stream, acked: ship.acked, from: next_offset(ship.acked, total), limit: self.chunk, closed };
        let outcome = chunk::send(&place, client, attempt, credentials);
        let now = crate::clock::mono_ms();
        match outcome {
            Outcome::Taken { acked, state, offered } => {
                self.backoff.delivered();
                self.chunk = (self.chunk * 2).min(LOG_CHUNK_BYTES);
                // Only lower where the server has lost what it had.
                (ship.acked, ship.offered, ship.seen) = (acked, offered, None);
                ship.over = state != LogState::Open;
                if state == LogState::Stopped {
                    attempt.log(&format!("the server takes no more of {}", stream.as_str()));
                }
                self.slow_down(now, closed);
            }
            Outcome::TooLarge if self.chunk > LOG_CHUNK_LEAST_BYTES => {
                self.chunk /= 2;
            }
            Outcome::TooLarge => self.stop(stream, attempt, "too large for something on the way"),
            Outcome::Refused(why) => self.stop(stream, attempt, &why),
            Outcome::Later(pace, why) => {
                attempt.log(&format!("{} is not shipped: {why}", stream.as_str()));
                self.backoff.failed(now, pace);
                if matches!(pace, Pace::Unreachable | Pace::NoAnswer) && !closed {
                    // Somebody may be looking: a dead path is tried again soon, one small request at a time.
                    self.backoff.at_most(now + LOG_RETRY_CAP_MS);
                }
            }
        }
    }

    /// A line now and then goes at once; whoever writes on and on is sent [`LOG_POST_PAUSE_MS`] apart.
    fn slow_down(&mut self, now: u64, closed: bool) {
        let after_silence = now > self.next.saturating_add(2 * LOG_POST_PAUSE_MS);
        self.pause = if closed || after_silence { LOG_LAST_PAUSE_MS } else { (self.pause * 2).clamp(LOG_LAST_PAUSE_MS, LOG_POST_PAUSE_MS) };
        self.next = now + self.pause;
    }

    /// Something was answered again: what waits for a long pause need not.
    pub fn reached(&mut self) {
        self.backoff.now();
    }

    fn stop(&mut self, stream: Stream, attempt: &Attempt, why: &str) {
        attempt.log(&format!("{} is shipped no more: {why}", stream.as_str()));
        self.ships[stream.index()].over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_goes_at_once_and_a_flood_in_measured_chunks() {
        let mut shipper = Shipper::default();
        assert_eq!(shipper.due(1_000, [0, 0], false), Due::Listen);
        assert_eq!(shipper.due(1_000, [5, 0], false), Due::In(LOG_LINGER_MS));
        assert_eq!(shipper.due(1_000 + LOG_LINGER_MS, [5, 0], false), Due::Now(Stream::Stdout));
        shipper.ships[0].acked = 5;
        shipper.ships[0].offered = (5, false);
        shipper.ships[0].seen = None;
        shipper.next = 1_500;
        assert_eq!(shipper.due(1_100, [9, 0], false), Due::In(400), "within the pause");
        assert_eq!(shipper.due(1_500, [9, 7], false), Due::Now(Stream::Stdout), "what waits longer goes first");
    }

    #[test]
    fn f104_whoever_writes_on_and_on_is_sent_half_a_second_apart() {
        let mut shipper = Shipper::default();
        let pauses: Vec<u64> = (0..7)
            .map(|_| {
                let now = shipper.next + 1;
                shipper.slow_down(now, false);
                shipper.pause
            })
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 500, 500, 500]);
        shipper.slow_down(shipper.next + 60_000, false);
        assert_eq!(shipper.pause, 50, "after a silence");
        shipper.pause = 400;
        shipper.slow_down(shipper.next, true);
        assert_eq!(shipper.pause, 50, "the end is waited for");
    }

    #[test]
    fn what_the_server_holds_back_is_not_offered_again_until_there_is_more_or_the_end() {
        let mut shipper = Shipper::default();
        shipper.ships[0].acked = 3;
        shipper.ships[0].offered = (5, false);
        assert_eq!(shipper.due(10, [5, 0], false), Due::Listen);
        assert_eq!(shipper.due(10, [5, 0], true), Due::Now(Stream::Stdout), "the end shows what it was");
        shipper.ships[0].offered = (5, true);
        shipper.ships[0].acked = 5;
        assert_eq!(shipper.due(10, [5, 0], true), Due::Over);
    }
}
