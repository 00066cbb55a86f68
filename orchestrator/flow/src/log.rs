//! What a flow logs. A line is numbered within its run, so that it can be kept exactly once however often it is replayed.

use crate::limits::{CALL_WARNING, LOG_LINE_CHARS, LOG_LINES};
use sortie_core::evaluation::LogLine;
use sortie_core::limits;
use std::cell::{Cell, RefCell};

/// Lines of one evaluation.
#[derive(Debug, Default)]
pub struct Log {
    /// Lines up to this number have been kept before.
    known: u32,
    seen: Cell<u32>,
    warned: Cell<bool>,
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
        self.warn(after_call);
        self.keep(after_call, text);
    }

    /// Say once that the run comes near its bound of durable calls: before the first line after the call at 80 %, and so at the
    /// same place in every evaluation.
    pub fn warn(&self, after_call: u32) {
        if after_call >= CALL_WARNING && !self.warned.replace(true) {
            let most = limits::CALLS_PER_RUN;
            self.keep(CALL_WARNING, &format!("warning: the run has made {CALL_WARNING} of at most {most} durable calls"));
        }
    }

    fn keep(&self, after_call: u32, text: &str) {
        let index = self.seen.get().saturating_add(1);
        self.seen.set(index);
        let mut lines = self.lines.borrow_mut();
        if index > self.known && index <= limits::LOG_LINES && lines.len() < LOG_LINES {
            lines.push(LogLine { after_call, text: text.chars().take(LOG_LINE_CHARS).collect() });
        }
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
        assert_eq!(log.take(), vec![LogLine { after_call: 1, text: "second".into() }]);
    }

    #[test]
    fn the_warning_stands_at_the_same_place_in_every_evaluation() {
        let told = |known, lines: &[u32]| {
            let log = Log::after(known);
            lines.iter().for_each(|after| log.line(*after, "x"));
            log.warn(CALL_WARNING);
            log.take().into_iter().map(|line| line.text.starts_with("warning")).collect::<Vec<_>>()
        };
        assert_eq!(told(0, &[1]), [false, true]);
        assert_eq!(told(2, &[1, CALL_WARNING + 5]), [false], "it was kept before");
        assert_eq!(told(0, &[1, CALL_WARNING + 5]), [false, true, false]);
    }

    #[test]
    fn lines_are_bounded() {
        let log = Log::after(0);
        (0..LOG_LINES * 2).for_each(|_| log.line(0, "x"));
        assert_eq!(log.take().len(), LOG_LINES);
    }
}
