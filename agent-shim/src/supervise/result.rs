//! The result of an attempt, as its supervisor saw it.

use crate::artifacts::Files;
use crate::attempt::{Attempt, Child, Exit, Stop};
use crate::contain::usage::most;
use crate::limits::RESULT_DEPTH;
use crate::reports::{self, depth};
use crate::supervise::pulse;
use crate::{agents, asks, clock, output};
use sortie_protocol::callback::{CallbackKind, JobOutcome, JobResult};
use sortie_protocol::confine::ResourceUse;
use sortie_protocol::limits::{RESULT_BYTES, RESULT_DOCUMENT_BYTES};
use std::io;

/// How the job came to its end.
pub enum End {
    /// The main process ended; `stop` where the shim had set out to end it, `oom` where its cgroup says so.
    Exit { exit: Exit, stop: Option<Stop>, oom: bool },
    /// It was to be ended before it had begun.
    NeverStarted(Stop),
    /// Its supervisor, its keeper and its processes are gone without a record.
    Lost,
    /// Its supervisor died before it had let it run.
    NotRun,
    /// The machine was started anew.
    Interrupted,
}

impl End {
    /// As much of it as a coding agent is judged by.
    pub fn of_agent(&self) -> agents::Over {
        match self {
            Self::Exit { exit, stop, .. } => agents::Over {
                code: exit.code,
                signal: exit.signal,
                stop: stop.as_ref().map(|stop| stop.reason.clone()),
                spawn_error: exit.spawn_error.clone(),
            },
            Self::NeverStarted(_) | Self::Lost | Self::NotRun | Self::Interrupted => agents::Over::default(),
        }
    }
}

/// What was seen of the job's processes at its end.
#[derive(Debug, Default)]
pub struct Seen {
    /// Whether the tree is verified to be gone.
    pub gone: bool,
    /// What they used.
    pub used: Option<ResourceUse>,
    /// How many had outlived the main process.
    pub leftovers: u32,
}

impl Seen {
    /// There is nobody, and nothing is known of what was.
    pub fn nothing() -> Self {
        Self { gone: true, ..Self::default() }
    }
}

/// Outcome and explanation.
fn outcome(end: &End) -> (JobOutcome, Option<String>) {
    match end {
        End::Exit { stop: Some(stop), .. } if stop.timed_out => (JobOutcome::TimedOut, None),
        End::Exit { stop: Some(_), .. } => (JobOutcome::Stopped, None),
        End::Exit { exit: Exit { spawn_error: Some(error), .. }, .. } => (JobOutcome::SpawnFailed, Some(error.clone())),
        // Told as a shell tells it of its child, too.
        End::Exit { exit: Exit { signal: Some(9), .. } | Exit { code: Some(137), .. }, oom: true, .. } => (JobOutcome::Oom, None),
        End::Exit { exit: Exit { signal: Some(_), .. }, .. } => (JobOutcome::Signalled, None),
        End::Exit { .. } => (JobOutcome::Exited, None),
        End::NeverStarted(_) => (JobOutcome::Stopped, Some("ended before it had begun".to_owned())),
        End::Lost => (JobOutcome::Lost, Some("the supervisor died, and how the job ended is not known".to_owned())),
        End::NotRun => (JobOutcome::Lost, Some("the supervisor died before the job had begun: it was never run".to_owned())),
        End::Interrupted => (JobOutcome::Interrupted, Some("the machine was started anew while the job ran".to_owned())),
    }
}

/// The data of the `result` event.
pub fn build(attempt: &Attempt, child: Option<&Child>, end: &End, seen: &Seen, files: Files) -> JobResult {
    let (outcome, message) = outcome(end);
    let exit = if let End::Exit { exit, .. } = end { exit.clone() } else { Exit::default() };
    let stop = match end {
        End::Exit { stop, .. } => stop.clone(),
        End::NeverStarted(stop) => Some(stop.clone()),
        End::Lost | End::NotRun | End::Interrupted => None,
    };
    let (result, result_kept, result_error) = match files.document {
        Some(Ok(kept)) => (None, Some(kept), None),
        Some(Err(why)) => (None, None, Some(why)),
        None => match document(attempt) {
            Ok(document) => (document, None, None),
            Err(why) => (None, None, Some(why)),
        },
    };
    let report = |kind| child.and_then(|child| reports::last(attempt, child, kind));
    let ended = if exit.mono_ms > 0 { exit.mono_ms } else { clock::mono_ms() };
    let known = !matches!(end, End::Interrupted | End::NotRun);
    JobResult {
        outcome,
        exit_code: exit.code,
        signal: exit.signal,
        stop_reason: stop.map(|stop| stop.reason),
        tree_gone: seen.gone,
        started_at_ms: child.map_or_else(clock::wall_ms, |child| child.started_at_ms),
        duration_ms: child.filter(|_| known).map_or(0, |child| ended.saturating_sub(child.started_mono_ms)),
        result,
        result_error,
        result_kept,
        artifacts: files.artifacts,
        progress: report(CallbackKind::Progress),
        checkpoint: report(CallbackKind::Checkpoint),
        output: output::tail(attempt, "stdout"),
        error_output: output::tail(attempt, "stderr"),
        stdout_bytes: output::written(attempt, "stdout"),
        stderr_bytes: output::written(attempt, "stderr"),
        message,
        agent: agents::report(attempt),
        used: used(attempt, seen),
        held: child.map(|child| child.hold().held),
        suspended_ms: child.filter(|_| known).and_then(Child::suspended_ms),
        asked_ms: known.then(|| asks::asked_ms(attempt, ended)).filter(|ms| *ms > 0),
        leftovers: child.filter(|_| known).map(|_| seen.leftovers),
    }
}

/// With what heartbeats had counted before its groups were gone or its supervisor died.
fn used(attempt: &Attempt, seen: &Seen) -> Option<ResourceUse> {
    let before = pulse::last(attempt).and_then(|last| last.beat.used);
    match (before, seen.used) {
        (Some(before), Some(now)) => Some(most(before, now)),
        (before, now) => now.or(before),
    }
}

/// What the job left in `$SORTIE_RESULT`: a regular file of bounded size and depth, never read through a symlink.
fn document(attempt: &Attempt) -> Result<Option<serde_json::Value>, String> {
    let bytes = match attempt.read_reported("document.json", RESULT_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Err("a symbolic link".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(format!("larger than {RESULT_DOCUMENT_BYTES} bytes")),
        Err(error) => return Err(error.to_string()),
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| format!("not JSON: {error}"))?;
    if depth(&value) > RESULT_DEPTH {
        return Err(format!("nested deeper than {RESULT_DEPTH}"));
    }
    Ok(Some(value))
}
