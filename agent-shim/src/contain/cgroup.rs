//! Groups of the kernel that hold a job: cgroup v2 where this user may make one, and the memory and pids groups of v1 where a
//! machine still mounts those. The supervisor stays outside.

use crate::process::ProcessId;
use serde::{Deserialize, Serialize};
use sortie_protocol::confine::JobLimits;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The job's groups. Their paths are recorded, so that a successor finds them again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Of cgroup v2: for CPU time, for killing all at once, and for all limits where v2 has the controllers.
    #[serde(default)]
    pub unified: Option<PathBuf>,
    /// Of the v1 controller `memory`.
    #[serde(default)]
    pub memory: Option<PathBuf>,
    /// Of the v1 controller `pids`.
    #[serde(default)]
    pub pids: Option<PathBuf>,
}

/// Where a hierarchy is mounted, and the group in it that this process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    mount: PathBuf,
    own: PathBuf,
}

/// The hierarchies of this machine that are of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// cgroup v2, on its own or beside v1.
    pub unified: Option<Place>,
    /// v1 `memory`.
    pub memory: Option<Place>,
    /// v1 `pids`.
    pub pids: Option<Place>,
}

impl Places {
    /// Of this machine, as this process sees them.
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/mounts"), &read("/proc/self/cgroup"))
    }

    /// Of another process, as this one sees them.
    pub fn of(pid: u32) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/mounts"), &read(&format!("/proc/{pid}/cgroup")))
    }

    /// The group of cgroup v2, as a directory.
    pub fn unified_dir(&self) -> Option<PathBuf> {
        self.unified.as_ref().map(|place| place.mount.join(&place.own))
    }

    /// Where cgroup v2 is mounted.
    pub fn unified_mount(&self) -> Option<PathBuf> {
        self.unified.as_ref().map(|place| place.mount.clone())
    }

    /// From the texts of `/proc/self/mounts` and `/proc/self/cgroup`.
    pub fn parse(mounts: &str, own: &str) -> Self {
        let mount = |kind: &str, option: Option<&str>| {
            let rows = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let mut rows = rows.filter(|words| words.len() > 3 && words[2] == kind);
            rows.find(|words| option.is_none_or(|option| words[3].split(',').any(|word| word == option)))
                .map(|words| PathBuf::from(words[1]))
        };
        let inside = |controller: Option<&str>| {
            let mut rows = own.lines().filter_map(|line| {
                let (number, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(":/")?;
                Some((number, controllers, path))
            });
            rows.find(|(number, controllers, _)| match controller {
                None => *number == "0" && controllers.is_empty(),
                Some(controller) => controllers.split(',').any(|word| word == controller),
            })
            .map(|(_, _, path)| PathBuf::from(path))
        };
        let place = |kind, controller| Some(Place { mount: mount(kind, controller)?, own: inside(controller)? });
        Self { unified: place("cgroup2", None), memory: place("cgroup", Some("memory")), pids: place("cgroup", Some("pids")) }
    }
}

impl Groups {
    /// Make groups named after the attempt; nothing, where this user may make none. Those of v1 only for limits that are asked for.
    pub fn make(attempt: &str, limits: &JobLimits) -> Self {
        let places = Places::here();
        let unified = places.unified.iter().flat_map(bases).map(|base| base.join(attempt)).find(|dir| make_unified(dir));
        // Below our own group, not at the top: what is to hold us is to hold the job, too.
        let below = |place: &Option<Place>, asked: bool| {
            let place = place.as_ref().filter(|_| asked)?;
            let own = place.mount.join(&place.own);
            let dir = if own.is_dir() { own } else { place.mount.clone() }.join(format!("sortie-{attempt}"));
            make_dir(&dir).then_some(dir)
        };
        // Where v2 has the controller, v1 has it not.
        let (memory, pids) = (limits.memory_bytes.is_some(), limits.processes.is_some());
        Self { unified, memory: below(&places.memory, memory), pids: below(&places.pids, pids) }
    }

