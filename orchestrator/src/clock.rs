//! The one clock of the program.

use sortie_core::ids::Ms;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time that no jump of the system's clock can move: read once, then carried on by the monotonic clock (F031, F032).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Ms,
    since: Instant,
}

impl Clock {
    /// A clock that agrees with the system's now.
    #[must_use]
    pub fn system() -> Self {
        Self { wall: system_ms(), since: Instant::now() }
    }

    /// Now, Unix milliseconds.
    #[must_use]
    pub fn now(&self) -> Ms {
        self.wall.saturating_add(Ms::try_from(self.since.elapsed().as_millis()).unwrap_or(Ms::MAX))
    }

    /// Now, Unix seconds.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        self.now().div_euclid(1_000)
    }

    /// How far the system's clock has jumped since, in milliseconds; positive when it is ahead.
    #[must_use]
    pub fn jump(&self) -> Ms {
        system_ms() - self.now()
    }

    /// How long until a time, zero if it has passed.
    #[must_use]
    pub fn until(&self, at: Ms) -> Duration {
        Duration::from_millis(u64::try_from(at.saturating_sub(self.now())).unwrap_or(0))
    }
}

fn system_ms() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ms::try_from(since.as_millis()).unwrap_or(Ms::MAX)
}

/// RFC 3339 text in UTC with milliseconds.
#[must_use]
pub fn rfc3339(at: Ms) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| format!("{at} ms"), |time| format!("{time:.3}"))
}
