//! Output of jobs on its way: how the shim ships it, and what the server's answer means.
//!
//! `PUT {logs_url}/{stream}` with the headers of a callback. The proof covers [`LogMeta`], so offset, length and digest; the
//! bytes are covered by the digest. The server takes what goes on from where it stands, drops what it has, and answers each
//! chunk with a [`LogReceipt`] that says how far it is now; the shim goes on from there, forwards or backwards. Only a gap that
//! the chunk itself declares is jumped over.
//!
//! What `acked` promises: every byte before it is in a file of the server, or is not kept by anybody; it outlives the death of
//! the server's process. A power failure may take the last seconds back: then the server says a lower `acked`, and the shim,
//! which keeps its own copy for days, sends them again. Once a stream is `complete`, it is on the server's disk.

use crate::limits::{LOG_HEAD_BYTES, LOG_TAIL_BYTES};
use serde::{Deserialize, Serialize};

/// Header with the hexadecimal JSON of a [`LogMeta`].
pub const HEADER_LOG: &str = "sortie-log";

/// One of a job's two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// As in paths, files and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The stream of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text)
    }

    /// 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Where whoever takes output on should go on, with everything before `acked` there and `total` bytes written: what lies between the
/// head and the tail would be dropped in the end, and is not moved at all.
#[must_use]
pub const fn next_offset(acked: u64, total: u64) -> u64 {
    let tail = total.saturating_sub(LOG_TAIL_BYTES);
    if acked >= LOG_HEAD_BYTES && acked < tail { tail } else { acked }
}

/// What a chunk is. Its exact JSON is what the proof covers and what the receipt is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMeta {
    /// [`crate::VERSION`].
    pub v: u32,
    /// Must equal the token's `jti` and the path.
    pub attempt: String,
    /// Must equal the path.
    pub stream: Stream,
    /// Absolute offset of the first byte.
    pub offset: u64,
    /// How many bytes right before `offset` are not kept any more, so will never be sent.
    #[serde(default)]
    pub gap: u64,
    /// Bytes of the chunk, at most [`crate::limits::LOG_CHUNK_BYTES`].
    pub length: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Bytes written to the stream so far.
    pub total: u64,
    /// Whether `total` is final.
    #[serde(default)]
    pub closed: bool,
}

/// The `webhook-id` of a chunk.
#[must_use]
pub fn log_id(attempt: &str, stream: Stream, offset: u64) -> String {
    format!("{attempt}.log.{}.{offset}", stream.as_str())
}

/// Where a stream stands on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// More can come.
    Open,
    /// Closed, and all of it is there.
    Complete,
    /// The server takes nothing more of it, for good.
    Stopped,
}

impl LogState {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
        }
    }
}

/// What the server commits itself to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReceipt {
    /// The `webhook-id`.
    pub id: String,
    /// SHA-256 of the metadata it was given for, lower-case hex.
    pub digest: String,
    /// Everything before this offset is on the server, or nowhere.
    pub acked: u64,
    /// Where the stream stands.
    pub state: LogState,
    /// When, Unix milliseconds by the server's clock.
    pub at_ms: i64,
}

/// The JSON body of an answer to a chunk: 200 with a receipt, also where nothing of the chunk was new or it did not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAnswer {
    /// What it says.
    pub receipt: LogReceipt,
    /// HMAC-SHA256 of [`log_receipt_message`] with the proof secret, `v1,<base64>`.
    pub mac: String,
}

/// The bytes that a receipt's HMAC covers. Lengths are not needed: no field can hold a newline.
#[must_use]
pub fn log_receipt_message(receipt: &LogReceipt) -> Vec<u8> {
    let LogReceipt { id, digest, acked, state, at_ms } = receipt;
    format!("sortie-log-receipt-v1\n{id}\n{digest}\n{acked}\n{}\n{at_ms}", state.as_str()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f104_what_would_be_dropped_anyway_is_skipped() {
        assert_eq!(next_offset(0, 1 << 30), 0, "the head always goes");
        assert_eq!(next_offset(LOG_HEAD_BYTES - 1, 1 << 30), LOG_HEAD_BYTES - 1);
        assert_eq!(next_offset(LOG_HEAD_BYTES, LOG_HEAD_BYTES + LOG_TAIL_BYTES), LOG_HEAD_BYTES, "all of it can be kept");
        assert_eq!(next_offset(LOG_HEAD_BYTES, 1 << 30), (1 << 30) - LOG_TAIL_BYTES);
        assert_eq!(next_offset(1 << 30, 1 << 30), 1 << 30);
    }

    #[test]
    fn a_chunk_of_an_older_shim_reads_without_what_it_does_not_know() {
        let text = r#"{"v":1,"attempt":"att_1","stream":"stderr","offset":3,"length":1,"sha256":"00","total":9,"newer":1}"#;
        let meta: LogMeta = serde_json::from_str(text).unwrap();
        assert_eq!((meta.stream, meta.gap, meta.closed), (Stream::Stderr, 0, false));
        assert_eq!(log_id(&meta.attempt, meta.stream, meta.offset), "att_1.log.stderr.3");
        assert_eq!(Stream::parse("stdout"), Some(Stream::Stdout));
        assert_eq!(Stream::parse("stdin"), None);
    }
}
