//! How much disk the output of jobs may take: of one job always, of all under a state root together.

use crate::attempt::Attempt;
use crate::limits::{LOG_FAIR_BYTES, LOG_FLOOR_BYTES, LOGS_OF_ROOT_BYTES};
use crate::output::{self, STREAMS};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Keep both streams near their bound; with the disk nearly full, or with too much under the root, near a smaller one.
pub fn keep_small(attempt: &Attempt) {
    let taken: u64 = STREAMS.iter().map(|stream| output::on_disk(attempt, stream)).sum();
    if taken <= LOG_FAIR_BYTES {
        return;
    }
    let tight = is_nearly_full(attempt) || of_root(&attempt.root().jobs()) > LOGS_OF_ROOT_BYTES;
    STREAMS.iter().for_each(|stream| output::bound(attempt, stream, tight));
}

fn is_nearly_full(attempt: &Attempt) -> bool {
    rustix::fs::statvfs(attempt.dir()).is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) < LOG_FLOOR_BYTES)
}

/// Bytes that the output of all attempts takes. Asked only by a job with much output: a directory of some hundred entries.
fn of_root(jobs: &Path) -> u64 {
    let attempts = std::fs::read_dir(jobs).into_iter().flatten().flatten();
    let of = |dir: &Path| -> u64 {
        STREAMS.iter().filter_map(|stream| dir.join(stream).symlink_metadata().ok()).map(|meta| meta.blocks() * 512).sum()
    };
    attempts.map(|entry| of(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};

    #[test]
    fn the_output_of_all_attempts_is_counted_as_it_lies_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path()).unwrap();
        for (id, bytes) in [("att_0123456789", 64 << 10), ("att_0123456788", 4 << 10)] {
            let attempt = Attempt::new(&root, AttemptId::parse(id).unwrap());
            std::fs::create_dir_all(attempt.dir()).unwrap();
            std::fs::write(attempt.file("stderr"), vec![b'x'; bytes]).unwrap();
        }
        let counted = of_root(&root.jobs());
        assert!((68 << 10..=80 << 10).contains(&counted), "{counted}");
    }
}
