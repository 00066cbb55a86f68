//! The job's output files: their tail for the result, ranges for `logs`, and a bound on the disk they take.
//!
//! Offsets are absolute for ever. What is beyond the bound is given back to the disk as a hole in the middle, so the job
//! never notices, and head and tail stay.

use crate::attempt::Attempt;
use crate::files;
use crate::limits::{
    LOG_FAIR_BYTES, OUTPUT_HEAD_BYTES, OUTPUT_SLACK_BYTES, OUTPUT_TIGHT_BYTES, OUTPUT_TIGHT_HEAD_BYTES, OUTPUT_TIGHT_SLACK_BYTES, TICK_MS,
};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use sortie_protocol::limits::{LOG_CHUNK_BYTES, OUTPUT_FILE_BYTES, OUTPUT_TAIL_BYTES};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

/// Names of the two streams.
pub const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// Bytes written to a stream so far.
pub fn written(attempt: &Attempt, stream: &str) -> u64 {
    attempt.file(stream).symlink_metadata().map_or(0, |meta| meta.len())
}

/// Milliseconds since something was last written to a stream.
pub fn silent_ms(attempt: &Attempt) -> u64 {
    let last = STREAMS.iter().filter_map(|stream| attempt.file(stream).symlink_metadata().ok());
    let last = last.map(|meta| meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000).max();
    last.map_or(0, |last| (crate::clock::wall_ms() - last).max(0) as u64)
}

/// The last bytes of a stream as text; a character cut in half at its start is left out.
pub fn tail(attempt: &Attempt, stream: &str) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let file = plain(&attempt.file(stream))?;
        let total = file.metadata()?.len();
        let mut bytes = vec![0; total.min(OUTPUT_TAIL_BYTES as u64) as usize];
        let start = total - bytes.len() as u64;
        file.read_exact_at(&mut bytes, start)?;
        if total > bytes.len() as u64 {
            let cut = bytes.iter().take(3).take_while(|b| **b & 0xC0 == 0x80).count();
            bytes.drain(..cut);
        }
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// A range of a stream.
pub struct Range {
    /// Where it starts: as asked, or the first byte after it that is still kept.
    pub offset: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Bytes written so far.
    pub total: u64,
}

/// Read a range; empty at and beyond the end.
pub fn range(attempt: &Attempt, stream: &str, offset: u64, limit: u64) -> io::Result<Range> {
    let file = match plain(&attempt.file(stream)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Range { offset, data: Vec::new(), total: 0 }),
        other => other?,
    };
    let total = file.metadata()?.len();
    if offset >= total {
        return Ok(Range { offset, data: Vec::new(), total });
    }
    let start = seek(&file, SeekFrom::Data(offset)).unwrap_or(offset).min(total);
    let hole = seek(&file, SeekFrom::Hole(start)).unwrap_or(total).max(start);
    let mut data = vec![0; limit.min(LOG_CHUNK_BYTES).min(total.min(hole) - start) as usize];
    let mut read = 0;
    while read < data.len() {
        match file.read_at(&mut data[read..], start + read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    data.truncate(read);
    Ok(Range { offset: start, data, total })
}

/// Bytes that a stream takes on the disk.
pub fn on_disk(attempt: &Attempt, stream: &str) -> u64 {
    attempt.file(stream).symlink_metadata().map_or(0, |meta| meta.blocks() * 512)
}

/// Whether a stream is being written so fast that it is to be looked at soon.
pub fn is_flooding(attempt: &Attempt) -> bool {
    let busy = |stream: &&str| on_disk(attempt, stream) > LOG_FAIR_BYTES / 2;
    STREAMS.iter().any(busy) && silent_ms(attempt) < TICK_MS
}

/// Keep a stream's disk use near its bound, or near the smaller one where it is tight. Where the file system has no holes, it
/// grows on: never a reason to stop a job.
pub fn bound(attempt: &Attempt, stream: &str, tight: bool) {
    let path = attempt.file(stream);
    if tight {
        punch(&path, OUTPUT_TIGHT_BYTES, OUTPUT_TIGHT_HEAD_BYTES, OUTPUT_TIGHT_SLACK_BYTES);
    } else {
        punch(&path, OUTPUT_FILE_BYTES, OUTPUT_HEAD_BYTES, OUTPUT_SLACK_BYTES);
    }
}

/// Give back what lies between the first `head` bytes and the last `limit - head`, once `slack` has gathered.
fn punch(path: &Path, limit: u64, head: u64, slack: u64) {
    let Ok(meta) = path.symlink_metadata() else { return };
    if !meta.is_file() || meta.blocks() * 512 <= limit + slack {
        return;
    }
    let end = meta.len().saturating_sub(limit - head);
    let Ok(file) = File::options().write(true).open(path) else { return };
    if end > head {
        let _ = fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, head, end - head);
    }
}

fn plain(path: &Path) -> io::Result<File> {
    let file = files::open_plain(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};

    #[test]
    fn an_output_over_its_bound_keeps_head_tail_and_offsets() {
        const KIB: u64 = 1024;
        let dir = tempfile::tempdir().unwrap();
        let attempt = Attempt::new(&Root::new(dir.path()).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        let path = attempt.file("stdout");
        let text: Vec<u8> = (0..512 * KIB).map(|n| b'a' + (n / KIB % 26) as u8).collect();
        std::fs::write(&path, &text).unwrap();
        punch(&path, 512 * KIB, 16 * KIB, 0);
        assert!(path.metadata().unwrap().blocks() * 512 >= 512 * KIB, "within the bound nothing goes");
        punch(&path, 128 * KIB, 16 * KIB, 16 * KIB);
        let meta = path.metadata().unwrap();
        assert_eq!(meta.len(), 512 * KIB);
        assert!(meta.blocks() * 512 <= 128 * KIB + 8 * KIB);
        let head = range(&attempt, "stdout", 0, u64::MAX).unwrap();
        assert_eq!(head.data, text[..16 * KIB as usize]);
        let rest = range(&attempt, "stdout", 16 * KIB, u64::MAX).unwrap();
        assert_eq!((rest.offset, rest.total), (400 * KIB, 512 * KIB), "the range starts at the first byte still kept");
        assert_eq!(rest.data, text[400 * KIB as usize..]);
        assert!(text.ends_with(tail(&attempt, "stdout").as_bytes()));
    }

    #[test]
    fn a_tail_never_begins_inside_a_character() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = Attempt::new(&Root::new(dir.path()).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        std::fs::write(attempt.file("stdout"), "ż".repeat(OUTPUT_TAIL_BYTES) + "!").unwrap();
        assert!(!tail(&attempt, "stdout").contains('\u{fffd}'));
        assert_eq!(tail(&attempt, "stderr"), "");
    }
}
