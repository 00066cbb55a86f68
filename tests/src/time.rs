//! Times as the operator API writes them.

/// Unix milliseconds of a time such as `2026-11-22T20:50:15.123Z`: UTC, to the millisecond.
///
/// # Panics
/// Where it is not written so.
#[must_use]
pub fn unix_ms(text: &str) -> i64 {
    let number = |from: usize, to: usize| -> i64 {
        text.get(from..to).and_then(|part| part.parse().ok()).unwrap_or_else(|| panic!("not a time of the API: {text}"))
    };
    assert!(text.len() == 24 && text.ends_with('Z'), "not a time of the API: {text}");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years begin in March, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    (((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1_000 + number(20, 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(unix_ms("1970-01-01T00:00:00.000Z"), 0);
        assert_eq!(unix_ms("2023-11-14T22:13:20.000Z"), 1_700_000_000_000);
        assert_eq!(unix_ms("2024-02-29T12:00:00.001Z"), 1_709_208_000_001);
    }
}
