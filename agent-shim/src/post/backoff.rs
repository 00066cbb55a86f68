//! When the next try is due: doubling with full jitter while fresh, slower after half an hour, or as the server says.

use crate::limits::FRESH_MS;
use crate::post::answer::Pace;
use crate::sign::random_below;
use sortie_protocol::limits::{POST_BACKOFF_CAP_MS, POST_BACKOFF_MS, POST_BACKOFF_SLOW_MS, RETRY_AFTER_CAP_MS};

/// The pace of one server.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    since: u64,
    due: u64,
}

impl Backoff {
    /// Monotonic milliseconds of the next try.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// Whether it has come.
    pub fn is_due(&self, now: u64) -> bool {
        self.due <= now
    }

    /// Something new deserves a try at once, and a quick one after it.
    pub fn now(&mut self) {
        *self = Self::default();
    }

    /// A receipt was read.
    pub fn delivered(&mut self) {
        *self = Self::default();
    }

    /// Not later than this.
    pub fn at_most(&mut self, at: u64) {
        self.due = self.due.min(at);
    }

    /// A try failed.
    pub fn failed(&mut self, now: u64, pace: Pace) {
        if self.failures == 0 {
            self.since = now;
        }
        self.failures = self.failures.saturating_add(1);
        self.due = now.saturating_add(match pace {
            Pace::Unreachable | Pace::NoAnswer => 1 + random_below(self.ceiling(now)),
            Pace::Slow => POST_BACKOFF_SLOW_MS / 2 + random_below(POST_BACKOFF_SLOW_MS / 2),
            Pace::Hourly | Pace::Never => RETRY_AFTER_CAP_MS,
            // Spread over a tenth: everybody was told the same.
            Pace::After(ms) => (ms + random_below(ms / 10 + POST_BACKOFF_MS / 10)).min(RETRY_AFTER_CAP_MS),
        });
    }

    fn ceiling(&self, now: u64) -> u64 {
        let cap = if now.saturating_sub(self.since) > FRESH_MS { POST_BACKOFF_SLOW_MS } else { POST_BACKOFF_CAP_MS };
        POST_BACKOFF_MS.saturating_mul(1 << (self.failures - 1).min(20)).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f043_pauses_double_to_their_cap_and_slow_down_after_half_an_hour() {
        let mut backoff = Backoff::default();
        let mut now = 0;
        for n in 0..30 {
            backoff.failed(now, Pace::Unreachable);
            let ceiling = (POST_BACKOFF_MS << n.min(20)).min(POST_BACKOFF_CAP_MS);
            assert!(backoff.due() > now && backoff.due() <= now + ceiling, "try {n}");
            now += 1000;
        }
        now += FRESH_MS;
        let slow = (0..200).any(|_| {
            backoff.failed(now, Pace::Unreachable);
            backoff.due() - now > POST_BACKOFF_CAP_MS
        });
        assert!(slow);
        backoff.failed(now, Pace::Slow);
        assert!(backoff.due() - now >= POST_BACKOFF_SLOW_MS / 2);
        backoff.failed(now, Pace::After(3_600_000));
        assert_eq!(backoff.due() - now, 3_600_000);
        backoff.now();
        assert!(backoff.is_due(now));
    }
}
