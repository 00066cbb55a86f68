//! Options of the job's commands: `--name value` or `--name=value`, plain words in between, and lengths of time.

use super::Failure;
use std::collections::BTreeMap;

/// What a command was given.
#[derive(Debug, Default)]
pub struct Options {
    /// By name without dashes.
    pub named: BTreeMap<String, String>,
    /// The rest, in order.
    pub words: Vec<String>,
}

impl Options {
    /// Read them; `known` are the names that take a value.
    pub fn parse(arguments: &[&str], known: &[&str]) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if *argument == "--" {
                found.words.extend(rest.by_ref().map(|word| (*word).to_owned()));
                break;
            }
            let Some(option) = argument.strip_prefix("--") else {
                found.words.push((*argument).to_owned());
                continue;
            };
            let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            if !known.contains(&name) {
                return Err(Failure::usage(format!("--{name} is not known here")));
            }
            let value = value.or_else(|| rest.next().copied()).ok_or_else(|| Failure::usage(format!("--{name} needs a value")))?;
            if found.named.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Failure::usage(format!("--{name} is given twice")));
            }
        }
        Ok(found)
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// A length of time among them, in milliseconds.
    pub fn duration_ms(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let fault = || Failure::usage(format!("--{name}: {text:?} is no length of time such as 30s, 10m, 2h or 1d"));
        duration_ms(text).map(Some).ok_or_else(fault)
    }

    /// The one word there must be.
    pub fn one(&self, what: &str) -> Result<&str, Failure> {
        match &self.words[..] {
            [word] => Ok(word),
            [] => Err(Failure::usage(format!("{what} is missing"))),
            [_, more, ..] => Err(Failure::usage(format!("{more:?} is one word too many"))),
        }
    }
}

/// `500ms`, `30s`, `10m`, `2h`, `1d`.
pub fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_words_are_told_apart() {
        let found = Options::parse(&["a", "--x=1", "--y", "2 3", "b", "--", "--x"], &["x", "y"]).unwrap();
        assert_eq!(
            (found.get("x"), found.get("y"), found.words.clone()),
            (Some("1"), Some("2 3"), vec!["a".into(), "b".into(), "--x".into()])
        );
        for bad in [&["--z", "1"][..], &["--x"], &["--x", "1", "--x", "2"]] {
            assert_eq!(Options::parse(bad, &["x"]).unwrap_err().code.as_str(), "usage", "{bad:?}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        let cases =
            [("500ms", Some(500)), ("30s", Some(30_000)), ("10m", Some(600_000)), ("2h", Some(7_200_000)), ("1d", Some(86_400_000))];
        for (text, wanted) in cases {
            assert_eq!(duration_ms(text), wanted, "{text}");
        }
        for bad in ["", "1", "h", "-1s", "1.5h", "1 h", "99999999999999999999s", "1w"] {
            assert_eq!(duration_ms(bad), None, "{bad:?}");
        }
    }
}
