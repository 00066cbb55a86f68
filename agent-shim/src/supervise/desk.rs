//! What every supervisor of an attempt has before it, and the things that are done with it: log, spool, clear away, deliver.

use super::result::{self, End, Seen};
use crate::artifacts::Files;
use crate::attempt::{Attempt, Child, Owner};
use crate::contain::{self, user};
use crate::events::{self, EventLog};
use crate::limits::TICK_MS;
use crate::post::Poster;
use crate::process::ProcessId;
use crate::{below, clock, failpoint, files, sign, workspace};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use sortie_protocol::callback::{CallbackKind, Started};
use sortie_protocol::spec::Spec;
use std::io;
use std::os::fd::OwnedFd;

/// The attempt of a supervisor, with what is open of it.
pub struct Desk<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// Its spec.
    pub spec: Spec,
    /// FIFO that verbs and the keeper write to.
    pub wake: OwnedFd,
    /// Its events.
    pub log: EventLog,
    instance: String,
}

impl<'a> Desk<'a> {
    /// Take the place of the supervisor: from here on everybody sees who it is.
    pub fn open(attempt: &'a Attempt) -> io::Result<Self> {
        let spec = attempt.spec()?;
        let wake = wake_fifo(attempt)?;
        let outlives_login = Some(contain::leave_session(attempt));
        let (instance, succeeds) = (sign::random_hex(16), attempt.owner().map(|before| before.instance));
        let owner = Owner { process: ProcessId::me(), boot_id: clock::boot_id(), instance: instance.clone(), succeeds, outlives_login };
        files::replace_json(&attempt.file("owner.json"), &owner)?;
        attempt.root().failpoint(failpoint::OWNER_WRITTEN);
        let log = EventLog::open(attempt, &instance)?;
        Ok(Self { attempt, spec, wake, log, instance })
    }

    /// The posting thread; with a child that runs it beats.
    pub fn poster(&self, child: Option<&Child>) -> io::Result<Poster> {
        Poster::start(self.attempt, &self.spec, &self.instance, child)
    }

    /// The event `started`, once over all supervisors of the attempt.
    pub fn log_started(&self, child: &Child) -> io::Result<()> {
        if !events::read(self.attempt).is_empty() {
            return Ok(());
        }
        let data = Started { pid: child.job.pid, boot_id: child.boot_id.clone(), containment: child.containment().to_owned() };
        self.log.append(CallbackKind::Started, serde_json::to_value(data)?)?;
        self.attempt.root().failpoint(failpoint::STARTED_LOGGED);
        Ok(())
    }

    /// The result, durable before anybody hears of it. A full disk is waited for: the job is over, its result is not lost.
    pub fn spool(&self, child: Option<&Child>, end: &End, seen: &Seen, files: Files) -> io::Result<()> {
        let data = serde_json::to_value(result::build(self.attempt, child, end, seen, files))?;
        let mut tries = 0;
        while let Err(error) = self.log.append(CallbackKind::Result, data.clone()) {
            if tries == 0 {
                self.attempt.log(&format!("the result cannot be written yet: {error}"));
            }
            tries += 1;
            clock::pause(TICK_MS);
        }
        self.attempt.root().failpoint(failpoint::RESULT_LOGGED);
        Ok(())
    }

    /// Post the spooled result until it is delivered, by this thread or by a new one, and clear away meanwhile.
    pub fn deliver(&self, poster: Option<Poster>) -> io::Result<()> {
        let mut poster = poster.map_or_else(|| self.poster(None), Ok);
        while let Err(error) = poster {
            self.attempt.log(&format!("no posting thread: {error}"));
            clock::pause(TICK_MS);
            poster = self.poster(None);
        }
        let poster = poster?;
        poster.news();
        self.clear();
        poster.until_delivered(&self.wake)
    }

    /// After the result is spooled: the working directory goes where the policy says so, and the job's user is given back. Done again
    /// by a successor that finds it undone; what fails is left to `gc`.
    fn clear(&self) {
        let Some(result) = events::result(&events::read(self.attempt)).and_then(events::job_result) else { return };
        workspace::tidy(self.attempt, &self.spec, &result);
        if result.tree_gone
            && let Err(error) = user::release(self.attempt)
        {
            self.attempt.log(&format!("the job's user is not given back: {error}"));
        }
    }

    /// The job is over: its secret files go, and the secrets in the credentials that only the job needed. Whatever cannot be removed
    /// is logged, never a reason to hold the result back.
    pub fn take_secrets_back(&self) {
        let Ok(mut credentials) = self.attempt.credentials() else { return };
        let held = (credentials.secret_env.len(), credentials.secret_files.len(), credentials.secret_stdin.is_some());
        if held == (0, 0, false) {
            return;
        }
        let mut removed = || -> io::Result<()> {
            if !credentials.secret_files.is_empty() {
                let root = below::root(&workspace::dir_for(self.attempt, &self.spec))?;
                credentials.secret_files.keys().try_for_each(|path| below::remove(&root, path))?;
            }
            (credentials.secret_env, credentials.secret_files, credentials.secret_stdin) = Default::default();
            files::replace_json(&self.attempt.file("credentials.json"), &credentials)
        };
        if let Err(error) = removed() {
            self.attempt.log(&format!("secrets of the job are still there: {error}"));
        }
    }
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
