//! What holds a job's processes together and within limits, and which level of it was reached.
//!
//! The descendant walk and the cookie sweep of [`crate::tree`] are always done as well: no level here replaces them.

mod cgroup;
pub mod usage;
pub mod user;

pub use cgroup::Groups;

use crate::attempt::Attempt;
use crate::process::ProcessId;
use serde::{Deserialize, Serialize};
use sortie_protocol::confine::{Containment, Held, Isolation};
use sortie_protocol::spec::Spec;

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

/// Take hold of a job that still waits at its gate.
pub fn take(attempt: &Attempt, spec: &Spec, job: ProcessId) -> Hold {
    let isolation = if attempt.user().is_some() { Isolation::OwnUser } else { Isolation::SharedUser };
    let mut hold = Hold::by_walk(isolation);
    let mut groups = Groups::make(attempt.id().as_str(), &spec.limits);
    groups.take(job);
    if !groups.is_empty() {
        hold.held.containment = Containment::Cgroup;
    }
    hold.held.limits = groups.limit(&spec.limits);
    if isolation == Isolation::OwnUser {
        // Without a group, a limit of the user's (`RLIMIT_NPROC`), set by the gate.
        hold.held.limits.processes = spec.limits.processes;
    }
    // Held by looking, wherever there is a directory.
    hold.held.limits.disk_bytes = spec.limits.disk_bytes;
    hold.groups = groups;
    hold
}

/// Of the whole machine, since boot (Linux 4.13).
fn oom_kills_here() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}
