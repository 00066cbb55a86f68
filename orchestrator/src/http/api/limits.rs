//! Every bound of the operator API, with its reason.

/// Bytes of a request's body: a bundle of the largest size, every character escaped.
pub const BODY_BYTES: usize = 8 << 20;
/// Characters of an idempotency key.
pub const KEY_CHARS: usize = 128;
/// Requests with an idempotency key that are worked on at once; more are refused as not available.
pub const KEYS_IN_FLIGHT: usize = 1_024;
/// Longest that a request for history may wait for news, in milliseconds: proxies give up after a minute.
pub const HISTORY_WAIT_MS: u64 = 30_000;
/// Between two looks for news of a run, in milliseconds.
pub const HISTORY_LOOK_MS: u64 = 50;
/// Largest such pause, in milliseconds: it doubles while nothing happens.
pub const HISTORY_LOOK_CAP_MS: u64 = 400;
/// Longest that a request for output may wait for more, in milliseconds, likewise.
pub const LOG_WAIT_MS: u64 = 30_000;
/// Between two looks, while somebody waits for output, whether its attempt is over or has a successor, in milliseconds. Output
/// itself is heard of at once.
pub const LOG_LOOK_MS: u64 = 500;
/// Characters of an id that are enough to find the run it starts or ends.
pub const SHORT_ID_CHARS: usize = 6;
/// Runs that are looked through for a short id, newest first.
pub const SHORT_ID_RUNS: usize = 5_000;
/// Candidates that are named for a short id.
pub const CANDIDATES: usize = 10;
/// Events of one look while the end of a run is searched for its answer.
pub const ANSWER_PAGE: u64 = 200;
/// Characters of a release's notes, and of the reason of a cancel.
pub const NOTES_CHARS: usize = 4_000;
/// Longest that a test or an enrolment of a host may take in all, in milliseconds.
pub const HOST_MS: u64 = 90_000;
/// How long the address that a tested host posts to is good, in seconds: longer than a test takes.
pub const REACH_S: i64 = 300;
/// Events from the end of a history in which the pause of a run is looked for: held runs gather few.
pub const HELD_EVENTS: u64 = 400;
/// Dead letters that one request opens again: each is a commit, and the request answers within a minute.
pub const REDRIVE_RUNS: usize = 500;
/// Dead letters that one request deletes: each may have thousands of rows.
pub const PURGE_RUNS: usize = 200;
/// Characters of the name of an operator, a role, a secret or a connection.
pub const VAULT_NAME_CHARS: usize = 63;
/// Roles of one operator.
pub const OPERATOR_ROLES: usize = 32;
/// A launch whose host has not said for so long that the job runs is stuck, in milliseconds: far beyond the launch limit that jobs have.
pub const STUCK_LAUNCH_MS: u64 = 600_000;
/// Oldest waits that `status` shows, and that the age of the oldest is taken from.
pub const OLDEST_SHOWN: usize = 5;
/// Schedules that are due which are counted.
pub const SCHEDULES_SHOWN: usize = 1_000;
/// Bytes of a run that is exported: the largest history that a run can have, and its kept callbacks.
pub const EXPORT_BYTES: usize = 256 << 20;
/// Newest runs whose journals one request verifies.
pub const JOURNAL_RUNS: usize = 1_000;
/// Events after which it begins no other run: a second or two of a reader's time, and a command's answer is not waited for longer.
pub const JOURNAL_EVENTS: u64 = 500_000;
/// Bytes of a run that is imported: whatever can be exported.
pub const IMPORT_BYTES: usize = EXPORT_BYTES;
/// Characters of the id of the installation that an imported run names as its own: an id has fewer.
pub const INSTALLATION_CHARS: usize = 64;
/// Characters of a path that the record of operators' commands keeps.
pub const AUDIT_PATH_CHARS: usize = 256;
/// Without a time, failures are counted over so many milliseconds: a day.
pub const FAILURES_SINCE_MS: u64 = 86_400_000;
