//! Bounds of asking a shim on this machine.

use std::time::Duration;

/// Sessions at once. Each is a process that lives for one question; a launch keeps a core busy for some milliseconds.
pub const SESSIONS: usize = 8;
/// For one question, besides what the question itself allows for: as for the remote command over SSH.
pub const ANSWER: Duration = Duration::from_secs(60);
/// Longest that a question may ask for on top.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a session's standard error that are kept for a message.
pub const STDERR_BYTES: u64 = 4 << 10;
/// Bytes of one read from a session.
pub const READ_BYTES: usize = 64 << 10;
/// Characters of a host's name; it is a DNS label.
pub const HOST_NAME_CHARS: usize = 63;
/// Labels of a host.
pub const HOST_LABELS: usize = 64;
