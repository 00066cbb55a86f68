//! `logs`: a range of a job's output.

use super::Fault;
use crate::attempt::Attempt;
use crate::output::{STREAMS, range};
use crate::view::view;
use sortie_protocol::bytes::Bytes;
use sortie_protocol::verb::Reply;
use sortie_protocol::view::Phase;

/// Read it.
pub fn run(attempt: &Attempt, stream: &str, offset: u64, limit: u64) -> Result<Reply, Fault> {
    if !STREAMS.contains(&stream) {
        return Err(Fault::usage("the stream is stdout or stderr"));
    }
    // The phase first: what is closed before the range is read is closed for it too.
    let open = matches!(view(attempt).phase, Phase::Claimed | Phase::Running | Phase::Stopping | Phase::Orphaned);
    let range = range(attempt, stream, offset, limit)?;
    Ok(Reply::Logs { offset: range.offset, data: Bytes(range.data), total: range.total, open })
}
