//! The keeper: parent of the job, and little else, so that the job's exit status survives a killed supervisor.
//!
//! It is a subreaper in a session of its own. It starts the gate, tells its pid, and lets it through when told so; if the
//! supervisor dies before that, nothing runs. It writes how the job ended (`exit.json`), reaps what the job left behind,
//! and goes when it has no children left: then nothing of the job is below it.

use crate::attempt::{Attempt, Exit};
use crate::contain::usage;
use crate::limits::{EXIT_RESERVE_BYTES, SPAWN_ERROR_BYTES};
use crate::{clock, failpoint, files, spawn};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate};
use rustix::process::{WaitOptions, WaitStatus, wait};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Stdio};

/// Run as the keeper. Stdin says `go`; stdout tells the supervisor `pid N`, then `ok` or `failed`.
pub fn run(attempt: &Attempt) -> io::Result<()> {
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let slot = reserve(attempt)?;
    let mut gate = spawn::stage("gate", attempt).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let pid = gate.id();
    say(&format!("pid {pid}"))?;
    let mut go = [0];
    if io::stdin().read_exact(&mut go).is_err() {
        // The supervisor is gone and the gate still closed: the gate reads its end of file and leaves.
        drop(gate.stdin.take());
        gate.wait()?;
        // Without a `child.json` the next supervisor starts anew, and this record would be about nothing.
        if attempt.was_started() {
            write_exit(attempt, slot, &Exit { not_run: true, mono_ms: clock::mono_ms(), ..Exit::default() })?;
        }
        return Ok(());
    }
    let spawn_error = pass(&mut gate)?;
    if let Some(error) = spawn_error {
        gate.wait()?;
        write_exit(attempt, slot, &Exit { spawn_error: Some(error), mono_ms: clock::mono_ms(), ..Exit::default() })?;
        let _ = say("failed");
        return Ok(());
    }
    // The supervisor may have died since; the job runs on either way.
    let _ = say("ok");
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    drop(null);
    reap(attempt, pid, slot)
}

/// Open the gate, and say why the command could not be executed. The pipe closes by itself when it is.
fn pass(gate: &mut Child) -> io::Result<Option<String>> {
    if let Some(mut stdin) = gate.stdin.take() {
        let _ = stdin.write_all(b"g");
    }
    let mut error = Vec::new();
    if let Some(stdout) = gate.stdout.take() {
        stdout.take(SPAWN_ERROR_BYTES as u64).read_to_end(&mut error)?;
    }
    Ok((!error.is_empty()).then(|| String::from_utf8_lossy(&error).into_owned()))
}

fn reap(attempt: &Attempt, job: u32, slot: File) -> io::Result<()> {
    let mut slot = Some(slot);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() as u32 == job => {
                if let Some(slot) = slot.take() {
                    write_exit(attempt, slot, &exit_of(status))?;
                    attempt.root().failpoint(failpoint::EXIT_WRITTEN);
                    attempt.wake();
                }
            }
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A wait status as an exit record.
pub fn exit_of(status: WaitStatus) -> Exit {
    let used = Some(usage::reaped());
    Exit { code: status.exit_status(), signal: status.terminating_signal(), mono_ms: clock::mono_ms(), used, ..Exit::default() }
}

/// The exit record's room on disk, before it is needed (F014).
fn reserve(attempt: &Attempt) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(attempt.file("exit.tmp"), flags, Mode::RUSR | Mode::WUSR)?);
    let _ = fallocate(&file, FallocateFlags::KEEP_SIZE, 0, EXIT_RESERVE_BYTES);
    Ok(file)
}

fn write_exit(attempt: &Attempt, mut slot: File, exit: &Exit) -> io::Result<()> {
    slot.write_all(&serde_json::to_vec(exit)?)?;
    slot.sync_all()?;
    std::fs::rename(attempt.file("exit.tmp"), attempt.file("exit.json"))?;
    files::sync_dir(attempt.dir())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
