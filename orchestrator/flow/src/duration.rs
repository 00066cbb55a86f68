//! Durations as flows write them: `"90s"`, `"5m"`, `"1h30m"`, `"500ms"`, `"1d"`.

use sortie_core::limits::LONGEST_MS;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Milliseconds of a duration, at least 1 and at most a year ([`LONGEST_MS`]).
///
/// # Errors
/// A sentence that says what a duration looks like, and what came.
pub fn parse(text: &str) -> Result<u64, String> {
    let shape = || format!("expected a duration such as \"90s\", \"5m\", \"1h30m\" or \"500ms\", got {text:?}");
    let (mut rest, mut total, mut last_unit) = (text, 0_u64, u64::MAX);
    if rest.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(shape)?;
        if size >= last_unit || number.is_empty() {
            return Err(shape());
        }
        let number = number.parse::<u64>().map_err(|_| shape())?;
        total = number.checked_mul(size).and_then(|ms| ms.checked_add(total)).ok_or_else(too_long)?;
        (rest, last_unit) = (&rest[digits + letters..], size);
    }
    match total {
        0 => Err("the duration is zero".to_owned()),
        1..=LONGEST_MS => Ok(total),
        _ => Err(too_long()),
    }
}

fn too_long() -> String {
    format!("the duration is longer than {} days", LONGEST_MS / 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units() {
        for (text, ms) in [("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("500ms", 500), ("1d", 86_400_000), ("366d", LONGEST_MS)]
        {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in
            ["", "5", "m", "5 m", "-5m", "1.5h", "5m1h", "5m5m", "0s", "367d", "99999999999999999999s", "9999999999999999d", "5µs", "５m"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
