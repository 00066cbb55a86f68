//! Points in time as flows write them: RFC 3339 text.

use jiff::Timestamp;

/// Unix milliseconds of an RFC 3339 text such as `2026-01-31T09:30:00+01:00`.
///
/// # Errors
/// A sentence that says what a time looks like, and what came.
pub fn parse(text: &str) -> Result<i64, String> {
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .map_err(|_| format!("expected a time such as \"2026-01-31T09:30:00Z\" or Unix milliseconds, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_times_with_an_offset() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-01-31T09:30:00+01:00", 1_769_848_200_000),
            ("2026-01-31T09:30:00.5-00:30", 1_769_853_600_500),
        ] {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
        for text in ["", "2026-01-31", "2026-01-31T09:30:00", "2026-02-29T00:00:00Z", "tomorrow at 9"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
