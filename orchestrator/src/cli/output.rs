//! The one place that prints: envelopes for programs, clean text for people, raw bytes only where asked for.

use super::clean;
use crate::envelope::{Meta, Problem, Success};
use crate::error_code::EXIT_DONE;
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One envelope on standard output; streams as one JSON document a line.
    Json,
    /// Text on standard output.
    Text,
}

impl Mode {
    /// What the flags say; without one, JSON where standard output is no terminal.
    #[must_use]
    pub fn choose(json: bool, text: bool) -> Self {
        match (json, text) {
            (true, _) => Self::Json,
            (false, true) => Self::Text,
            (false, false) if std::io::stdout().is_terminal() => Self::Text,
            (false, false) => Self::Json,
        }
    }
}

/// What a command has done.
pub struct Done {
    /// For programs; `None` where it was printed as a stream already.
    pub success: Option<Success>,
    /// For people.
    pub text: String,
    /// Whether the data is a document of its own, which is printed without the envelope unless `--json` asks for it.
    pub bare: bool,
}

impl Done {
    /// An answer and how people read it.
    #[must_use]
    pub fn new(success: Success, text: impl Into<String>) -> Self {
        Self { success: Some(success), text: text.into(), bare: false }
    }

    /// Everything was printed.
    #[must_use]
    pub fn silent() -> Self {
        Self { success: None, text: String::new(), bare: false }
    }

    /// A document in a format of its own (a JWKS, a JSON Schema), which other programs read.
    #[must_use]
    pub fn plain(document: Success, text: impl Into<String>) -> Self {
        Self { success: Some(document), text: text.into(), bare: true }
    }
}

/// Prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// For whom.
    pub mode: Mode,
    /// Whether `--json` said so: then documents come in the envelope too.
    pub asked: bool,
}

impl Output {
    /// Whether programs read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.mode == Mode::Json
    }

    /// Print what came of the command; gives its exit code.
    pub fn finish(self, result: Result<Done, Problem>) -> u8 {
        match (result, self.mode) {
            (Ok(Done { success: None, .. }), _) => EXIT_DONE,
            (Ok(Done { success: Some(success), bare, .. }), Mode::Json) => {
                self.json(&if bare && !self.asked { success.data } else { success.json() });
                EXIT_DONE
            }
            (Ok(Done { success: Some(success), text, .. }), Mode::Text) => {
                let next = next_lines(&success.meta);
                self.text(&text);
                self.note(&next);
                EXIT_DONE
            }
            (Err(problem), Mode::Json) => {
                self.json(&problem.json());
                problem.code.exit()
            }
            (Err(problem), Mode::Text) => {
                let hint = problem.hint.as_ref().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
                let message = problem.message.trim_end();
                let word = if message.starts_with("error: ") || message.starts_with("warning: ") { "" } else { "error: " };
                self.note(&format!("{word}{message}\n{hint}{}", next_lines(&problem.meta)));
                problem.code.exit()
            }
        }
    }

    /// One JSON document on one line.
    pub fn json(self, value: &Value) {
        write(std::io::stdout().lock(), format!("{}\n", clean::json(&value.to_string())).as_bytes());
    }

    /// People's text, made clean.
    pub fn text(self, text: &str) {
        if !text.is_empty() {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            write(std::io::stdout().lock(), format!("{}{end}", clean::text(text)).as_bytes());
        }
    }

    /// A piece of a remote stream, made clean, without a line break of our own.
    pub fn piece(self, text: &str) {
        write(std::io::stdout().lock(), clean::text(text).as_bytes());
    }

    /// Bytes as they came (`--raw`).
    pub fn raw(self, bytes: &[u8]) {
        write(std::io::stdout().lock(), bytes);
    }

    /// A remark for people on standard error.
    pub fn note(self, text: &str) {
        if !text.is_empty() {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            write(std::io::stderr().lock(), format!("{}{end}", clean::text(text)).as_bytes());
        }
    }
}

fn next_lines(meta: &Meta) -> String {
    meta.next.iter().map(|next| format!("next: {}\n", next.command)).collect()
}

/// A reader that went away (`| head -1`) is no failure (F011).
fn write(mut to: impl Write, bytes: &[u8]) {
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}
