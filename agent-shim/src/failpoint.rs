//! Named places, each right after a durable write, at which a test lets the process die.
//!
//! `<root>/failpoint` holds `name` or `name:n` (the n-th time). It fires once: the file is removed, then the process
//! kills itself with SIGKILL. Without the feature `failpoints` the calls are empty.

use std::path::Path;

/// The claim is in place, the supervisor not yet started (launcher).
pub const CLAIM_RENAMED: &str = "claim.renamed";
/// The supervisor holds the lock and has written who it is.
pub const OWNER_WRITTEN: &str = "owner.written";
/// A user of its own is claimed for the job, nothing of it is started.
pub const USER_CLAIMED: &str = "user.claimed";
/// The gate process waits, its identity is not yet written.
pub const GATE_WAITING: &str = "gate.waiting";
/// The identity of the job is durable, the gate closed.
pub const CHILD_WRITTEN: &str = "child.written";
/// The gate is open, nobody has been told.
pub const GATE_OPENED: &str = "gate.opened";
/// The event `started` is in the log.
pub const STARTED_LOGGED: &str = "started.logged";
/// The supervisor has seen the exit record and not yet swept the tree.
pub const EXIT_SEEN: &str = "exit.seen";
/// The result is spooled, not posted.
pub const RESULT_LOGGED: &str = "result.logged";
/// The receipt was read, `acked` not yet written.
pub const RECEIPT_READ: &str = "receipt.read";
/// `acked` is written.
pub const ACKED_WRITTEN: &str = "acked.written";
/// The supervisor has recorded that it ends the job, and not yet begun.
pub const STOP_SEEN: &str = "stop.seen";
/// The keeper has written the exit record (this kills the keeper, not the supervisor).
pub const EXIT_WRITTEN: &str = "exit.written";

/// A piece of an upload was answered.
pub const PIECE_SENT: &str = "piece.sent";
/// The uploads are over, the result is not logged yet.
pub const FILES_KEPT: &str = "files.kept";

/// A question of the job is in the log, and nobody was told.
pub const ASK_LOGGED: &str = "ask.logged";

/// A chunk of output was answered.
pub const CHUNK_SENT: &str = "chunk.sent";

/// Every point, for tests that walk them all.
pub const ALL: [&str; 17] = [
    CLAIM_RENAMED,
    OWNER_WRITTEN,
    USER_CLAIMED,
    GATE_WAITING,
    CHILD_WRITTEN,
    GATE_OPENED,
    STARTED_LOGGED,
    EXIT_SEEN,
    RESULT_LOGGED,
    RECEIPT_READ,
    ACKED_WRITTEN,
    STOP_SEEN,
    EXIT_WRITTEN,
    PIECE_SENT,
    FILES_KEPT,
    ASK_LOGGED,
    CHUNK_SENT,
];

/// Die here if a test asks for it.
#[cfg(not(feature = "failpoints"))]
pub fn hit(_root: &Path, name: &str) {
    debug_assert!(ALL.contains(&name));
}

/// Die here if a test asks for it.
#[cfg(feature = "failpoints")]
pub fn hit(root: &Path, name: &str) {
    debug_assert!(ALL.contains(&name));
    let file = root.join("failpoint");
    let Ok(wanted) = std::fs::read_to_string(&file) else { return };
    let (point, count) = wanted.trim().split_once(':').map_or((wanted.trim(), 1), |(point, n)| (point, n.parse().unwrap_or(1)));
    if point != name {
        return;
    }
    if count > 1 {
        let _ = std::fs::write(&file, format!("{name}:{}", count - 1));
        return;
    }
    if std::fs::remove_file(&file).is_ok() {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
