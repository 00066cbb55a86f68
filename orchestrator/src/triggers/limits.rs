//! Every bound of what starts runs, with its reason.

/// How late a scheduled time may be and still count as on time, in milliseconds: a loaded server, a restart.
pub const ON_TIME_MS: u64 = 30_000;
/// Times of one schedule that one look fires; the next look goes on.
pub const FIRES_AT_ONCE: usize = 500;
/// Missed times that are counted; more are `at least`.
pub const MISSED_COUNTED: usize = 1_000;
/// Times that were due during an outage start over at most this long, in milliseconds (F036).
pub const SMEAR_MS: u64 = 60_000;
/// Schedules that one look takes.
pub const SCHEDULES_AT_ONCE: usize = 100;
/// Scheduled times that are started in one go; starting one is a handful of statements.
pub const STARTS_AT_ONCE: usize = 32;
/// Times of one backfill: a year of days, or a day of minutes; more is asked for in parts.
pub const BACKFILL: usize = 1_500;
/// A time that could not be started because something was not available is tried again after this, in milliseconds.
pub const FIRE_AGAIN_MS: u64 = 5_000;
/// Longest pause of the loop of schedules, in milliseconds: bounds the delay after a missed wake-up.
pub const IDLE_MS: u64 = 5_000;
/// Between two clean-ups of what is kept for a time, in milliseconds.
pub const CLEAN_MS: u64 = 600_000;
/// Rows that one clean-up statement removes: a few milliseconds of the writer.
pub const CLEAN_ROWS: usize = 500;
/// How long a fired time is remembered, in milliseconds: 400 days. A backfill of that time starts nothing twice.
pub const FIRES_KEPT_MS: u64 = 400 * 24 * 3_600_000;
/// How long a delivery of a webhook is remembered, in milliseconds: 30 days. Senders repeat for hours, at most days.
pub const DELIVERIES_KEPT_MS: u64 = 30 * 24 * 3_600_000;
/// Bytes of a webhook's body: GitHub sends up to 25 MB, but what starts a run is its input, which is smaller.
pub const HOOK_BYTES: usize = 1 << 20;
/// Bytes of a webhook's body that are kept to look at.
pub const HOOK_KEPT_BYTES: usize = 64 << 10;
/// How far a signed timestamp may be from ours, in milliseconds; Standard Webhooks recommends five minutes.
pub const HOOK_REPLAY_MS: u64 = 300_000;
/// Characters of a delivery's id.
pub const DELIVERY_CHARS: usize = 256;
/// Signatures in one header that are tried: senders that rotate keys send two.
pub const SIGNATURES: usize = 8;
/// Open runs that are cancelled in one go when they are superseded.
pub const SUPERSEDE_AT_ONCE: usize = 100;
/// Runs that one page of the replay sweep takes.
pub const SWEEP_PAGE: usize = 100;
/// Pause between two runs of the replay sweep, in milliseconds: it never takes more than a small part of an evaluator.
pub const SWEEP_PAUSE_MS: u64 = 100;
/// Between two replay sweeps, in milliseconds: a day.
pub const SWEEP_EVERY_MS: u64 = 24 * 3_600_000;
/// How many of the newest fired times are looked at for a run that is still open.
pub const OVERLAP_LOOK: usize = 100;
/// Characters of the name and of the key of an outside event, and of its id.
pub const EVENT_CHARS: usize = 256;
/// Bytes of an outside event's payload: it goes into the history of whoever waits for it.
pub const EVENT_BYTES: usize = 64 << 10;
