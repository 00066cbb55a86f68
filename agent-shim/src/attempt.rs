//! The directory of one attempt: which files it has and what they say.
//!
//! ```text
//! spec.json         exact bytes of the spec           credentials.json  token, proof secret, secret environment; replaceable
//! lock              flock, held by the supervisor     owner.json        who the supervisor is
//! child.json        the job; with it nothing ever runs the attempt again
//! exit.json         how the job's main process ended, written by its keeper
//! events.log        numbered events: started, progress, result (`crate::events`)
//! delivered         numbers of events with a receipt  acked             the server has committed the result
//! stop              the job is to be ended, and why   sealed            tombstone: alone in its directory
//! stdout, stderr    output of the job                 document.json     `$SORTIE_RESULT`
//! progress.json     `$SORTIE_PROGRESS`                checkpoint.json   `$SORTIE_CHECKPOINT`
//! wake              FIFO, wakes the supervisor        shim.log          the shim's own log
//! beat.json         what its last heartbeat says      heard.json        how its last post went
//! work/             default working directory         place.json        where it works, if elsewhere
//! user.json         the job's own user                kept/             files for a server that comes for them
//! held_by           who goes on in its directory      origin.json       where this directory was made
//! ```

use crate::contain::Hold;
use crate::contain::user::User;
use crate::files;
use crate::process::ProcessId;
use crate::root::{AttemptId, Root};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde::{Deserialize, Serialize};
use sortie_protocol::confine::{Containment, Isolation, ResourceUse};
use sortie_protocol::spec::{Credentials, Spec};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Who supervises (`owner.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub process: ProcessId,
    /// Boot it belongs to.
    pub boot_id: String,
    /// Random id of this supervisor.
    pub instance: String,
    /// Instance of the one before it.
    #[serde(default)]
    pub succeeds: Option<String>,
    /// Whether it is outside of the scope of the login session that called it; absent where it was not looked at.
    #[serde(default)]
    pub outlives_login: Option<bool>,
}

/// What was started (`child.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Child {
    /// Parent of the job; it writes `exit.json`.
    pub keeper: ProcessId,
    /// The job's main process.
    pub job: ProcessId,
    /// Boot they belong to.
    pub boot_id: String,
    /// The job's cgroup, where it has one: all that shims before the ladder wrote of how it is held.
    pub cgroup: Option<String>,
    /// How it is held.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// Start by the wall clock, Unix milliseconds.
    pub started_at_ms: i64,
    /// Start by the monotonic clock, milliseconds.
    pub started_mono_ms: u64,
    /// How long the machine had slept since its boot, in milliseconds.
    #[serde(default)]
    pub slept_ms: Option<u64>,
}

impl Child {
    /// How the tree is held, as in views and events.
    pub fn containment(&self) -> &'static str {
        self.hold().held.containment.as_str()
    }

    /// How the tree is held.
    pub fn hold(&self) -> Hold {
        let of_old = || {
            let mut hold = Hold::by_walk(Isolation::SharedUser);
            hold.groups.unified = self.cgroup.as_ref().map(PathBuf::from);
            hold.held.containment = if self.cgroup.is_some() { Containment::Cgroup } else { Containment::Subreaper };
            hold
        };
        self.hold.clone().unwrap_or_else(of_old)
    }

    /// Milliseconds that the machine slept since the start; not part of how long the job ran.
    pub fn suspended_ms(&self) -> Option<u64> {
        Some(crate::clock::slept_ms().saturating_sub(self.slept_ms?))
    }
}

/// How the main process ended (`exit.json`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code.
    pub code: Option<i32>,
    /// Signal.
    pub signal: Option<i32>,
    /// Why the command could not be executed.
    pub spawn_error: Option<String>,
    /// Whether the gate never opened, because the supervisor had died.
    #[serde(default)]
    pub not_run: bool,
    /// What its processes had used that were reaped by then.
    #[serde(default)]
    pub used: Option<ResourceUse>,
    /// When, by the monotonic clock, milliseconds.
    pub mono_ms: u64,
}

/// That the job is to be ended (`stop`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// Why, for the record.
    pub reason: String,
    /// Whether the shim's own time limit did it.
    pub timed_out: bool,
    /// When, by the monotonic clock, milliseconds: a job that had ended before was not ended by it.
    pub mono_ms: u64,
}

impl Stop {
    /// From now on, for this reason.
    pub fn now(reason: &str, timed_out: bool) -> Self {
        Self { reason: reason.to_owned(), timed_out, mono_ms: crate::clock::mono_ms() }
    }
}

/// That the server has committed the result (`acked`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acked {
    /// Number of the result.
    pub seq: u64,
    /// When, Unix milliseconds by the VM's clock.
    pub at_ms: i64,
}

/// Handle on an attempt's directory, which need not exist.
#[derive(Clone, Debug)]
pub struct Attempt {
    root: Root,
    id: AttemptId,
    dir: PathBuf,
}

