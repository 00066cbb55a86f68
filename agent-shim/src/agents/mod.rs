//! Coding agents: from a task to a process that runs unattended, and from its stream to a report.
//!
//! ```text
//! agent/start.json     how it was started: session, working directory, what the session had used before
//! agent/read.json      what was understood of its stream, and up to where
//! agent/progress.json  said with the job's own progress
//! agent/report.json    goes with the result
//! agent/...            files that it is started with; nothing goes into the user's own configuration
//! ```
//!
//! | part | what it does |
//! | --- | --- |
//! | [`claude`], [`codex`], [`gemini`], [`opencode`] | words and environment of each, and what its events mean; no I/O |
//! | [`prepare`], [`session`], [`transcript`], [`plant`] | before the start: which session, where, with which files |
//! | [`stream`], [`seen`], [`watch`] | while it runs, in a thread beside the supervisor |
//! | [`end`], [`classify`], [`cause`], [`report`] | how it is asked to end, and how it has ended |

mod cause;
mod classify;
mod claude;
mod codex;
mod end;
mod gemini;
mod launch;
pub mod limits;
mod opencode;
mod plant;
mod prepare;
mod report;
mod seen;
mod session;
mod stream;
mod transcript;
mod watch;

pub use end::ask as ask_to_end;
pub use prepare::{check, prepare};
pub use report::kept as report;
pub use seen::Count;
pub use session::{dir, standing};
pub use watch::{Over, Watched, conclude, progress_file, visible};

/// A line of somebody else, as long as a log or a report can bear.
pub fn shortened(line: &str) -> String {
    seen::cut(line, limits::ERROR_BYTES)
}

#[cfg(test)]
mod tests;
