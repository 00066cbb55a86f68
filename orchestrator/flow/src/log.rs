//! What a flow logs. A line is numbered within its run, so that it can be kept exactly once however often it is replayed.

use crate::limits::{LOG_LINE_CHARS, LOG_LINES};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};

/// One line that a flow logged with `log` or `print`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Number of the line within the run, from 1, the same in every evaluation; 0 for a remark of the engine.
    pub index: u32,
    /// Durable calls made before it.
    pub after_call: u32,
    /// What was logged, cut to [`LOG_LINE_CHARS`].
    pub text: String,
}

/// Lines of one evaluation.
#[derive(Debug, Default)]
pub struct Log {
    /// Lines up to this number have been kept before.
    known: u32,
    seen: Cell<u32>,
    lines: RefCell<Vec<LogLine>>,
}

impl Log {
    /// A log whose first `known` lines have been kept before.
    #[must_use]
    pub fn after(known: u32) -> Self {
        Self { known, ..Self::default() }
    }

    /// Keep a line, unless it was kept before or there are too many.
    pub fn line(&self, after_call: u32, text: &str) {
        let index = self.seen.get().saturating_add(1);
        self.seen.set(index);
        let mut lines = self.lines.borrow_mut();
        if index > self.known && lines.len() < LOG_LINES {
            lines.push(LogLine { index, after_call, text: text.chars().take(LOG_LINE_CHARS).collect() });
        }
    }

    /// Keep a line that is not the flow's: it has number 0, and comes in addition.
    pub fn note(&self, after_call: u32, text: &str) {
        self.lines.borrow_mut().push(LogLine { index: 0, after_call, text: text.to_owned() });
    }

    /// The new lines.
    #[must_use]
    pub fn take(&self) -> Vec<LogLine> {
        self.lines.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lines_are_silent() {
        let log = Log::after(1);
        log.line(0, "first");
        log.line(1, "second");
        assert_eq!(log.take(), vec![LogLine { index: 2, after_call: 1, text: "second".into() }]);
    }

    #[test]
    fn lines_are_bounded() {
        let log = Log::after(0);
        (0..LOG_LINES * 2).for_each(|_| log.line(0, "x"));
        assert_eq!(log.take().len(), LOG_LINES);
    }
}
