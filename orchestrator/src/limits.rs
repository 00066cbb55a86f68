//! Every bound of the program's edges, with its reason. The engine's own are in `sortie_core::limits`.

/// Pieces of due work of a class that are done at once. Advances are bound by the evaluators, launches by handshakes.
pub const WORK_AT_ONCE: [usize; 6] = [64, 64, 32, 128, 32, 64];
/// How long claimed work is invisible to others, in milliseconds. Longer than the slowest piece: an SSH question.
pub const LEASE_MS: u64 = 180_000;
/// Longest pause of a work loop without a wake-up, in milliseconds: bounds the delay after a missed one.
pub const IDLE_MS: u64 = 5_000;
/// Pause of a work loop after the store was not available, in milliseconds.
pub const STORE_RETRY_MS: u64 = 500;
/// Evaluators (child processes).
pub const EVALUATORS: usize = 2;
/// How long one evaluation may take by the wall clock, in milliseconds; then its process is killed.
pub const EVALUATION_MS: u64 = 10_000;
/// Bytes of an evaluator's answer.
pub const EVALUATION_BYTES: usize = 64 << 20;
/// Bytes of an evaluator's standard error that are read when it died: its last words.
pub const EVALUATOR_STDERR_BYTES: u64 = 16 << 10;
/// How long the shim may take to verify the end of a job before it answers as it is, in milliseconds.
pub const STOP_WAIT_MS: u64 = 15_000;
/// How long a graceful stop waits for requests and work in flight, in milliseconds (F004).
pub const DRAIN_MS: u64 = 20_000;
/// Events of one page of a history.
pub const HISTORY_PAGE: usize = 1_000;
/// Runs of one page of a list.
pub const RUNS_PAGE: usize = 200;
/// Former public URLs whose tokens are still taken.
pub const FORMER_AUDIENCES: usize = 16;
/// After the start, before missing heartbeats count, in milliseconds: shims need a moment to find the server again.
pub const LISTEN_GRACE_MS: u64 = 10_000;
/// Over how long timers are spread that fell due while the server was away, in milliseconds: ten thousand of them are two a millisecond.
pub const SMEAR_MS: u64 = 5_000;
/// A pause of the process longer than this, in milliseconds, is one in which it did not listen: it was frozen, or its machine slept.
pub const FROZEN_MS: u64 = 5_000;
/// How long one question to a host may take in all, in milliseconds; shorter than the lease.
pub const ASK_MS: u64 = 120_000;
/// Compiled schemas that are remembered; a schema costs some hundred microseconds to compile and some kilobytes to keep.
pub const SCHEMAS: usize = 256;
/// Between two looks for runs whose time is over, in milliseconds: an hour.
pub const RETENTION_EVERY_MS: u64 = 3_600_000;
/// Between two deletions, in milliseconds: callbacks go first.
pub const RETENTION_PAUSE_MS: u64 = 20;
/// Runs that one look deletes: a few minutes of work.
pub const RETENTION_RUNS: usize = 10_000;

const _: () = assert!(ASK_MS + STOP_WAIT_MS < LEASE_MS);
/// A difference between the system's clock and ours that is worth a line in the log, in milliseconds.
pub const CLOCK_JUMP_MS: i64 = 2_000;
/// Between two looks for held launches that a change of hosts lets go, in milliseconds; the end of an attempt lets go at once.
pub const HELD_CHECK_MS: u64 = 60_000;
