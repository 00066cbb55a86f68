//! What holds a job's processes together and within limits, and which level of it was reached.
//!
//! The descendant walk and the cookie sweep of [`crate::tree`] are always done as well: no level here replaces them.

mod cgroup;
pub mod facts;
pub mod ladder;
mod unit;
pub mod usage;
pub mod user;

pub use cgroup::Groups;

use crate::attempt::Attempt;
use crate::process::ProcessId;
use facts::Facts;
use ladder::{Rung, rungs};
use serde::{Deserialize, Serialize};
use sortie_protocol::confine::{Containment, Held, Isolation, JobLimits};
use sortie_protocol::spec::Spec;
use std::io;

/// How a job is held; part of `child.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Level, user and limits, as told to the server.
    pub held: Held,
    /// Its groups.
    #[serde(default)]
    pub groups: Groups,
    /// How often the kernel had killed for want of memory on the whole machine when it began.
    #[serde(default)]
    pub oom_kills: Option<u64>,
}

impl Hold {
    /// By nothing but the walk over its processes.
    pub fn by_walk(isolation: Isolation) -> Self {
        let held = Held { containment: Containment::Subreaper, isolation, limits: Default::default() };
        Self { held, groups: Groups::default(), oom_kills: oom_kills_here() }
    }

    /// Whether the kernel has killed here for want of memory: as the groups say it, else by inference from the whole machine.
    pub fn oom_killed(&self) -> bool {
        match self.groups.oom_kills() {
            Some(kills) => kills > 0,
            None => self.oom_kills.zip(oom_kills_here()).is_some_and(|(before, now)| now > before),
        }
    }
}

/// Take hold of a job that still waits at its gate, in the best way that this machine gives.
pub fn take(attempt: &Attempt, spec: &Spec, job: ProcessId) -> Hold {
    let isolation = if attempt.user().is_some() { Isolation::OwnUser } else { Isolation::SharedUser };
    let mut hold = Hold::by_walk(isolation);
    for rung in rungs(&Facts::at_launch(attempt.root())) {
        let (groups, limits) = match climb(rung, attempt, spec, job) {
            Ok(held) => held,
            Err(error) => {
                attempt.log(&format!("not held by {}: {error}", rung.level().as_str()));
                continue;
            }
        };
        (hold.groups, hold.held.limits, hold.held.containment) = (groups, limits, rung.level());
        break;
    }
    // Held by looking, wherever there is a directory.
    hold.held.limits.disk_bytes = spec.limits.disk_bytes;
    if isolation == Isolation::OwnUser {
        // Without a group, a limit of the user's (`RLIMIT_NPROC`), set by the gate.
        hold.held.limits.processes = spec.limits.processes;
    }
    hold
}

fn climb(rung: Rung, attempt: &Attempt, spec: &Spec, job: ProcessId) -> io::Result<(Groups, JobLimits)> {
    match rung {
        Rung::Unit(manager) => {
            let groups = Groups::of_unit(manager.adopt(&format!("sortie-{}.scope", attempt.id().as_str()), job.pid, &spec.limits)?);
            let limits = groups.in_force(&spec.limits);
            Ok((groups, limits))
        }
        Rung::Cgroup => {
            let mut groups = Groups::make(attempt.id().as_str(), &spec.limits);
            groups.take(job);
            if groups.is_empty() {
                return Err(io::Error::other("no group can be made"));
            }
            let limits = groups.limit(&spec.limits);
            Ok((groups, limits))
        }
    }
}

/// Take this supervisor out of the scope of the login session that called it, so that no logout ends it (F102). Says whether it is out.
pub fn leave_session(attempt: &Attempt) -> bool {
    let is_out = || !facts::is_in_session(&std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    if is_out() {
        return true;
    }
    let me = std::process::id();
    for rung in rungs(&Facts::at_launch(attempt.root())) {
        let left = match rung {
            Rung::Unit(manager) => {
                manager.adopt(&format!("sortie-shim-{}-{me}.scope", attempt.id().as_str()), me, &JobLimits::default()).map(drop)
            }
            Rung::Cgroup => Groups::shelter(me),
        };
        match left {
            Ok(()) if is_out() => return true,
            Ok(()) => {}
            Err(error) => attempt.log(&format!("still in the session's scope: {error}")),
        }
    }
    attempt.log("the supervisor stays in the scope of its login session: a logout may end it (KillUserProcesses)");
    false
}

/// Of the whole machine, since boot (Linux 4.13).
fn oom_kills_here() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}
