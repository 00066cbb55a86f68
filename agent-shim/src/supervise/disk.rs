//! Limits on disk: how much lies below the working directory, and how much is left of the file system of the state root. Looked at now
//! and then by a thread of its own, so that a slow disk delays nothing else.

use crate::attempt::{Attempt, Stop};
use crate::limits::{DISK_DEPTH, DISK_ENTRIES, DISK_LOOK_MS, DISK_LOOK_SHARE};
use crate::{clock, workspace};
use sortie_protocol::spec::Spec;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Watch until the job has ended, where there is anything to watch. The thread ends with its process.
pub fn watch(attempt: &Attempt, spec: &Spec) {
    let (limit, floor) = (spec.limits.disk_bytes, spec.disk_floor_bytes);
    if limit.is_none() && floor == 0 {
        return;
    }
    let (attempt, spec) = (attempt.clone(), spec.clone());
    let log = attempt.clone();
    let look = move || {
        while attempt.exit().is_none() && attempt.stop().is_none() {
            let begun = clock::mono_ms();
            let reason = if is_low(attempt.root().path(), floor) {
                Some("disk_floor")
            } else {
                limit.filter(|limit| below(&workspace::dir_for(&attempt, &spec)) > *limit).map(|_| "disk")
            };
            if let Some(reason) = reason {
                // Where not even this can be written, the next look tries again.
                match attempt.write_stop(&Stop::now(reason, false)) {
                    Ok(()) => return attempt.wake(),
                    Err(error) => attempt.log(&format!("cannot record that the job is to be ended ({reason}): {error}")),
                }
            }
            let took = clock::mono_ms().saturating_sub(begun);
            clock::pause(DISK_LOOK_MS.max(took.saturating_mul(DISK_LOOK_SHARE)));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("disk".to_owned()).spawn(look) {
        log.log(&format!("the disk is not watched: {error}"));
    }
}

/// Whether less than `floor` bytes are free where the state root lies; a floor of 0 is none.
pub fn is_low(root: &Path, floor: u64) -> bool {
    floor > 0 && free(root).is_ok_and(|free| free < floor)
}

/// Free bytes where the state root lies.
pub fn free(root: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(root)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes on disk below a directory, of its own file system, with no link followed; of its first [`DISK_ENTRIES`] entries.
fn below(dir: &Path) -> u64 {
    let Ok(meta) = dir.symlink_metadata() else { return 0 };
    let mut left = DISK_ENTRIES;
    sum(dir, meta.dev(), 0, &mut left)
}

fn sum(dir: &Path, device: u64, depth: u32, left: &mut u64) -> u64 {
    let mut total = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let Ok(meta) = entry.metadata() else { continue };
        if meta.dev() != device {
            continue;
        }
        // A file with several names counts in parts.
        total += meta.blocks() * 512 / meta.nlink().max(1);
        if meta.is_dir() && depth < DISK_DEPTH {
            total += sum(&entry.path(), device, depth + 1, left);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_is_summed_without_following_links() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        std::fs::create_dir(dir.path().join("out")).unwrap();
        std::fs::write(dir.path().join("out/large"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("../out", dir.path().join("in/link")).unwrap();
        std::fs::write(dir.path().join("in/deep/file"), vec![1; 64 << 10]).unwrap();
        let total = below(&dir.path().join("in"));
        assert!((64 << 10..256 << 10).contains(&total), "{total}");
        assert!(!is_low(dir.path(), 0) && is_low(dir.path(), u64::MAX));
    }
}
