//! The supervisor of one attempt: `sortie-shim supervise ROOT ATTEMPT`, called by verbs as often as they like.
//!
//! | lock | result logged | child.json | stop | what it does |
//! | --- | --- | --- | --- | --- |
//! | taken | any | any | any | says `busy` and leaves |
//! | ours | yes | any | any | posts what has no receipt |
//! | ours | no | yes | any | adopts: watches to the end, spools the result, posts; never starts anything |
//! | ours | no | no | yes | spools a result that says so, posts |
//! | ours | no | no | no | starts the job, then as above |

pub mod disk;
pub mod pulse;
mod result;
mod start;
mod watch;

pub use watch::drain;

use crate::artifacts::Files;
use crate::attempt::{Attempt, Child, Owner};
use crate::contain::user;
use crate::door::Door;
use crate::events::{self, EventLog};
use crate::limits::LOCK_MS;
use crate::post::Poster;
use crate::process::ProcessId;
use crate::{agents, artifacts, below, clock, contain, failpoint, files, harden, sign, workspace};
use result::{End, Seen};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use sortie_protocol::callback::{CallbackKind, Started};
use sortie_protocol::spec::Spec;
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
    let spec = attempt.spec()?;
    let wake = wake_fifo(attempt)?;
    let outlives = contain::leave_session(attempt);
    let succeeds = attempt.owner().map(|before| before.instance);
    let owner = Owner {
        process: ProcessId::me(),
        boot_id: clock::boot_id(),
        instance: sign::random_hex(16),
        succeeds,
        outlives_login: Some(outlives),
    };
    files::replace_json(&attempt.file("owner.json"), &owner)?;
    attempt.root().failpoint(failpoint::OWNER_WRITTEN);
    let log = EventLog::open(attempt, &owner.instance)?;
    if events::result(&events::read(attempt)).is_some() {
        ready.say("ready");
        clear(attempt, &spec);
        return Poster::start(attempt, &spec, &owner.instance, None)?.until_delivered(&wake);
    }
    if !attempt.was_started()
        && let Some(stop) = attempt.stop()
    {
        spool(attempt, &log, None, &End::NeverStarted(stop), &Seen::nothing(), Files::default())?;
        ready.say("ready");
        return Poster::start(attempt, &spec, &owner.instance, None)?.until_delivered(&wake);
    }
    let adopted = attempt.was_started();
    let child = if adopted {
        attempt.child().ok_or_else(|| io::Error::other("child.json cannot be read: the attempt is never run again"))?
    } else {
        start::start(attempt, &spec)?
    };
    if child.boot_id != owner.boot_id {
        let end = attempt.exit().map_or(End::Interrupted, |exit| End::Exit { exit, stop: attempt.stop(), oom: false });
        if let Some(task) = &spec.agent {
            agents::conclude(attempt, task, &end.of_agent());
        }
        take_secrets_back(attempt, &spec);
        let files = artifacts::keep(attempt, &spec, &wake);
        spool(attempt, &log, Some(&child), &end, &Seen::nothing(), files)?;
        ready.say("ready");
        return Poster::start(attempt, &spec, &owner.instance, None)?.until_delivered(&wake);
    }
    if adopted {
        settle_gate(attempt, &child);
    }
    if attempt.exit().is_none_or(|exit| exit.spawn_error.is_none() && !exit.not_run) {
        ready.say("ready");
        // The job runs: nothing from here on is a reason to leave it alone.
        if let Err(error) = log_started(attempt, &log, &child) {
            attempt.log(&format!("the start cannot be logged: {error}"));
        }
    }
    disk::watch(attempt, &spec);
    let mut poster = Poster::start(attempt, &spec, &owner.instance, Some(&child));
    let agent = agents::Watched::start(attempt, &spec, &child);
    // Without it the job still has its report files.
    let door = Door::open(attempt, &spec, &child, &log, poster.as_ref().ok().map(Poster::bell));
    if let Err(error) = &door {
        attempt.log(&format!("the job's door cannot be opened: {error}"));
    }
    let (end, seen) =
        watch::Watch { attempt, spec: &spec, child: &child, wake: &wake, woken: &|| poster.iter().for_each(Poster::news), own: None }.run();
    drop(door);
    if let Some(agent) = agent {
        agent.finish(&end.of_agent());
    }
    take_secrets_back(attempt, &spec);
    let files = if matches!(end, End::Exit { .. } | End::Lost) { artifacts::keep(attempt, &spec, &wake) } else { Files::default() };
    attempt.root().failpoint(failpoint::FILES_KEPT);
    spool(attempt, &log, Some(&child), &end, &seen, files)?;
    ready.say("ready");
    // Without a thread to be had (a limit on processes) the job came first; now there is time to wait for one.
    while let Err(error) = poster {
        attempt.log(&format!("no posting thread: {error}"));
        clock::pause(crate::limits::TICK_MS);
        poster = Poster::start(attempt, &spec, &owner.instance, Some(&child));
    }
    let poster = poster?;
    poster.news();
    clear(attempt, &spec);
    poster.until_delivered(&wake)
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

