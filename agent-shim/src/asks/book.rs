//! `asks.json`: what only this machine knows of the questions in an attempt's log.

use crate::attempt::Attempt;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

/// Questions by their number in the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// One for each.
    pub questions: BTreeMap<u64, Question>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// When it was asked, by the monotonic clock, milliseconds.
    pub opened_mono_ms: u64,
    /// Whether the job was told its answer.
    #[serde(default)]
    pub read: bool,
    /// Whether the job was told to go on without an answer.
    #[serde(default)]
    pub parked: bool,
}

impl Book {
    /// As it is on disk; empty where nothing was asked.
    pub fn read(attempt: &Attempt) -> Self {
        files::read_json(&attempt.file("asks.json")).unwrap_or_default()
    }

    /// Replace it, durably.
    pub fn write(&self, attempt: &Attempt) -> io::Result<()> {
        files::replace_json(&attempt.file("asks.json"), self)
    }
}

/// Milliseconds that these spans cover together.
pub fn covered(spans: impl Iterator<Item = (u64, u64)>) -> u64 {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    let (mut sum, mut end) = (0, 0);
    for (from, to) in spans {
        let from = from.max(end);
        sum += to.saturating_sub(from);
        end = end.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn what_two_questions_share_counts_once() {
        assert_eq!(covered([].into_iter()), 0);
        assert_eq!(covered([(10, 20), (15, 30), (30, 31), (40, 40)].into_iter()), 21);
        assert_eq!(covered([(10, 50), (20, 30), (60, 50)].into_iter()), 40);
    }
}
