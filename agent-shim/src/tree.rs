//! The whole process tree of a job: who is in it, and ending it until it is verified empty (F097).
//!
//! Agents start tools in sessions of their own, so a process group proves nothing. A process belongs to the job when it is
//! in its cgroup, descends from its keeper (a subreaper, so orphans stay below it) or from the job, has been reparented to
//! the supervisor, or carries the attempt's cookie in its environment; and so do all descendants of such a one.

use crate::attempt::{self, Attempt};
use crate::clock::{mono_ms, pause};
use crate::contain::{Hold, usage};
use crate::limits::{KILL_MS, SWEEP_MS};
use crate::process::{ProcessId, Stat};
use rustix::process::Signal;
use sortie_protocol::confine::ResourceUse;
use std::collections::{HashMap, HashSet};
use std::io;
use std::process::{Child, ChildStdout, Command};
use std::sync::{Mutex, PoisonError};

/// Name of the cookie in the environment of every process of a job.
pub const COOKIE: &str = "SORTIE_JOB";

/// Processes that this one has started for itself, by pid: they are nobody's job.
static SPARED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A process of ours that is not part of a job, for as long as this lives.
pub struct Spared(Child);

impl Spared {
    /// Start it. No look at a tree can come in between.
    pub fn spawn(command: &mut Command) -> io::Result<(Self, Option<ChildStdout>)> {
        let mut spared = SPARED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command.spawn()?;
        spared.push(child.id());
        let out = child.stdout.take();
        Ok((Self(child), out))
    }

    /// Kill it and its process group, which it leads.
    pub fn kill_group(&self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Spared {
    fn drop(&mut self) {
        // Its status may have been taken by the look for orphans.
        let _ = self.0.try_wait();
        SPARED.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != self.0.id());
    }
}

/// What is needed to find a tree.
pub struct Tree {
    keeper: ProcessId,
    job: ProcessId,
    hold: Hold,
    /// The job's own user: whoever runs as that is of the job.
    uid: Option<u32>,
    cookie: Vec<u8>,
    /// Whether orphans of the tree are reparented to this process.
    reaper: bool,
}

impl Tree {
    /// The tree of an attempt; `reaper` for its supervisor.
    pub fn of(attempt: &Attempt, child: &attempt::Child, reaper: bool) -> Self {
        let cookie = format!("{COOKIE}={}", attempt.id().as_str()).into_bytes();
        Self { keeper: child.keeper, job: child.job, hold: child.hold(), uid: attempt.user().map(|user| user.uid), cookie, reaper }
    }

    /// Live processes of the tree, without its keeper and this process.
    pub fn members(&self) -> Vec<ProcessId> {
        let table = table();
        let me = std::process::id();
        let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
        for stat in table.values() {
            below.entry(stat.parent).or_default().push(stat.id.pid);
        }
        let is_here = |id: ProcessId| table.get(&id.pid).is_some_and(|stat| stat.id == id);
        let mut todo: Vec<u32> = Vec::new();
        if is_here(self.keeper) {
            todo.extend(below.get(&self.keeper.pid).into_iter().flatten());
        }
        if is_here(self.job) {
            todo.push(self.job.pid);
        }
        if self.reaper {
            todo.extend(below.get(&me).into_iter().flatten());
        }
        todo.extend(self.hold.groups.pids());
        if let Some(uid) = self.uid {
            todo.extend(table.keys().filter(|pid| is_of(**pid, uid)));
        }
        // What started before the job cannot be of it: that spares reading most environments.
        todo.extend(table.values().filter(|s| s.id.start_ticks >= self.job.start_ticks && self.has_cookie(s.id.pid)).map(|s| s.id.pid));
        let mut seen = HashSet::from([me, self.keeper.pid]);
        seen.extend(SPARED.lock().unwrap_or_else(PoisonError::into_inner).iter());
        let mut found = Vec::new();
        while let Some(pid) = todo.pop() {
            if seen.insert(pid)
                && let Some(stat) = table.get(&pid)
            {
                todo.extend(below.get(&pid).into_iter().flatten());
                if stat.is_live() {
                    found.push(stat.id);
                }
            }
        }
        found
    }

    /// Whether two looks in a row find nobody: one alone can miss a process that was being born.
    pub fn is_empty(&self) -> bool {
        self.members().is_empty() && self.members().is_empty()
    }

    /// Who is left after the main process, said by two looks where the first finds nobody. Where the keeper has left by itself one is
    /// enough: a subreaper without children has no descendants, and only strays that were started by somebody else can remain.
    pub fn settled(&self) -> Vec<ProcessId> {
        let first = self.members();
        if first.is_empty() { self.members() } else { first }
    }

    /// End the tree: TERM, `grace_ms`, KILL until it is empty. `tick` runs between looks (it reaps). False: somebody is left.
    pub fn end(&self, grace_ms: u64, mut tick: impl FnMut()) -> bool {
        let mut told = HashSet::new();
        let until = mono_ms() + grace_ms;
        loop {
            tick();
            let members = self.members();
            if members.is_empty() && self.members().is_empty() {
                return true;
            }
            if mono_ms() >= until {
                break;
            }
            for member in members {
                if told.insert(member) {
                    // A stopped process cannot act on TERM.
                    member.signal(&[Signal::TERM, Signal::CONT]);
                }
            }
            pause(SWEEP_MS.min(until.saturating_sub(mono_ms())));
        }
        self.kill(tick)
    }

    fn kill(&self, mut tick: impl FnMut()) -> bool {
        let until = mono_ms() + KILL_MS;
        loop {
            self.hold.groups.kill();
            for member in self.members() {
                member.signal(&[Signal::KILL]);
            }
            tick();
            if self.is_empty() {
                return true;
            }
            if mono_ms() >= until {
                return false;
            }
            pause(1);
        }
    }

    /// Whether the kernel killed in the job for want of memory.
    pub fn oom_killed(&self) -> bool {
        self.hold.oom_killed()
    }

    /// What it has used so far.
    pub fn used(&self) -> ResourceUse {
        let counted =
            self.hold.groups.cpu_ms().is_some() && self.hold.groups.peak_memory_bytes().is_some() && self.hold.groups.io_bytes().is_some();
        // The walk reads all of `/proc`: spared where groups count everything.
        let members = if counted { Vec::new() } else { self.members() };
        usage::used(&self.hold.groups, self.keeper, &members)
    }

    /// Forget the groups of a tree that is gone.
    pub fn remove_groups(&self) {
        self.hold.groups.remove();
    }

    fn has_cookie(&self, pid: u32) -> bool {
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| environ.split(|b| *b == 0).any(|entry| entry == self.cookie))
    }
}

/// Live processes that carry a cookie, of whatever attempt, with the attempt's id.
pub fn cookies() -> Vec<(ProcessId, String)> {
    let cookie = |pid: u32| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let entry = environ.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"="))?;
        String::from_utf8(entry.to_vec()).ok()
    };
    let live = table().into_values().filter(Stat::is_live);
    live.filter_map(|stat| Some((stat.id, cookie(stat.id.pid)?))).collect()
}

/// Whether any process but zombies runs as this user.
pub fn is_user_busy(uid: u32) -> bool {
    table().values().any(|stat| stat.is_live() && is_of(stat.id.pid, uid))
}

/// Whether a process runs as this user, by any of its four user ids.
fn is_of(pid: u32, uid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.is_some_and(|uids| uids.split_ascii_whitespace().any(|word| word.parse() == Ok(uid)))
}

fn table() -> HashMap<u32, Stat> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, Stat::read(pid)?))).collect()
}
