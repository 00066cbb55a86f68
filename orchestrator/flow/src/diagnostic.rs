//! Diagnostics: what is wrong with a flow, where, and what to do about it.

use crate::limits::{EXCERPT_CHARS, SHOWN_FRAMES};
use serde::{Deserialize, Serialize};
use starlark::codemap::{CodeMap, FileSpan, Pos, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The flow cannot be released, or the run failed.
    Error,
    /// Probably not meant.
    Warning,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosticKind {
    /// The files are no bundle.
    Bundle,
    /// Not Starlark.
    Parse,
    /// `load` of a file that is not there, or of one that loads this one.
    Load,
    /// A name, argument, attribute or type that does not fit.
    Type,
    /// `flow(...)` is missing, called twice or wrongly.
    Manifest,
    /// `run` is missing or takes other parameters.
    Run,
    /// Two steps of one name.
    Step,
    /// A file that nothing loads.
    Unused,
    /// It failed while it was evaluated.
    Evaluation,
    /// A bound was exceeded.
    Limit,
}

/// One thing that is wrong. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub kind: DiagnosticKind,
    /// One or a few sentences.
    pub message: String,
    /// File of the bundle; without one the bundle as a whole is meant.
    pub file: Option<String>,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
    /// The source line, and carets under the place.
    pub excerpt: String,
    /// What to do.
    pub hint: Option<String>,
    /// Calls that led there, the outermost first, as `name at file:line:column`.
    pub stack: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    #[must_use]
    pub fn error(kind: DiagnosticKind, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind,
            message: message.into(),
            file: None,
            line: 0,
            column: 0,
            end_line: 0,
            end_column: 0,
            excerpt: String::new(),
            hint: None,
            stack: Vec::new(),
        }
    }

    /// As a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// In this file, at its start.
    #[must_use]
    pub fn in_file(self, file: &str, source: &str) -> Self {
        self.at_offset(file, source, 0)
    }

    /// At one byte of a file.
    #[must_use]
    pub fn at_offset(self, file: &str, source: &str, offset: usize) -> Self {
        let map = CodeMap::new(file.to_owned(), source.to_owned());
        let at = Pos::new(u32::try_from(offset).unwrap_or(0));
        self.at(&map.file_span(Span::new(at, at)))
    }

    /// At a place.
    #[must_use]
    pub fn at(mut self, span: &FileSpan) -> Self {
        let resolved = span.resolve_span();
        let one_based = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        self.file = Some(span.filename().to_owned());
        (self.line, self.column) = (one_based(resolved.begin.line), one_based(resolved.begin.column));
        (self.end_line, self.end_column) = (one_based(resolved.end.line), one_based(resolved.end.column));
        let line = span.file.source_line(resolved.begin.line);
        let to = if resolved.end.line == resolved.begin.line { resolved.end.column } else { usize::MAX };
        self.excerpt = excerpt(self.line, line, resolved.begin.column, to);
        self
    }

    /// What Starlark found wrong.
    #[must_use]
    pub fn from_starlark(kind: DiagnosticKind, error: &starlark::Error) -> Self {
        let message = format!("{:#}", error.without_diagnostic());
        let mut diagnostic = Self::error(kind, message.strip_prefix("fail:").map_or(message.as_str(), str::trim_start));
        let frames = &error.call_stack().frames;
        // The bounds of the interpreter come without a place of their own; the innermost call is the nearest.
        if let Some(span) = error.span().or_else(|| frames.iter().rev().find_map(|frame| frame.location.as_ref())) {
            diagnostic = diagnostic.at(span);
        }
        diagnostic.stack = frames
            .iter()
            .filter_map(|frame| {
                frame.location.as_ref().map(|at| format!("{} at {}:{}", frame.name, at.filename(), at.resolve_span().begin))
            })
            .collect();
        diagnostic
    }

    /// For people: message, place, excerpt, calls, hint.
    #[must_use]
    pub fn render(&self) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = format!("{word}: {}", self.message);
        if let Some(file) = &self.file {
            text += &format!("\n  --> {file}:{}:{}\n{}", self.line, self.column, self.excerpt);
        }
        if !self.stack.is_empty() {
            let hidden = self.stack.len().saturating_sub(SHOWN_FRAMES);
            text += "\n  called by";
            for frame in self.stack.iter().rev().take(SHOWN_FRAMES) {
                text += &format!("\n    {frame}");
            }
            if hidden > 0 {
                text += &format!("\n    and {hidden} more");
            }
        }
        if let Some(hint) = &self.hint {
            text += &format!("\n  hint: {hint}");
        }
        text
    }
}

/// A source line with carets under the characters from `from` up to `to`, cut around them where the line is long.
fn excerpt(number: u32, line: &str, from: usize, to: usize) -> String {
    let chars: Vec<char> = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let start = if from > EXCERPT_CHARS / 2 { from - EXCERPT_CHARS / 4 } else { 0 }.min(chars.len());
    let end = (start + EXCERPT_CHARS).min(chars.len());
    let shown: String = chars[start..end].iter().collect();
    let carets = to.min(end).saturating_sub(from).max(1);
    let gutter = " ".repeat(number.to_string().len());
    format!(" {gutter} |\n {number} | {shown}\n {gutter} | {}{}", " ".repeat(from.saturating_sub(start)), "^".repeat(carets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_place() {
        let map = CodeMap::new("flow.star".to_owned(), "a\nå = [1] + x\n".to_owned());
        let at = map.source().find("[1]").unwrap() as u32;
        let shown = Diagnostic::error(DiagnosticKind::Type, "no").at(&map.file_span(Span::new(Pos::new(at), Pos::new(at + 3)))).render();
        assert_eq!(shown, "error: no\n  --> flow.star:2:5\n   |\n 2 | å = [1] + x\n   |     ^^^");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = excerpt(7, &format!("{}HERE{}", "x".repeat(5_000), "y".repeat(5_000)), 5_000, 5_004);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].chars().count() < 200);
        assert_eq!(lines[1].find("HERE"), lines[2].find("^^^^"));
    }
}