    /// The group of a manager's unit, with limits set by that manager.
    pub fn of_unit(dir: PathBuf) -> Self {
        Self { unified: Some(dir), ..Self::default() }
    }

    /// Limits that are in force here, of those that were asked for.
    pub fn in_force(&self, limits: &JobLimits) -> JobLimits {
        let is = |file: &str, value: u64| {
            let text = self.unified.as_ref().and_then(|dir| fs::read_to_string(dir.join(file)).ok());
            text.and_then(|text| text.trim().parse::<u64>().ok()).is_some_and(|held| held <= value)
        };
        JobLimits {
            memory_bytes: limits.memory_bytes.filter(|bytes| is("memory.max", *bytes)),
            processes: limits.processes.filter(|count| is("pids.max", u64::from(*count))),
            disk_bytes: None,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Move a process to the group of supervisors at the top of v2, and of the hierarchy that systemd keeps its own count in.
    pub fn shelter(pid: u32) -> io::Result<()> {
        let mount = Places::here().unified_mount();
        let roots = [mount, Some(PathBuf::from("/sys/fs/cgroup/systemd")).filter(|root| root.join("cgroup.procs").is_file())];
        for root in roots.into_iter().flatten() {
            let dir = root.join("sortie").join("supervisors");
            fs::create_dir_all(&dir)?;
            fs::write(dir.join("cgroup.procs"), pid.to_string())?;
        }
        Ok(())
    }

    /// Whether this machine would give a job a group.
    pub fn available() -> bool {
        let probe = Self::make(&format!("probe-{}", crate::sign::random_hex(8)), &JobLimits::default());
        probe.remove();
        !probe.is_empty()
    }

    /// Move a process into all of them; one that does not take it is removed and forgotten.
    pub fn take(&mut self, process: ProcessId) {
        for group in [&mut self.unified, &mut self.memory, &mut self.pids] {
            if let Some(dir) = group
                && fs::write(dir.join("cgroup.procs"), process.pid.to_string()).is_err()
            {
                remove(dir, 0);
                *group = None;
            }
        }
    }

    /// Set limits; says which of them are held. Swap is no way around the limit on memory.
    pub fn limit(&self, limits: &JobLimits) -> JobLimits {
        let set = |dir: &Option<PathBuf>, file: &str, value: u64| {
            dir.as_ref().is_some_and(|dir| fs::write(dir.join(file), value.to_string()).is_ok())
        };
        let memory = |bytes: &u64| {
            if set(&self.unified, "memory.max", *bytes) {
                set(&self.unified, "memory.swap.max", 0);
                return true;
            }
            let held = set(&self.memory, "memory.limit_in_bytes", *bytes);
            // Memory and swap together, where swap is counted at all; it may not be lower than the limit on memory alone.
            set(&self.memory, "memory.memsw.limit_in_bytes", *bytes);
            held
        };
        let processes = |count: &u32| set(&self.unified, "pids.max", u64::from(*count)) || set(&self.pids, "pids.max", u64::from(*count));
        JobLimits { memory_bytes: limits.memory_bytes.filter(memory), processes: limits.processes.filter(processes), disk_bytes: None }
    }

    /// Pids in them and below them; a job with rights may have made groups of its own.
    pub fn pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for dir in self.all() {
            collect(dir, &mut found, 0);
        }
        found
    }

    /// Kill all at once (kernel 5.14); older kernels leave it to the sweep. Nobody inside can fork any more (a fork bomb, F097).
    pub fn kill(&self) {
        for dir in self.all() {
            let _ = fs::write(dir.join("pids.max"), "0");
            let _ = fs::write(dir.join("cgroup.kill"), "1");
        }
    }

    /// How often the kernel killed here for want of memory; `None` where nobody counts it.
    pub fn oom_kills(&self) -> Option<u64> {
        let unified = self.unified.as_ref().and_then(|dir| keyed(&dir.join("memory.events"), "oom_kill"));
        unified.or_else(|| self.memory.as_ref().and_then(|dir| keyed(&dir.join("memory.oom_control"), "oom_kill")))
    }

    /// User and system time, in milliseconds.
    pub fn cpu_ms(&self) -> Option<u64> {
        Some(keyed(&self.unified.as_ref()?.join("cpu.stat"), "usage_usec")? / 1000)
    }

    /// Most memory at once, in bytes (v2: kernel 5.19).
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let read = |dir: &Option<PathBuf>, file: &str| fs::read_to_string(dir.as_ref()?.join(file)).ok()?.trim().parse().ok();
        read(&self.unified, "memory.peak").or_else(|| read(&self.memory, "memory.max_usage_in_bytes"))
    }

