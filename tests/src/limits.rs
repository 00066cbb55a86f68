//! Every wait of the harness, with its reason. None is a pause: each ends as soon as its condition holds.

use std::time::Duration;

/// Longest that anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
/// Longest that may take what waits for a repeat: the shim's posts back off up to a minute, after its heartbeats were missed.
pub const RETRIED: Duration = Duration::from_secs(240);
/// Between two looks at a condition.
pub const LOOK: Duration = Duration::from_millis(20);
/// Longest that one HTTP request of the harness may take.
pub const REQUEST: Duration = Duration::from_secs(60);
/// Longest that one command of the program may take.
pub const COMMAND: Duration = Duration::from_secs(120);
/// How often a pump of the proxy looks up from reading.
pub const PUMP: Duration = Duration::from_millis(10);
/// Bytes of each direction of a proxied connection that are remembered.
pub const REMEMBERED: usize = 256 << 10;
/// Bytes of a file up to which it is searched for canaries after a test: the sweep is to stay well under a second.
pub const SWEPT_BYTES: u64 = 16 << 20;
/// Bytes of what commands said that are kept for the sweep.
pub const SAID_BYTES: u64 = 8 << 20;
