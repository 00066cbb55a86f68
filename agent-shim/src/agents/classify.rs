//! How an agent ended: a pure function of its stream, its exit, its last words, and whether somebody had asked for the end.
//!
//! Exit codes alone say little: Claude Code ends with 0 where every tool was denied and where it was interrupted, Gemini CLI with
//! the HTTP status modulo 256, opencode with 0 after it rejected a tool by itself.

use super::limits::{DENIALS, ERROR_BYTES};
use super::seen::{Cause, Done, Seen, cut};
use super::{cause, codex, gemini};
use sortie_protocol::agent::{AgentKind, AgentOutcome, Denial, Permissions};

/// What is known beside the stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ending<'a> {
    /// Exit code.
    pub code: Option<i32>,
    /// Signal that ended it.
    pub signal: Option<i32>,
    /// Whether somebody had asked for its end, a limit of the shim included.
    pub stopped: bool,
    /// Whether a question of its is open.
    pub parked: bool,
    /// The last that it wrote to standard error.
    pub stderr: &'a str,
    /// Why it could not be started.
    pub spawn_error: Option<&'a str>,
}

/// What was read, with what standard error alone tells: Codex leaves calls that it refuses out of its stream.
pub fn with_last_words(kind: AgentKind, seen: &Seen, stderr: &str) -> Seen {
    let mut seen = seen.clone();
    if kind == AgentKind::Codex {
        codex::refused(stderr).into_iter().for_each(|denial| seen.denied(denial));
    }
    seen
}

/// Outcome, and in words what went wrong.
pub fn judge(kind: AgentKind, permissions: Permissions, seen: &Seen, ending: &Ending<'_>) -> (AgentOutcome, Option<String>) {
    if let Some(error) = ending.spawn_error {
        return (AgentOutcome::Error, Some(cut(error, ERROR_BYTES)));
    }
    let denials = denials(permissions, seen);
    // opencode gives up after it has rejected a tool, with neither a word nor an exit code.
    let gave_up = kind == AgentKind::Opencode && ending.code == Some(0) && seen.done.is_none() && !denials.is_empty();
    let well = seen.done == Some(Done::Well) || gave_up || (kind == AgentKind::Command && ending.code == Some(0));
    if well {
        let outcome = match () {
            () if ending.parked => AgentOutcome::Parked,
            () if !denials.is_empty() => AgentOutcome::CompletedWithDenials,
            () => AgentOutcome::Completed,
        };
        return (outcome, None);
    }
    if ending.stopped {
        return (AgentOutcome::Cancelled, seen.error.clone());
    }
    let said = seen.cause.zip(seen.error.clone());
    let by_exit = || {
        let words = telling_line(ending.stderr, ending.code.is_some());
        let cause = ending.code.filter(|_| kind == AgentKind::Gemini).and_then(gemini::cause_of_exit);
        let cause = cause.or_else(|| words.as_deref().map(cause::of_words)).unwrap_or(Cause::Other);
        (cause, words.unwrap_or_else(|| ended(ending)))
    };
    let (cause, words) = said.unwrap_or_else(by_exit);
    let outcome = match cause {
        Cause::Auth => AgentOutcome::Auth,
        Cause::Quota => AgentOutcome::Quota,
        Cause::Unavailable => AgentOutcome::Unavailable,
        Cause::Limit => AgentOutcome::Limit,
        Cause::Interrupted | Cause::InUse | Cause::Other if ending.parked => AgentOutcome::Parked,
        Cause::Interrupted | Cause::InUse | Cause::Other => AgentOutcome::Error,
    };
    let words = match cause {
        Cause::InUse => format!("the agent was started before for this attempt, and this second start was refused by itself: {words}"),
        _ => words,
    };
    (outcome, Some(cut(&words, ERROR_BYTES)))
}

/// What was denied. Where everything is allowed, a tool that is not there is a slip of the model and no denial.
pub fn denials(permissions: Permissions, seen: &Seen) -> Vec<Denial> {
    let absent = seen.absent.iter().filter(|_| permissions != Permissions::All);
    seen.denials.iter().chain(absent).take(DENIALS).cloned().collect()
}

fn ended(ending: &Ending<'_>) -> String {
    match (ending.code, ending.signal) {
        (Some(code), _) => format!("its stream ended without a final event, with exit code {code}"),
        (None, Some(signal)) => format!("its stream ended without a final event, by signal {signal}"),
        (None, None) => "its stream ended without a final event".to_owned(),
    }
}

/// The line of standard error that says why: the first that calls itself an error, else the last, where the agent went by itself.
fn telling_line(stderr: &str, by_itself: bool) -> Option<String> {
    let plain = without_escapes(stderr);
    let lines = || plain.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find(|line| line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")));
    error.or_else(|| lines().next_back().filter(|_| by_itself)).map(str::to_owned)
}

fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // CSI: up to its final byte.
            chars.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            plain.push(c);
        }
    }
    plain
}
