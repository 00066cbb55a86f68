//! Output of a job on a terminal or in a file: two streams in one, marks, gaps, and characters that were cut in two.

use super::logs::Page;
use crate::cli::clean::Utf8Pieces;
use crate::cli::output::Output;
use serde_json::{Value, json};

/// What a line of standard error begins with where both streams are shown.
const MARK: &str = "err| ";

/// Shows pages as they come.
pub(super) struct Screen {
    out: Output,
    raw: bool,
    /// Whether lines of standard error are marked.
    marks: bool,
    /// One for each stream: a character may be cut by what the other one wrote.
    pieces: [Utf8Pieces; 2],
    /// Which stream wrote last, and whether its line has ended.
    last: (usize, bool),
}

impl Screen {
    /// An empty one.
    pub(super) fn new(out: Output, raw: bool, marks: bool) -> Self {
        Self { out, raw, marks, pieces: Default::default(), last: (0, true) }
    }

    /// The next page.
    pub(super) fn show(&mut self, page: &Page) {
        if self.out.is_json() && !self.raw {
            let text: String = page.pieces.iter().map(|(stream, _, bytes)| self.pieces[index(stream)].push(bytes)).collect();
            // A page without news is no line.
            if !page.pieces.is_empty() || page.about["over"] == json!(true) {
                let mut line: Value = page.about.clone();
                line["text"] = text.into();
                self.out.json(&line);
            }
            return;
        }
        for (stream, gap, bytes) in &page.pieces {
            if *gap > 0 {
                self.gap(*gap);
            }
            if self.raw {
                self.out.raw(bytes);
            } else {
                let text = self.pieces[index(stream)].push(bytes);
                let text = self.laid_out(index(stream), &text);
                self.out.piece(&text);
            }
        }
    }

    /// What is missing is said where it is missing; beside raw bytes on standard error.
    fn gap(&mut self, bytes: u64) {
        let text = format!("... {} bytes not kept ...\n", grouped(bytes));
        if self.raw {
            self.out.note(&text);
        } else {
            let before = if self.last.1 { "" } else { "\n" };
            self.out.piece(&format!("{before}{text}"));
            self.last.1 = true;
        }
    }

    /// Text of a stream after what was shown before it: on a line of its own, marked where it has to be.
    fn laid_out(&mut self, stream: usize, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        if text.is_empty() {
            return out;
        }
        if self.last.0 != stream && !self.last.1 {
            out.push('\n');
            self.last.1 = true;
        }
        for line in text.split_inclusive('\n') {
            if self.marks && stream == 1 && self.last.1 {
                out.push_str(MARK);
            }
            out.push_str(line);
            self.last.1 = line.ends_with('\n');
        }
        self.last.0 = stream;
        out
    }

    /// The end of an attempt's output, perhaps with a successor.
    pub(super) fn end(&mut self, newer: Option<&str>) {
        if self.out.is_json() || self.raw {
            return;
        }
        for stream in 0..2 {
            let rest = self.pieces[stream].end();
            let rest = self.laid_out(stream, &rest);
            self.out.piece(&rest);
        }
        if let Some(newer) = newer {
            self.out.note(&format!("{}--- {newer} ---", if self.last.1 { "" } else { "\n" }));
            self.last.1 = true;
        }
    }

    /// Why something is missing at the end.
    pub(super) fn note(&self, page: &Page) {
        if let Some(note) = page.about["note"].as_str()
            && page.about["state"] != json!("complete")
        {
            self.out.note(&format!("the output may not be complete: {note}"));
        }
    }
}

fn index(stream: &str) -> usize {
    usize::from(stream == "stderr")
}

/// `123,456`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Mode;

    #[test]
    fn streams_take_turns_by_lines_and_errors_are_marked() {
        let mut screen = Screen::new(Output { mode: Mode::Text, asked: false }, false, true);
        let mut shown = String::new();
        for (stream, text) in [(0, "one\ntw"), (1, "bad\nwor"), (1, "se\n"), (0, "o\n"), (1, "\n")] {
            shown += &screen.laid_out(stream, text);
        }
        assert_eq!(shown, "one\ntw\nerr| bad\nerr| worse\no\nerr| \n");
        let mut alone = Screen::new(Output { mode: Mode::Text, asked: false }, false, false);
        assert_eq!(alone.laid_out(1, "plain\n"), "plain\n");
    }

    #[test]
    fn gaps_are_counted_in_groups_of_three() {
        let all: Vec<String> = [0, 12, 123, 1_234, 123_456, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(all, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }
}
