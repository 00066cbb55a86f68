//! The supervisor of one attempt: `sortie-shim supervise ROOT ATTEMPT`, called by verbs as often as they like.
//!
//! | lock | result logged | child.json | stop | what it does |
//! | --- | --- | --- | --- | --- |
//! | taken | any | any | any | says `busy` and leaves |
//! | ours | yes | any | any | posts what has no receipt |
//! | ours | no | yes | any | adopts: watches to the end, spools the result, posts; never starts anything |
//! | ours | no | no | yes | spools a result that says so, posts |
//! | ours | no | no | no | starts the job, then as above |

mod desk;
pub mod disk;
pub mod pulse;
mod result;
mod start;
mod watch;

pub use watch::drain;

use crate::artifacts::Files;
use crate::attempt::{Attempt, Child};
use crate::door::Door;
use crate::events;
use crate::limits::LOCK_MS;
use crate::post::Poster;
use crate::{agents, artifacts, clock, failpoint, harden};
use desk::Desk;
use result::{End, Seen};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

/// Run as supervisor until the result is delivered, acknowledged, or nobody has wanted it for 30 days.
pub fn run(attempt: &Attempt) -> io::Result<()> {
    // No controlling terminal, and no death with the session that called us.
    let _ = rustix::process::setsid();
    harden::spare_from_oom_killer();
    harden::hide_memory();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let mut ready = ReadyPipe::take()?;
    let Some(lock) = lock(attempt)? else {
        ready.say("busy");
        return Ok(());
    };
    let done = supervise(attempt, &mut ready);
    if let Err(error) = &done {
        attempt.log(&format!("the supervisor ends: {error}"));
        ready.say(&format!("error {error}"));
    }
    drop(lock);
    done
}

/// The caller's end of the launch: told once, then closed, so that no session waits for us (F102).
struct ReadyPipe(Option<OwnedFd>);

impl ReadyPipe {
    fn take() -> io::Result<Self> {
        use std::os::fd::AsFd as _;
        let pipe = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?;
        let null = File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
        Ok(Self(Some(pipe)))
    }

    fn say(&mut self, word: &str) {
        if let Some(pipe) = self.0.take() {
            let _ = File::from(pipe).write_all(format!("{word}\n").as_bytes());
        }
    }
}

fn lock(attempt: &Attempt) -> io::Result<Option<File>> {
    let until = clock::mono_ms() + LOCK_MS;
    loop {
        if let Some(lock) = attempt.try_lock()? {
            return Ok(Some(lock));
        }
        if attempt.has_live_owner(&clock::boot_id()) || clock::mono_ms() >= until {
            return Ok(None);
        }
        clock::pause(2);
    }
}

fn supervise(attempt: &Attempt, ready: &mut ReadyPipe) -> io::Result<()> {
    if attempt.acked().is_some() || attempt.is_sealed() {
        ready.say("ready");
        return Ok(());
    }
    if let Some(why) = attempt.copy_of() {
        return Err(io::Error::other(format!("this is a copy of the attempt, and nothing is posted for it: {why}")));
    }
    let desk = Desk::open(attempt)?;
    if events::result(&events::read(attempt)).is_some() {
        ready.say("ready");
        return desk.deliver(None);
    }
    if !attempt.was_started()
        && let Some(stop) = attempt.stop()
    {
        desk.spool(None, &End::NeverStarted(stop), &Seen::nothing(), Files::default())?;
        ready.say("ready");
        return desk.deliver(None);
    }
    let adopted = attempt.was_started();
    let child = if adopted {
        attempt.child().ok_or_else(|| io::Error::other("child.json cannot be read: the attempt is never run again"))?
    } else {
        start::start(attempt, &desk.spec)?
    };
    if child.boot_id != clock::boot_id() {
        let end = attempt.exit().map_or(End::Interrupted, |exit| End::Exit { exit, stop: attempt.stop(), oom: false });
        if let Some(task) = &desk.spec.agent {
            agents::conclude(attempt, task, &end.of_agent());
        }
        desk.take_secrets_back();
        let files = artifacts::keep(attempt, &desk.spec, &desk.wake);
        desk.spool(Some(&child), &end, &Seen::nothing(), files)?;
        ready.say("ready");
        return desk.deliver(None);
    }
    if adopted {
        settle_gate(attempt, &child);
    }
    attend(&desk, &child, ready)
}

/// Stay with a job that was started on this boot, until its result is delivered.
fn attend(desk: &Desk<'_>, child: &Child, ready: &mut ReadyPipe) -> io::Result<()> {
    let (attempt, spec) = (desk.attempt, &desk.spec);
    if attempt.exit().is_none_or(|exit| exit.spawn_error.is_none() && !exit.not_run) {
        ready.say("ready");
        // The job runs: nothing from here on is a reason to leave it alone.
        if let Err(error) = desk.log_started(child) {
            attempt.log(&format!("the start cannot be logged: {error}"));
        }
    }
    disk::watch(attempt, spec);
    let poster = desk.poster(Some(child));
    let agent = agents::Watched::start(attempt, spec, child);
    // Without it the job still has its report files.
    let door = Door::open(attempt, spec, child, &desk.log, poster.as_ref().ok().map(Poster::bell));
    if let Err(error) = &door {
        attempt.log(&format!("the job's door cannot be opened: {error}"));
    }
    let woken = || poster.iter().for_each(Poster::news);
    let (end, seen) = watch::Watch { attempt, spec, child, wake: &desk.wake, woken: &woken, own: None }.run();
    drop(door);
    if let Some(agent) = agent {
        agent.finish(&end.of_agent());
    }
    desk.take_secrets_back();
    let files = if matches!(end, End::Exit { .. } | End::Lost) { artifacts::keep(attempt, spec, &desk.wake) } else { Files::default() };
    attempt.root().failpoint(failpoint::FILES_KEPT);
    desk.spool(Some(child), &end, &seen, files)?;
    ready.say("ready");
    match poster {
        Ok(poster) => desk.deliver(Some(poster)),
        // Without a thread to be had (a limit on processes) the job came first; now there is time to wait for one.
        Err(error) => {
            attempt.log(&format!("no posting thread: {error}"));
            desk.deliver(None)
        }
    }
}

/// An adopted job may still be behind its gate, which closes for good when its keeper notices that our predecessor is dead.
fn settle_gate(attempt: &Attempt, child: &Child) {
    let waits = || std::fs::read(format!("/proc/{}/cmdline", child.job.pid)).is_ok_and(|line| line.starts_with(b"sortie-shim\0gate\0"));
    let until = clock::mono_ms() + LOCK_MS;
    while child.job.is_alive() && waits() && clock::mono_ms() < until {
        clock::pause(2);
    }
    while attempt.exit().is_none() && !child.job.is_alive() && child.keeper.is_alive() && clock::mono_ms() < until {
        clock::pause(2);
    }
}
