//! Every bound of workers, with its reason.

use std::time::Duration;

/// How long a worker's jobs go on without a word from the server: longer than a restart, an update or a proxy being set up anew;
/// short enough that a machine which was cut off for good stops spending within the hour.
pub const LEASE: Duration = Duration::from_secs(900);
/// How long a poll waits for a question. Under the idle limits that proxies commonly have (30 s).
pub const POLL: Duration = Duration::from_secs(25);
/// Without a poll for this long, nobody is there: a poll, its answer, and a reconnect.
pub const AWAY: Duration = Duration::from_secs(45);
/// How long a question waits for an answer once it was fetched, besides what it allows for itself.
pub const ANSWER: Duration = Duration::from_secs(75);
/// Questions that wait for one worker.
pub const QUEUE: usize = 256;
/// Bytes of questions handed out in one answer; the first one always fits, whatever its size.
pub const BATCH_BYTES: usize = 4 << 20;
/// Questions that a worker works on at once.
pub const AT_ONCE: usize = 8;
/// Body of a request: the largest answer of a shim, and the JSON around it.
pub const BODY_BYTES: usize = (sortie_protocol::limits::FRAME_BYTES) + (64 << 10);
/// Bodies over [`SMALL_BYTES`] in memory at once.
pub const LARGE_AT_ONCE: usize = 8;
/// A body that is always taken.
pub const SMALL_BYTES: usize = 64 << 10;
/// Pause of a worker after the first failure; doubles, with jitter.
pub const RETRY: Duration = Duration::from_secs(1);
/// Longest pause of a worker between two tries.
pub const RETRY_CAP: Duration = Duration::from_secs(30);
/// For connecting to the server.
pub const CONNECT: Duration = Duration::from_secs(15);
/// For an answer of the server beyond what a poll waits.
pub const SERVER: Duration = Duration::from_secs(30);
/// How often an answer is brought before it is dropped: the server asks again.
pub const BRING_TRIES: u32 = 8;

const _: () = assert!(POLL.as_secs() + 10 < AWAY.as_secs());
const _: () = assert!(AWAY.as_secs() * 4 < LEASE.as_secs());
