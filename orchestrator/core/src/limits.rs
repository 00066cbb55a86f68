//! Every bound of the engine, with its reason.

/// Characters of a failure's message that are kept: enough for a diagnostic with its source excerpt.
pub const MESSAGE_CHARS: usize = 4_000;
/// Durable calls one run may make; replay is quadratic over the life of a run. `child` carries longer work on.
pub const CALLS_PER_RUN: u32 = 5_000;
/// Bytes of the JSON of one call's arguments.
pub const CALL_BYTES: usize = 256 << 10;
/// Bytes of a run's input and of its return value.
pub const INPUT_BYTES: usize = 256 << 10;
/// Characters of a step's name.
pub const STEP_NAME_CHARS: usize = 128;
/// Depth of JSON from a flow or from outside (F065).
pub const JSON_DEPTH: usize = 64;
/// Deadline of a run that sets none, in milliseconds: 24 h.
pub const RUN_DEADLINE_MS: u64 = 24 * 3_600_000;
/// Time limit of a job or wait that sets none, in milliseconds: 24 h. No wait is without a deadline.
pub const WAIT_DEADLINE_MS: u64 = 24 * 3_600_000;
/// Longest deadline, timeout or sleep, in milliseconds: a year.
pub const LONGEST_MS: u64 = 366 * 24 * 3_600_000;
/// How long a launch may find its host unreachable before the attempt fails, in milliseconds.
pub const LAUNCH_MS: u64 = 120_000;
/// Pause before the second try of an unreachable launch or stop, in milliseconds; doubles.
pub const REACH_BACKOFF_MS: u64 = 500;
/// Longest pause between two tries to reach a host, in milliseconds.
pub const REACH_BACKOFF_CAP_MS: u64 = 30_000;
/// A launch that finds its host away is put off by at most this part of the time it has been away, where that is more than
/// [`REACH_BACKOFF_CAP_MS`]: each try is two events, so their number grows with the logarithm of the outage.
pub const LAUNCH_AWAY_PART: u64 = 16;
/// First sign of life after the launch, in milliseconds.
pub const STARTED_MS: u64 = 120_000;
/// Between two heartbeats where the job sets nothing, in milliseconds.
pub const HEARTBEAT_MS: u64 = 30_000;
/// Shortest time between two heartbeats, in milliseconds: bounds the posts of a job, and the events of one that comes and goes.
pub const HEARTBEAT_LEAST_MS: u64 = 1_000;
/// Heartbeats that may be missed before an attempt is suspect.
pub const HEARTBEATS_MISSED: u64 = 3;
/// Between TERM and KILL, in milliseconds.
pub const GRACE_MS: u64 = 10_000;
/// A step whose job could not be verified to be stopped is answered after this long, in milliseconds.
pub const STOP_ANSWER_MS: u64 = 60_000;
/// A token outlives its attempt's deadline by this, in milliseconds: 30 days. The row says whether an attempt is open.
pub const TOKEN_GRACE_MS: u64 = 30 * 24 * 3_600_000;
/// Evaluations of one run that may kill their worker before the run is parked.
pub const CRASHES: u32 = 3;
/// Attempts that `retry` may ask for.
pub const RETRY_ATTEMPTS: u32 = 100;
/// Callbacks of one attempt or wait that are kept besides the accepted ones; more are only counted.
pub const KEPT_CALLBACKS: u32 = 16;

const _: () = assert!(CALL_BYTES >= 4 * MESSAGE_CHARS);
const _: () = assert!(STOP_ANSWER_MS > GRACE_MS);
