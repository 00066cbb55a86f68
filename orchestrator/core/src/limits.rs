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
/// An attempt that its host says is alive, and that is not heard of, is ended as `stalled` after this many milliseconds, or after
/// the patience that its heartbeat allows where that is longer. Counted from when the host first said so, so that a machine that
/// slept for hours has its chance; ten minutes, because a network that lets SSH through and not the callbacks is most often a proxy
/// being restarted or a route being renewed, and the job is well.
pub const STALLED_MS: u64 = 600_000;
/// Time limit of keeping a text as a resource, over all its tries, in milliseconds: an hour covers a full disk being cleared.
pub const ARTIFACT_MS: u64 = 3_600_000;
/// Tries of keeping a text as a resource.
pub const ARTIFACT_TRIES: u32 = 10;
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
/// Body of an answer to `http` that a flow may ask for, in bytes. What is over the inline limit becomes a resource.
pub const RESPONSE_BYTES: u64 = 16 << 20;
/// JSON of a step's answer that is kept in the history, in bytes; the rest becomes a resource.
pub const INLINE_BYTES: usize = 64 << 10;
/// Limit of one try of `http` that sets none, in milliseconds.
pub const HTTP_TRY_MS: u64 = 60_000;
/// Files a job may name as artifacts.
pub const ARTIFACTS: usize = 64;
/// Files a job may be handed.
pub const JOB_FILES: usize = 64;
/// How long an outside event that nobody waits for yet is kept, in milliseconds: 24 h.
pub const EARLY_EVENT_MS: u64 = 24 * 3_600_000;
/// How deep runs may start runs.
pub const CHILD_DEPTH: u8 = 8;
/// How long `on_exit` may take, in milliseconds: 10 min.
pub const EXIT_MS: u64 = 600_000;
/// People whose approval a step may ask for.
pub const QUORUM: u32 = 20;
/// Decisions on one approval that are kept.
pub const VOTES: usize = 64;
/// Reminders of one approval.
pub const REMINDERS: u32 = 20;
/// Shortest time between two reminders, in milliseconds.
pub const REMIND_LEAST_MS: u64 = 60_000;
/// Tries to tell somebody something; they spread over about a day.
pub const NOTICE_TRIES: u32 = 12;
/// Log lines of one run that are kept.
pub const LOG_LINES: u32 = 10_000;
/// Questions of jobs are steps with call numbers from here on: far above [`CALLS_PER_RUN`], so that no call of a flow meets one.
pub const ASK_CALLS: u32 = 1_000_000;
/// Questions that the jobs of one run may ask: an agent that asks about every tool call is better allowed its tools.
pub const ASKS_PER_RUN: u32 = 500;
/// Questions of one attempt that may be open at once: as many tool calls as an agent makes side by side.
pub const ASKS_OPEN: usize = 16;
/// Between two reminders of a question that a job asks, in milliseconds: a job waits for it.
pub const ASK_REMIND_MS: u64 = 3_600_000;
/// A job that has not fetched the answer to its question after this long is told over SSH, in milliseconds: longer than the pause
/// between two looks of its shim.
pub const ANSWER_BY_SSH_MS: u64 = 20_000;
/// Characters of a comment, a note or a reason.
pub const NOTE_CHARS: usize = 4_000;
/// Part of the deadline, in percent, after which a run that sets nothing else is overdue.
pub const OVERDUE_PERCENT: u64 = 80;

const _: () = assert!(CALL_BYTES >= 4 * MESSAGE_CHARS);
const _: () = assert!(ASK_CALLS > CALLS_PER_RUN);
const _: () = assert!(STOP_ANSWER_MS > GRACE_MS);
