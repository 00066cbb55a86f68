//! `Retry-After`: seconds or a date (RFC 9110, 10.2.3).

use super::limits::RETRY_AFTER_MS;
use sortie_core::ids::Ms;

/// How long the other side asks to be left alone, in milliseconds from `now`.
#[must_use]
pub fn parse(value: &str, now: Ms) -> Option<u64> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_millisecond();
            u64::try_from(at.saturating_sub(now)).unwrap_or(0)
        }
    };
    Some(wait.min(RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        assert_eq!(parse("120", 0), Some(120_000));
        assert_eq!(parse(" 0 ", 0), Some(0));
        assert_eq!(parse("99999999999999999999", 0), None);
        assert_eq!(parse("9999999999", 0), Some(RETRY_AFTER_MS));
        let at = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", at - 5_000), Some(5_000));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", at + 5_000), Some(0), "a time that has passed");
        for bad in ["", "soon", "-5", "1.5"] {
            assert_eq!(parse(bad, 0), None, "{bad}");
        }
    }
}
