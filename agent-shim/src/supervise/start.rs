//! Starting the job, once: keeper and gate, cgroup, the durable identity, and only then the byte that lets it run.

use crate::attempt::{Attempt, Child};
use crate::contain::user;
use crate::limits::GATE_MS;
use crate::process::ProcessId;
use crate::{clock, contain, failpoint, files, spawn};
use sortie_protocol::confine::Isolation;
use sortie_protocol::spec::Spec;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::process::{ChildStdout, Stdio};

/// Start the job of a claim that was never started. Returns with the identity durable and the gate open.
pub fn start(attempt: &Attempt, spec: &Spec) -> io::Result<Child> {
    for stream in crate::output::STREAMS {
        File::options().append(true).create(true).open(attempt.file(stream))?;
    }
    if spec.isolation == Isolation::OwnUser {
        user::claim(attempt)?;
        attempt.root().failpoint(failpoint::USER_CLAIMED);
    }
    let log = File::options().append(true).create(true).open(attempt.file("shim.log"))?;
    let mut keeper = spawn::stage("keep", attempt).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
    let (Some(mut stdin), Some(mut stdout)) = (keeper.stdin.take(), keeper.stdout.take()) else {
        return Err(io::Error::other("no pipes to the keeper"));
    };
    let keeper = ProcessId::of(keeper.id()).ok_or_else(|| io::Error::other("the keeper died"))?;
    let line = read_line(&mut stdout)?.ok_or_else(|| io::Error::other("the keeper could not start the gate"))?;
    let pid = line.strip_prefix("pid ").and_then(|pid| pid.parse().ok());
    let job = pid.and_then(ProcessId::of).ok_or_else(|| io::Error::other("the gate died"))?;
    attempt.root().failpoint(failpoint::GATE_WAITING);
    let hold = contain::take(attempt, spec, job);
    let child = Child {
        keeper,
        job,
        boot_id: clock::boot_id(),
        cgroup: hold.groups.unified.as_ref().map(|path| path.to_string_lossy().into_owned()),
        hold: Some(hold),
        started_at_ms: clock::wall_ms(),
        started_mono_ms: clock::mono_ms(),
        slept_ms: Some(clock::slept_ms()),
    };
    files::replace_json(&attempt.file("child.json"), &child)?;
    attempt.root().failpoint(failpoint::CHILD_WRITTEN);
    stdin.write_all(b"g")?;
    attempt.root().failpoint(failpoint::GATE_OPENED);
    // `ok`, `failed` (the exit record says why), or silence of a slow file system: the watch sees the rest.
    let _ = read_line(&mut stdout)?;
    Ok(child)
}

/// A line within the gate's time; `None` at the end of the file or out of time.
fn read_line(pipe: &mut ChildStdout) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    let until = clock::mono_ms() + GATE_MS;
    while spawn::readable(pipe, until.saturating_sub(clock::mono_ms())) && pipe.read(&mut byte)? == 1 {
        if byte[0] == b'\n' {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        line.push(byte[0]);
    }
    Ok(None)
}
