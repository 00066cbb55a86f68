//! The process that makes one checkpoint, and the supervisor's hand on it.

use super::snapshot::{self, Session, What};
use super::{RECORD, area, limits, ship, user};
use crate::attempt::Attempt;
use crate::{agents, clock, files, spawn, tree};
use rustix::process::{Resource, Rlimit, Signal, getpgrp, kill_process_group, setrlimit};
use serde_json::json;
use sortie_protocol::agent::AgentCheckpoint;
use sortie_protocol::limits::CHECKPOINT_BYTES;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdout, Stdio};

/// A process that makes a checkpoint, as its supervisor sees it.
pub struct Helper {
    spared: tree::Spared,
    /// Closed when it is over, however it came to that.
    open: Option<ChildStdout>,
}

impl Helper {
    /// Start it; it ends after `time_ms` by itself.
    pub fn start(attempt: &Attempt, number: u32, time_ms: u64) -> io::Result<Self> {
        let mut command = spawn::stage("keep-work", attempt);
        command.arg(number.to_string()).arg(time_ms.to_string()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let (spared, open) = tree::Spared::spawn(&mut command)?;
        Ok(Self { spared, open })
    }

    /// Whether it is over, waited for so long.
    pub fn is_over(&mut self, wait_ms: u64) -> bool {
        if self.open.as_ref().is_some_and(|open| !spawn::readable(open, wait_ms)) {
            return false;
        }
        self.open = None;
        true
    }

    /// End it now.
    pub fn kill(&mut self) {
        if !self.is_over(0) {
            self.spared.kill_group();
            self.is_over(1_000);
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Run as that process.
pub fn run(attempt: &Attempt, number: u32, time_ms: u64) -> io::Result<()> {
    // Itself and every git that it has started: nobody else is in this group.
    std::thread::Builder::new().name("limit".to_owned()).spawn(move || {
        clock::pause(time_ms);
        let _ = kill_process_group(getpgrp(), Signal::KILL);
    })?;
    // No file that git writes is larger than what may be uploaded.
    let _ = setrlimit(Resource::Fsize, Rlimit { current: Some(CHECKPOINT_BYTES), maximum: Some(CHECKPOINT_BYTES) });
    let until = clock::mono_ms().saturating_add(time_ms);
    if let Err(why) = make(attempt, number, until) {
        attempt.log(&format!("checkpoint {number} was not made: {why}"));
    }
    Ok(())
}

fn make(attempt: &Attempt, number: u32, until: u64) -> Result<(), String> {
    let spec = attempt.spec().map_err(|error| error.to_string())?;
    let now = agents::standing(attempt).ok_or("the agent was not started yet")?;
    let area = area(attempt).map_err(|error| error.to_string())?;
    let transcript = now.transcript.filter(|path| path.symlink_metadata().is_ok_and(|meta| meta.len() <= limits::TRANSCRIPT_BYTES));
    let below = transcript.as_ref().and_then(|path| path.strip_prefix(&now.start.home).ok()).map(ToOwned::to_owned);
    let session =
        Session { kind: Some(now.start.kind), session: now.session.clone(), transcript: below, before: now.counted, ..Session::default() };
    let what = What {
        attempt: attempt.id().as_str(),
        number,
        area: &area,
        tree: &now.start.cwd,
        user: user(attempt),
        session,
        transcript,
        base: now.start.base.as_deref().filter(|_| spec.workspace.is_some()),
        history: spec.cwd.is_none(),
    };
    let made = snapshot::make(&what)?;
    let bundle = ship::upload(attempt, number, &made.bundle, until);
    if let Err(why) = &bundle {
        attempt.log(&format!("checkpoint {number} stays on this machine: {why}"));
    }
    let checkpoint = AgentCheckpoint {
        number,
        session: now.session,
        commit: Some(made.commit),
        reference: Some(made.reference),
        repository: area.join("git").to_str().map(str::to_owned),
        bundle: bundle.ok(),
    };
    files::replace_json(&agents::dir(attempt).join(RECORD), &json!({ "agent": checkpoint })).map_err(|error| error.to_string())
}