/// The job is over: its secret files go, and the secrets in the credentials that only the job needed. Whatever cannot be removed
/// is logged, never a reason to hold the result back.
fn take_secrets_back(attempt: &Attempt, spec: &Spec) {
    let Ok(mut credentials) = attempt.credentials() else { return };
    let held = (credentials.secret_env.len(), credentials.secret_files.len(), credentials.secret_stdin.is_some());
    if held == (0, 0, false) {
        return;
    }
    let mut removed = || -> io::Result<()> {
        if !credentials.secret_files.is_empty() {
            let root = below::root(&workspace::dir_for(attempt, spec))?;
            credentials.secret_files.keys().try_for_each(|path| below::remove(&root, path))?;
        }
        (credentials.secret_env, credentials.secret_files, credentials.secret_stdin) = Default::default();
        files::replace_json(&attempt.file("credentials.json"), &credentials)
    };
    if let Err(error) = removed() {
        attempt.log(&format!("secrets of the job are still there: {error}"));
    }
}

/// After the result is spooled: the working directory goes where the policy says so, and the job's user is given back. Done again by a
/// successor that finds it undone; what fails is left to `gc`.
fn clear(attempt: &Attempt, spec: &Spec) {
    let Some(result) = events::result(&events::read(attempt)).and_then(events::job_result) else { return };
    workspace::tidy(attempt, spec, &result);
    if result.tree_gone
        && let Err(error) = user::release(attempt)
    {
        attempt.log(&format!("the job's user is not given back: {error}"));
    }
}

/// The event `started`, once over all supervisors of the attempt.
fn log_started(attempt: &Attempt, log: &EventLog, child: &Child) -> io::Result<()> {
    if !events::read(attempt).is_empty() {
        return Ok(());
    }
    let data = Started { pid: child.job.pid, boot_id: child.boot_id.clone(), containment: child.containment().to_owned() };
    log.append(CallbackKind::Started, serde_json::to_value(data)?)?;
    attempt.root().failpoint(failpoint::STARTED_LOGGED);
    Ok(())
}

/// The result, durable before anybody hears of it. A full disk is waited for: the job is over, its result is not lost.
fn spool(attempt: &Attempt, log: &EventLog, child: Option<&Child>, end: &End, seen: &Seen, files: Files) -> io::Result<()> {
    let data = serde_json::to_value(result::build(attempt, child, end, seen, files))?;
    let mut tries = 0;
    while let Err(error) = log.append(CallbackKind::Result, data.clone()) {
        if tries == 0 {
            attempt.log(&format!("the result cannot be written yet: {error}"));
        }
        tries += 1;
        clock::pause(crate::limits::TICK_MS);
    }
    attempt.root().failpoint(failpoint::RESULT_LOGGED);
    Ok(())
}

/// Both ends stay open here, so that it never reads as closed and a writer always finds a reader.
fn wake_fifo(attempt: &Attempt) -> io::Result<OwnedFd> {
    let path = attempt.file("wake");
    match mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(rustix::fs::open(&path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?)
}
