//! A cgroup v2 subtree of the job's own, where this user may make one. The supervisor stays outside.

use crate::process::ProcessId;
use std::fs;
use std::path::{Path, PathBuf};

/// The job's cgroup. Its path is recorded, so that a successor finds it again.
#[derive(Clone, Debug)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Make one named after the attempt. `None`: the tree is held by the subreaper alone.
    pub fn make(attempt: &str) -> Option<Self> {
        let dir = candidates().into_iter().map(|base| base.join(attempt)).find(|dir| make_dir(dir))?;
        Some(Self(dir))
    }

    /// The one that was recorded, if it still exists.
    pub fn open(path: &str) -> Option<Self> {
        let path = PathBuf::from(path);
        path.join("cgroup.procs").is_file().then_some(Self(path))
    }

    /// Whether this machine would give a job a cgroup.
    pub fn available() -> bool {
        Self::make(&format!("probe-{}", crate::sign::random_hex(8))).map(|probe| probe.remove()).is_some()
    }

    /// Move a process in. It must not have children yet.
    pub fn take(&self, process: ProcessId) -> bool {
        fs::write(self.0.join("cgroup.procs"), process.pid.to_string()).is_ok()
    }

    /// Where it is.
    pub fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// Pids in it and below it; a job with rights may have made groups of its own.
    pub fn pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        collect(&self.0, &mut found, 0);
        found
    }

    /// Kill all at once (kernel 5.14); older kernels leave it to the sweep.
    pub fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }

    /// Whether the kernel says that it killed here for want of memory.
    pub fn oom_killed(&self) -> bool {
        let events = fs::read_to_string(self.0.join("memory.events")).unwrap_or_default();
        events.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count.trim() != "0")
    }

    /// Remove it with what is below; fails quietly while a process is inside.
    pub fn remove(&self) {
        remove(&self.0, 0);
    }
}

/// Depth to which groups made by the job are followed: more is a game, and the cookie sweep finds those too.
const DEPTH: u32 = 8;

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
fn candidates() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|words| words.get(2) == Some(&"cgroup2"));
    let Some(mount) = mount.map(|words| PathBuf::from(words[1])) else { return Vec::new() };
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).map(|path| mount.join(path).join("sortie"));
    [Some(mount.join("sortie")), own].into_iter().flatten().collect()
}

fn make_dir(dir: &Path) -> bool {
    let Some(base) = dir.parent() else { return false };
    let _ = fs::create_dir(base);
    if fs::create_dir(dir).is_err() {
        return dir.join("cgroup.procs").is_file();
    }
    // Counting memory lets an OOM be told from another KILL; it works where the controller is delegated.
    let _ = fs::write(base.join("cgroup.subtree_control"), "+memory +pids");
    dir.join("cgroup.procs").is_file()
}
