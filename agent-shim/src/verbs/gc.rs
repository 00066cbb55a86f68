//! `gc`: acknowledged attempts become tombstones after their time, half-made directories and unused shims go.
//!
//! Nothing unacknowledged is touched, and no name becomes free again: a launch frame may be in flight for as long as its token lives.

use super::Fault;
use crate::attempt::Attempt;
use crate::contain::user;
use crate::limits::STALE_TEMP_MS;
use crate::root::{AttemptId, Root};
use crate::tree;
use crate::{clock, door, files, workspace};
use rustix::process::Signal;
use sortie_protocol::verb::Reply;
use std::collections::HashSet;
use std::fs::DirEntry;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Sweep. Only entries right below `jobs` and `bin` with names of ours, and never through a symlink.
pub fn run(root: &Root, older_than_ms: u64) -> Result<Reply, Fault> {
    let (mut removed, mut kept) = (0, 0);
    for entry in std::fs::read_dir(root.jobs())?.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(AttemptId::parse) else {
            sweep_temp(&entry);
            continue;
        };
        let attempt = Attempt::new(root, id);
        let old =
            attempt.acked().is_some_and(|acked| clock::wall_ms().saturating_sub(acked.at_ms) >= older_than_ms.min(i64::MAX as u64) as i64);
        match old.then(|| sweep(&attempt)) {
            Some(Ok(true)) => removed += 1,
            None if attempt.is_sealed() && !attempt.was_started() => {}
            _ => kept += 1,
        }
    }
    sweep_shims(root, older_than_ms);
    Ok(Reply::Swept { removed, kept, orphans: sweep_orphans(root) })
}

/// End processes that carry the cookie of an attempt of this root that is over: its supervisor had verified them to be gone, or died.
fn sweep_orphans(root: &Root) -> u64 {
    let is_over = |id: &AttemptId| {
        let attempt = Attempt::new(root, id.clone());
        attempt.dir().is_dir() && (attempt.is_sealed() || attempt.acked().is_some())
    };
    let orphans = tree::cookies().into_iter().filter(|(_, cookie)| AttemptId::parse(cookie).is_some_and(|id| is_over(&id)));
    orphans.map(|(process, _)| process.signal(&[Signal::KILL])).count() as u64
}

/// The tombstone is durable before anything goes. False: a supervisor is still there.
fn sweep(attempt: &Attempt) -> io::Result<bool> {
    // Its directory is another's now; one that worked in an earlier one's has none to lose.
    if workspace::is_own(attempt) && workspace::is_held(attempt) {
        return Ok(false);
    }
    let Some(lock) = attempt.try_lock()? else { return Ok(false) };
    if !attempt.is_sealed() {
        files::create(&attempt.file("sealed"), b"swept")?;
        files::sync_dir(attempt.dir())?;
    }
    if let Some(child) = attempt.child() {
        child.hold().groups.remove();
    }
    user::discard(attempt)?;
    // A directory that was made for another attempt goes with that one.
    let here = attempt.spec().is_ok_and(|spec| workspace::dir_for(attempt, &spec) == attempt.file("work"));
    if here {
        workspace::remove(attempt)?;
    }
    // `acked` last: with it a sweep that was cut short is taken up again.
    let names = |entry: &DirEntry| !["sealed", "acked"].iter().any(|keep| entry.file_name() == **keep);
    for entry in std::fs::read_dir(attempt.dir())?.flatten().filter(names) {
        if entry.file_type()?.is_dir() {
            workspace::remove_tree(&entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_file(attempt.file("acked"))?;
    drop(lock);
    Ok(true)
}

fn sweep_temp(entry: &DirEntry) {
    let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with('.'));
    if ours && age_ms(&entry.path()).is_some_and(|age| age > STALE_TEMP_MS as i64) {
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Shims of other versions, but for those that something still runs of, or that the commands of a job lead to.
fn sweep_shims(root: &Root, older_than_ms: u64) {
    let used = used_shims(root);
    for entry in std::fs::read_dir(root.bin()).into_iter().flatten().flatten() {
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with("sortie-shim-"));
        let old = age_ms(&entry.path()).is_some_and(|age| age >= older_than_ms.min(i64::MAX as u64) as i64);
        if named && old && entry.file_type().is_ok_and(|kind| kind.is_file()) && !used.contains(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Programs of all processes of this machine, this one among them, and of all attempts that are not swept.
fn used_shims(root: &Root) -> HashSet<PathBuf> {
    let attempts = std::fs::read_dir(root.jobs()).into_iter().flatten().flatten();
    let attempts = attempts.filter_map(|entry| AttemptId::parse(entry.file_name().to_str()?));
    let of_jobs = attempts.filter_map(|id| door::program(&Attempt::new(root, id)));
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let running = processes.filter_map(|entry| std::fs::read_link(entry.path().join("exe")).ok());
    of_jobs.chain(running).collect()
}

fn age_ms(path: &Path) -> Option<i64> {
    Some(clock::wall_ms() - path.symlink_metadata().ok()?.mtime() * 1000)
}
