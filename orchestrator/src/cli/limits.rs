//! Every bound of the command line, with its reason.

/// How long the server may take to be connected to, in milliseconds.
pub const CONNECT_MS: u64 = 5_000;
/// How long an answer may take, in milliseconds: enrolling a host takes longest, up to 90 s.
pub const ANSWER_MS: u64 = 100_000;
/// How long nothing may come of an answer, in milliseconds: longer than any answer takes, so it bounds downloads only.
pub const READ_MS: u64 = 120_000;
/// How long one request waits for news of a run, in milliseconds.
pub const NEWS_MS: u64 = 20_000;
/// Between two looks at a host that drains, in milliseconds: its jobs take minutes.
pub const DRAIN_LOOK_MS: u64 = 1_000;
/// Tries in a row to reach a server that went away while a run is watched: about a minute.
pub const WATCH_TRIES: u32 = 30;
/// Between two such tries, in milliseconds.
pub const WATCH_RETRY_MS: u64 = 2_000;
/// Bytes of an input file, a file for standard input, a JWKS or a token that are read.
pub const FILE_BYTES: u64 = 1 << 20;
/// Events that `runs history` prints at once unless told otherwise.
pub const HISTORY_EVENTS: u64 = 10_000;
/// How long the offline check of a flow may take, in milliseconds.
pub const CHECK_MS: u64 = 20_000;
/// How long `doctor` waits for the public URL, in milliseconds.
pub const DOCTOR_MS: u64 = 5_000;
/// Lines of the log that wait for a standard error that takes nothing; more are dropped and counted (F011).
pub const LOG_LINES: usize = 1_024;
/// How much longer than the usual an import may take, in milliseconds: the largest file is sent and written within minutes.
pub const IMPORT_MS: u64 = 300_000;
/// Bytes of an exported run that are read.
pub const RUN_FILE_BYTES: u64 = 256 << 20;
