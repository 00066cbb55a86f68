//! Bounds on checkpoints, each with its reason.

/// How long one checkpoint may take, its upload included, in milliseconds: it must be over before the next.
pub const TIME_MS: u64 = 120_000;
/// How long the last one may take, in milliseconds: the result waits for it.
pub const LAST_MS: u64 = 60_000;
/// The same where the job was stopped, in milliseconds: its end is waited for.
pub const STOPPED_MS: u64 = 10_000;
/// Least time between two checkpoints, in milliseconds: more often is no gain and a load.
pub const LEAST_MS: u64 = 5_000;
/// Largest transcript that goes into a checkpoint, in bytes: weeks of work, and still quickly uploaded.
pub const TRANSCRIPT_BYTES: u64 = 64 << 20;
/// Checkpoints between two removals of what earlier ones alone had held.
pub const PRUNE_EVERY: u32 = 8;
/// Requests of an upload that may come to nothing in a row: a server that is away takes the next checkpoint.
pub const UPLOAD_TRIES: u32 = 3;
/// How long the fetch of a checkpoint may take, in milliseconds.
pub const FETCH_MS: u64 = 300_000;
