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
/// First pause after a host could not be reached, in milliseconds; doubles. As long as a launch waits before its second try.
pub const BREAKER_MS: u64 = 1_000;
/// Longest such pause, in milliseconds: a host that is back is found within a minute, and a dead one costs a handshake a minute.
pub const BREAKER_CAP_MS: u64 = 60_000;
/// Between two looks for news of hosts that are to be written, in milliseconds.
pub const HEALTH_LOOK_MS: u64 = 2_000;
/// Between two writes of what is known of a host while nothing changes, in milliseconds: one row a minute and host.
pub const HEALTH_EVERY_MS: u64 = 60_000;
/// Between two looks for hosts that are to be collected from, in milliseconds: a job's first sign of life is not later than this.
pub const PULL_LOOK_MS: u64 = 250;
/// Shortest pause between two rounds of collecting from a host, in milliseconds.
pub const PULL_LEAST_MS: u64 = 1_000;
/// Longest such pause, in milliseconds: how late a result may be from a host that had none for long.
pub const PULL_CAP_MS: u64 = 30_000;
/// Hosts that are collected from at once: a round that hangs must not hold up the others.
pub const PULL_HOSTS: usize = 64;
/// An attempt on a host that both posts and is collected from is asked for after so long a silence, in milliseconds: heartbeats come
/// every 30 s where nothing else is said.
pub const BOTH_QUIET_MS: u64 = 45_000;
/// A receipt younger than this says that callbacks arrive, in milliseconds.
pub const HEARD_MS: u64 = 120_000;
/// Pages of posts of one attempt that are collected at once; each is a few MiB, and an attempt has a handful of posts.
pub const COLLECT_PAGES: usize = 64;
/// How long all files of a job may take to be fetched, in milliseconds: as long as they may take to be uploaded.
pub const FETCH_MS: u64 = sortie_protocol::limits::UPLOAD_MS;
/// How long one round may spend on fetching the checkpoint of one running job, in milliseconds: less than the patience of the others.
pub const CHECKPOINT_FETCH_MS: u64 = 3_000;
/// Between two comparisons of what a host holds with what is known, in milliseconds; spread between half of it and the whole.
pub const RECONCILE_EVERY_MS: u64 = 300_000;
/// Between two looks for hosts whose comparison is due, in milliseconds.
pub const RECONCILE_LOOK_MS: u64 = 5_000;
/// Between two removals of what a host has had acknowledged, in milliseconds: a day.
pub const GC_EVERY_MS: u64 = 24 * 3_600_000;
/// Pages of attempts that one comparison reads: as many attempts as a large host gathers in a week.
pub const LIST_PAGES: usize = 64;
/// Jobs without a live run that one comparison ends: each may take as long as a stop; the next comparison has the others.
pub const ORPHANS: usize = 64;

/// Earlier attempts of a step that a new one is told of: an older session than these was gone on with by one of them.
pub const EARLIER_ATTEMPTS: usize = 16;
/// Answers to questions of earlier attempts that a new one is told: the newest count.
pub const ANSWERS_TOLD: usize = 16;
/// How long the link to a checkpoint holds, in seconds: a launch fetches it at once, and one that waits for its host is signed anew.
pub const RESTORE_LINK_S: i64 = 3_600;
