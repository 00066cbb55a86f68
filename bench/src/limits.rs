//! How much is measured: every size and wait, with its reason. A whole run stays under a quarter of an hour and two gigabytes.

use std::time::Duration;

/// Connections of the burst of callbacks.
pub const CONNECTIONS: usize = 64;
/// Callbacks of one round over one connection: a second or two.
pub const POSTS_OF_ONE: usize = 2_000;
/// Callbacks of one round over [`CONNECTIONS`]: a second or two.
pub const POSTS_OF_MANY: usize = 15_000;
/// Callbacks of one round with the engine at work beside them; it then has as many runs to end.
pub const POSTS_WITH_ENGINE: usize = 3_000;
/// Bytes of a callback's body, about: a job's result with a screen of output.
pub const BODY_BYTES: usize = 1_024;
/// Callbacks a second when the time to the next launch is measured.
pub const PACE: u32 = 100;
/// How many such callbacks: ten seconds of them.
pub const PACED_POSTS: usize = 1_000;
/// Callbacks before them that are not counted: the evaluators start, caches fill.
pub const WARM_UP_POSTS: usize = 100;
/// Connections that paced callbacks come over; more than are ever in flight.
pub const PACED_CONNECTIONS: usize = 32;
/// Jobs of one burst to one host.
pub const JOBS: usize = 200;
/// `ssh` commands at once.
pub const SSH_AT_ONCE: usize = 16;
/// Sessions that the measured sshd allows on a connection: room for all of [`SSH_AT_ONCE`] on one master, so that the
/// comparison is with `ssh` at its best. The usual 10 makes some of them fall back to connections of their own.
pub const MAX_SESSIONS: usize = 32;
/// Waiting runs.
pub const WAITING: usize = 100_000;
/// Operations on the store at once while something is prepared: two full commits.
pub const PREPARED_AT_ONCE: usize = 256;
/// How long a part may take to prepare itself, or to finish its work.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at something that is waited for.
pub const LOOK: Duration = Duration::from_millis(1);
/// How long a server with waiting runs is left alone before its memory is read a second time.
pub const SETTLE: Duration = Duration::from_secs(6);
/// How long claims of prepared work last; longer than preparing takes.
pub const LEASE_MS: u64 = 600_000;
/// Largest answer that the load generator reads, in bytes: ours have a few hundred.
pub const ANSWER_BYTES: usize = 16 << 10;
/// Steps of the flow that is measured step by step.
pub const STEPS: u32 = 10;
/// Its runs one after the other: enough for a p99 of a hundred.
pub const RUNS_IN_A_ROW: usize = 100;
/// Its runs at once.
pub const RUNS_AT_ONCE: usize = 200;
/// Calls of the runs that are replayed.
pub const REPLAYED: [u32; 4] = [10, 100, 1_000, 5_000];
/// Replays in a round.
pub const REPLAYS: usize = 20;
/// Armed timers.
pub const ARMED: usize = 100_000;
/// Of these fall due while it is measured, one each millisecond.
pub const FALLING_DUE: usize = 20_000;
/// From the start of their preparation to the first of them, in milliseconds.
pub const HEAD_START_MS: i64 = 40_000;
/// Open runs at a crash.
pub const OPEN_RUNS: usize = 10_000;
/// Events of a history that are read at once.
pub const HISTORY_PAGE: usize = 1_000;
/// Jobs of one run where many are held back to end at once.
pub const HELD_JOBS_OF_RUN: usize = 20;
/// Launches whose bytes are counted.
pub const WIRE_LAUNCHES: usize = 20;
/// Jobs on each machine by Ansible for each hundred of ours: it takes half a second for one.
pub const ANSIBLE_PERCENT: usize = 10;