impl Attempt {
    /// The attempt with this id.
    pub fn new(root: &Root, id: AttemptId) -> Self {
        let dir = root.attempt(&id);
        Self { root: root.clone(), id, dir }
    }

    /// Its id.
    pub fn id(&self) -> &AttemptId {
        &self.id
    }

    /// The state root it is in.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Its directory.
    pub fn dir(&self) -> &PathBuf {
        &self.dir
    }

    /// Exact bytes of the spec; `None` where the attempt was never claimed (or is swept).
    pub fn spec_bytes(&self) -> Option<Vec<u8>> {
        files::read(&self.file("spec.json"), sortie_protocol::limits::FRAME_BYTES as u64).ok()
    }

    /// The spec.
    pub fn spec(&self) -> io::Result<Spec> {
        let bytes = self.spec_bytes().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no spec"))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The credentials as they are now.
    pub fn credentials(&self) -> io::Result<Credentials> {
        Ok(serde_json::from_slice(&files::read(&self.file("credentials.json"), sortie_protocol::limits::FRAME_BYTES as u64)?)?)
    }

    /// The user of its own that its job has, where it has one.
    pub fn user(&self) -> Option<User> {
        files::read_json(&self.file("user.json"))
    }

    /// A file that the job writes and the shim reads; for a job with a user of its own it lies in its yard.
    pub fn reported(&self, name: &str) -> PathBuf {
        self.user().map_or_else(|| self.file(name), |user| user.report().join(name))
    }

    /// Read such a file, of at most `limit` bytes: a regular file, of the job's own.
    pub fn read_reported(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::MetadataExt as _;
        let Some(user) = self.user() else { return files::read(&self.file(name), limit) };
        let file = files::open_plain(&user.report().join(name))?;
        // A link to another's file can be made without the right to read it; after the end all is root's.
        if ![0, user.uid].contains(&file.metadata()?.uid()) || file.metadata()?.nlink() > 1 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the job's own file"));
        }
        files::read_open(file, limit)
    }

    /// The last supervisor.
    pub fn owner(&self) -> Option<Owner> {
        files::read_json(&self.file("owner.json"))
    }

    /// Whether a supervisor lives. The lock decides between writers; readers must not touch it, so they ask by identity.
    pub fn has_live_owner(&self, boot_id: &str) -> bool {
        self.owner().is_some_and(|owner| owner.boot_id == boot_id && owner.process.is_alive())
    }

    /// What was started, if anything.
    pub fn child(&self) -> Option<Child> {
        files::read_json(&self.file("child.json"))
    }

    /// Whether anything was ever started, readable or not.
    pub fn was_started(&self) -> bool {
        self.file("child.json").symlink_metadata().is_ok()
    }

    /// How the main process ended, if it did.
    pub fn exit(&self) -> Option<Exit> {
        files::read_json(&self.file("exit.json"))
    }

    /// Whether and why it is to be ended.
    pub fn stop(&self) -> Option<Stop> {
        files::read_json(&self.file("stop"))
    }

    /// Ask for the end, durably. The first reason stands.
    pub fn write_stop(&self, stop: &Stop) -> io::Result<()> {
        if self.stop().is_some() {
            return Ok(());
        }
        files::replace_json(&self.file("stop"), stop)
    }

    /// The acknowledgement, if there is one.
    pub fn acked(&self) -> Option<Acked> {
        files::read_json(&self.file("acked"))
    }

    /// Record the acknowledgement, durably.
    pub fn write_acked(&self, seq: u64) -> io::Result<()> {
        files::replace_json(&self.file("acked"), &Acked { seq, at_ms: crate::clock::wall_ms() })
    }

    /// Why this is a copy of an attempt that was made elsewhere, where it is.
    pub fn copy_of(&self) -> Option<String> {
        files::read_json::<crate::origin::Origin>(&self.file("origin.json"))?.fault(&self.root)
    }

    /// Whether this is a tombstone.
    pub fn is_sealed(&self) -> bool {
        self.file("sealed").symlink_metadata().is_ok()
    }

    /// Try to become the supervisor. The lock falls with the last copy of the descriptor, so with the process.
    pub fn try_lock(&self) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::open(self.file("lock"), flags, Mode::RUSR | Mode::WUSR)?);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Wake the supervisor, if there is one.
    pub fn wake(&self) {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        if let Ok(fifo) = rustix::fs::open(self.file("wake"), flags, Mode::empty()) {
            let _ = rustix::io::write(&fifo, b"!");
        }
    }

    /// One line into the shim's own log; bounded, and never with a secret in it.
    pub fn log(&self, message: &str) {
        let Ok(mut file) = File::options().append(true).create(true).open(self.file("shim.log")) else { return };
        if file.metadata().is_ok_and(|meta| meta.len() < crate::limits::LOG_BYTES) {
            let _ = writeln!(file, "{} {} {message}", crate::clock::wall_ms(), std::process::id());
        }
    }
}
