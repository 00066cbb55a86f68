//! `fetch`: a range of a file that a finished attempt keeps, or of the last checkpoint of a running one, for a server that the VM cannot
//! upload to.

use super::{Fault, succeed};
use crate::artifacts::kept;
use crate::attempt::Attempt;
use crate::view::view;
use sortie_protocol::artifact::checkpoint_number;
use sortie_protocol::bytes::Bytes;
use sortie_protocol::limits::LOG_CHUNK_BYTES;
use sortie_protocol::verb::{Refusal, Reply};
use sortie_protocol::view::Phase;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Read it.
pub fn run(attempt: &Attempt, slot: &str, offset: u64, limit: u64) -> Result<Reply, Fault> {
    succeed(attempt);
    // A checkpoint never changes, it is replaced as a whole; and it is of use while the job runs.
    if checkpoint_number(slot).is_none() && !matches!(view(attempt).phase, Phase::Finished | Phase::Acked) {
        return Err(Fault::usage("the attempt is not over: its files may still change"));
    }
    let (file, kept) = kept::open(attempt, slot).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => Fault::usage(error.to_string()),
        _ => Fault(Refusal::Resources, error.to_string()),
    })?;
    let mut data = vec![0; limit.min(LOG_CHUNK_BYTES).min(kept.size.saturating_sub(offset)) as usize];
    let mut read = 0;
    while read < data.len() {
        match file.read_at(&mut data[read..], offset + read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    data.truncate(read);
    Ok(Reply::Fetched { data: Bytes(data), kept })
}