    /// Bytes read from and written to devices, where the controller `io` is on.
    pub fn io_bytes(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.unified.as_ref()?.join("io.stat")).ok()?;
        let sum = |key: &str| text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok()).sum();
        Some((sum("rbytes="), sum("wbytes=")))
    }

    /// Remove them with what is below; fails quietly while a process is inside.
    pub fn remove(&self) {
        for dir in self.all() {
            remove(dir, 0);
        }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.unified, &self.memory, &self.pids].into_iter().flatten()
    }
}

/// Depth to which groups made by the job are followed: more is a game, and the cookie sweep finds those too.
const DEPTH: u32 = 8;

/// The number after a key, in a file of lines `key number`.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn collect(dir: &Path, found: &mut Vec<u32>, depth: u32) {
    let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    found.extend(procs.lines().filter_map(|pid| pid.parse::<u32>().ok()).filter(|pid| *pid != 0));
    if depth < DEPTH {
        for below in children(dir) {
            collect(&below, found, depth + 1);
        }
    }
}

fn remove(dir: &Path, depth: u32) {
    if depth < DEPTH {
        for below in children(dir) {
            remove(&below, depth + 1);
        }
    }
    let _ = fs::remove_dir(dir);
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// The top first: there it outlives the scope of the SSH session. Then our own group, for users with a delegated one.
fn bases(place: &Place) -> [PathBuf; 2] {
    [place.mount.join("sortie"), place.mount.join(&place.own).join("sortie")]
}

fn make_unified(dir: &Path) -> bool {
    let Some(base) = dir.parent() else { return false };
    let _ = fs::create_dir(base);
    if !make_dir(dir) {
        return false;
    }
    // One by one: a controller that is not delegated must not keep the others away.
    for controller in ["memory", "pids", "io"] {
        for group in [base.parent(), Some(base)].into_iter().flatten() {
            let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
        }
    }
    true
}

fn make_dir(dir: &Path) -> bool {
    let _ = fs::create_dir(dir);
    dir.join("cgroup.procs").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
    const HYBRID: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
         cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\ncgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n\
         cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";

    fn place(mount: &str, own: &str) -> Option<Place> {
        Some(Place { mount: mount.into(), own: own.into() })
    }

    #[test]
    fn hierarchies_are_read_as_they_are_mounted() {
        let found = Places::parse(UNIFIED, "0::/user.slice/user-0.slice/session-3.scope\n");
        assert_eq!(found, Places { unified: place("/sys/fs/cgroup", "user.slice/user-0.slice/session-3.scope"), ..Places::default() });
        let found = Places::parse(HYBRID, "8:pids:/a\n4:memory:/b:c\n1:name=systemd:/\n0::/\n");
        assert_eq!(found.unified, place("/sys/fs/cgroup/unified", ""));
        assert_eq!(found.memory, place("/sys/fs/cgroup/memory", "b:c"));
        assert_eq!(found.pids, place("/sys/fs/cgroup/pids", "a"));
        assert_eq!(Places::parse("", ""), Places::default());
    }
}
