//! Lengths of time in words.

use sortie_core::ids::Ms;

/// A length of time, coarse: people read it.
#[must_use]
pub fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match () {
        () if ms < 1_000 => format!("{ms} ms"),
        () if minutes == 0 => format!("{seconds} s"),
        () if hours == 0 => format!("{minutes} min"),
        () if days == 0 => format!("{hours} h {} min", minutes % 60),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// How long ago something was.
#[must_use]
pub fn ago(then: Ms, now: Ms) -> String {
    format!("{} ago", span(u64::try_from(now.saturating_sub(then)).unwrap_or(0)))
}

/// How far ahead something is, or since when it should have been.
#[must_use]
pub fn ahead(then: Ms, now: Ms) -> String {
    match u64::try_from(then.saturating_sub(now)) {
        Ok(ms) if ms > 0 => format!("in {}", span(ms)),
        _ => format!("now (due {})", ago(then, now)),
    }
}

/// `1 run`, `2 runs`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        for (ms, text) in [(900, "900 ms"), (59_999, "59 s"), (60_000, "1 min"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")] {
            assert_eq!(span(ms), text);
        }
        assert_eq!(ago(1_000, 4_000), "3 s ago");
        assert_eq!(ago(4_000, 1_000), "0 ms ago", "a clock that went back makes no huge number");
        assert_eq!(ahead(4_000, 1_000), "in 3 s");
        assert_eq!(ahead(1_000, 4_000), "now (due 3 s ago)");
    }
}
