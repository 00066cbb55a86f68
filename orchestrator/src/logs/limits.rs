//! Every bound of kept output, with its reason. What a shim ships is in `sortie_protocol::limits`.

/// Bytes of one file of an attempt's output; output is dropped by whole files.
pub const SEGMENT_BYTES: u64 = 1 << 20;
/// First files of an attempt that are always kept: as much as a shim always ships of a stream.
pub const HEAD_SEGMENTS: usize = 8;
/// Last files of an attempt that are kept; what lay between is a counted gap. 32 MiB of an attempt in all.
pub const TAIL_SEGMENTS: usize = 24;
/// Bytes of all kept output; then the oldest runs that are over lose theirs: 16 GiB, 500 floods.
pub const TOTAL_BYTES: u64 = 16 << 30;
/// Free bytes of the disk under which no output is taken: the store is on the same disk, and comes first (F010). The hosts keep
/// theirs meanwhile.
pub const DISK_FLOOR_BYTES: u64 = 512 << 20;
/// Attempts whose files are remembered as open; others are scanned anew, some milliseconds each.
pub const ENTRIES: usize = 1_024;
/// Between two writes of how far an attempt's output is, in milliseconds, while it grows: the files know it exactly.
pub const ROW_EVERY_MS: i64 = 30_000;
/// Bytes of output that one answer to an operator carries.
pub const PAGE_BYTES: usize = 512 << 10;
/// Most of a line that counts as one where the last lines are asked for, in bytes: eight such lines fill an answer.
pub const LINE_BYTES: usize = 64 << 10;
/// Records that are passed over for one answer (another stream, too early), so that a reader never holds the disk for long.
pub const PAGE_RECORDS: usize = 20_000;
/// How long output that came by itself vouches for the callback path, in milliseconds.
pub const PUSH_FRESH_MS: i64 = 2_000;
/// Between two questions over SSH about output that somebody follows, in milliseconds: a line is to be shown within a second.
pub const PULL_EVERY_MS: u64 = 400;
/// The longest such pause, in milliseconds, after a host gave no answer.
pub const PULL_CAP_MS: u64 = 5_000;
/// How long after the last look of a follower its attempt is asked for over SSH, in milliseconds: longer than a follower's pause.
pub const FOLLOWED_MS: i64 = 5_000;
/// Attempts that are followed over SSH at once; further ones wait for callbacks.
pub const PULLS: usize = 128;
/// Chunks that one round over SSH reads of each stream at most: 4 MiB, then others have their turn.
pub const PULL_CHUNKS: usize = 16;
/// How long a look without `--follow` waits for the host to say what is new, in milliseconds.
pub const CATCH_UP_MS: u64 = 20_000;
/// From the end of a job until its missing output is asked for over SSH, in milliseconds: the shim is usually quicker.
pub const REST_AFTER_MS: i64 = 5_000;
/// Between two looks for output that is missing, in milliseconds.
pub const REST_EVERY_MS: u64 = 2_000;
/// Until an attempt that still runs is looked at again, in milliseconds.
pub const REST_OPEN_MS: i64 = 60_000;
/// First pause after a host did not give the missing output, in milliseconds; doubles.
pub const REST_BACKOFF_MS: i64 = 10_000;
/// Tries to get missing output: the last ones are an hour apart, and in a week the host has removed it.
pub const REST_TRIES: u32 = 150;
/// Longest pause between two such tries, in milliseconds.
pub const REST_BACKOFF_CAP_MS: i64 = 3_600_000;
/// Attempts whose missing output is asked for at once.
pub const RESTS_AT_ONCE: usize = 16;
/// After the end of an attempt, how long a follower waits for missing output before it is told that there is none, in milliseconds.
pub const FOLLOW_REST_MS: i64 = 60_000;
/// Between two looks for output without a run, or above [`TOTAL_BYTES`], in milliseconds.
pub const SWEEP_EVERY_MS: u64 = 600_000;
