//! Starting copies of this program: the supervisor from a verb, the keeper from the supervisor, the gate from the keeper.
//!
//! Safe Rust cannot fork, so each stage is an execution of its own. Nothing but root and attempt id is on a command line, and
//! each stage gets the login environment only.

use crate::attempt::Attempt;
use crate::limits::READY_MS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, BufRead as _, Read as _};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// What of the login environment reaches the job, before the spec's own values.
const LOGIN: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR"];
/// Where programs are looked for when the login says nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Name under which the login's umask travels to the job; the shim's own is 077.
pub const UMASK: &str = "SORTIE_SHIM_UMASK";

/// What the shim itself needs of the login, and the job does not get.
#[cfg(not(feature = "failpoints"))]
const CARRIED: [&str; 2] = [UMASK, "SSL_CERT_FILE"];
/// As above, and what tests tell every stage.
#[cfg(feature = "failpoints")]
const CARRIED: [&str; 3] = [UMASK, "SSL_CERT_FILE", crate::clock::SLEPT];
/// The umask of this process's login, where this process is the first of ours.
static LOGIN_UMASK: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Have the stages carry this umask to the job.
pub fn carry_umask(umask: &str) {
    let _ = LOGIN_UMASK.set(umask.to_owned());
}

/// A stage of this program, not yet started.
pub fn stage(verb: &str, attempt: &Attempt) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("sortie-shim").arg(verb).arg(attempt.root().path()).arg(attempt.id().as_str());
    command.env_clear().envs(login_env()).current_dir("/");
    for name in CARRIED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(umask) = LOGIN_UMASK.get() {
        command.env(UMASK, umask);
    }
    command
}

/// The minimal environment of a job, from this process's own.
pub fn login_env() -> Vec<(&'static str, std::ffi::OsString)> {
    let default = |name: &str| match name {
        "PATH" => Some(DEFAULT_PATH.into()),
        "LANG" => Some("C.UTF-8".into()),
        "TMPDIR" => Some("/tmp".into()),
        "SHELL" => Some("/bin/sh".into()),
        _ => None,
    };
    LOGIN.into_iter().filter_map(|name| Some((name, std::env::var_os(name).or_else(|| default(name))?))).collect()
}

/// What a supervisor said when it was called.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// It holds the attempt, and its state is durable.
    Yes,
    /// Another one holds the attempt.
    Busy,
    /// It could not begin: no room, no rights.
    Failed(String),
    /// It died without a word.
    Died,
}

/// A supervisor that was called and has not answered yet.
pub struct Called(Child);

impl Called {
    /// Call a supervisor for an attempt. However many are called, the lock lets one act.
    pub fn new(attempt: &Attempt) -> io::Result<Self> {
        stage("supervise", attempt).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map(Self)
    }

    /// Wait for its word. One that says nothing in time is busy: what it does is safe, and on disk.
    pub fn ready(mut self) -> Ready {
        let Some(out) = self.0.stdout.take() else { return Ready::Failed("no pipe".to_owned()) };
        if !readable(&out, READY_MS) {
            return Ready::Busy;
        }
        let mut line = String::new();
        let _ = io::BufReader::new(out.take(4096)).read_line(&mut line);
        let said = match line.trim_end() {
            "ready" => Ready::Yes,
            "busy" => Ready::Busy,
            "" => Ready::Died,
            failed => Ready::Failed(failed.to_owned()),
        };
        if said != Ready::Yes {
            let _ = self.0.wait();
        }
        said
    }
}

/// Whether something (or the end) can be read within `ms`.
pub fn readable(fd: &impl AsFd, ms: u64) -> bool {
    let until = crate::clock::mono_ms() + ms;
    loop {
        let left = until.saturating_sub(crate::clock::mono_ms());
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        match poll(&mut fds, Some(&timespec(left))) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Milliseconds for `poll`.
pub fn timespec(ms: u64) -> Timespec {
    Timespec { tv_sec: (ms / 1000) as i64, tv_nsec: (ms % 1000 * 1_000_000) as i64 }
}
