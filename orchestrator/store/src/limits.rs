//! Every bound of the store, with its reason.

use std::time::Duration;

/// Operations that wait for the writer; more are refused. At ten thousand commits a second this is under half a second of work.
pub const WRITE_QUEUE: usize = 4_096;
/// Operations of one commit: beyond about a hundred, throughput hardly grows and the last of them waits tens of milliseconds.
pub const BATCH: usize = 128;
/// Operations between two looks of the checkpointer: some hundred pages of the log, of which some are the same ones.
pub const CHECKPOINT: usize = 64;
/// Connections that read beside the writer: more than the cores of a small server only share its disk.
pub const READERS: usize = 3;
/// Reads of single rows from one snapshot: as for commits, more gain little, and the log cannot be taken over meanwhile.
pub const READ_BATCH: usize = 64;
/// Reads that wait for a connection; more are refused.
pub const READ_QUEUE: usize = 1_024;
/// How long a write waits for another process that holds the lock (a backup tool, a shell) before it is refused.
pub const BUSY: Duration = Duration::from_secs(2);
/// Prepared statements kept per connection: all named statements fit.
pub const STATEMENTS: usize = 128;
/// Runs of one page of a list.
pub const RUNS_PAGE: usize = 500;
/// Resources of one page, in rows: a row has a name of at most a kilobyte.
pub const RESOURCES_PAGE: usize = 500;
/// Outputs of attempts that are looked after at once.
pub const DUE_LOGS: usize = 200;
/// Events of one page of a history: at 256 KiB each the worst page is bounded, the usual one is a megabyte.
pub const HISTORY_PAGE: usize = 1_000;
/// Pieces of due work of one claim: a millisecond of the writer's time.
pub const CLAIM: usize = 1_000;
/// Callbacks of a run that are listed.
pub const CALLBACKS_PAGE: usize = 10_000;
/// Oldest SQLite that may be linked: releases before it could corrupt a WAL that is reset while another connection checkpoints.
pub const SQLITE_FLOOR: i32 = 3_051_003;
/// Due pieces of one class that are counted for the backlog: beyond it, more is more.
pub const BACKLOG: usize = 10_000;
/// Commands of operators that are kept: years of them by hand, and a bound where a program is at work.
pub const ACTIONS: i64 = 100_000;
/// How far back a clock may be set between two runs for a list since a time to find them all, in milliseconds: ten minutes.
pub const CLOCK_SLACK_MS: i64 = 600_000;
