//! Sizes as flows write them: "512MiB", "4GiB".

/// Units and their bytes.
const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Bytes of a size, at least one.
///
/// # Errors
/// For people.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a size such as \"512MiB\" or \"4GiB\", got {text:?}");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    // As much as SQLite and JSON can carry.
    number.checked_mul(*factor).filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        for (text, bytes) in [("512MiB", 512 << 20), ("4GiB", 4 << 30), ("1B", 1), ("2MB", 2_000_000)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "4", "GiB", "0GiB", "-1GiB", "1.5GiB", "4 GiB", "4gib", "99999999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
