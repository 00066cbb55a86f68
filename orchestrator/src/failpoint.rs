//! Named places at which a test can kill the program (F001). Nothing at all in release builds.
//!
//! `SORTIE_FAILPOINT=name` kills the process with SIGKILL at the first visit; `name:3` at the third. `name:1:panic` ends only the
//! task that comes by (F006).

/// The places, in the order of the effect chain of the fault model.
pub const NAMES: [&str; 14] = [
    "attempt_scheduled",
    "attempt_launching",
    "launch_asked",
    "launch_answered",
    "attempt_launched",
    "callback_verified",
    "callback_committed",
    "heartbeat_kept",
    "evaluation_loaded",
    "evaluation_committed",
    "cancel_committed",
    "stop_asked",
    "stop_answered",
    "stop_committed",
];

/// The places between runs, and between a trigger and its run.
pub const LINKS: [&str; 6] = ["child_made", "child_cancelled", "fires_written", "fire_started", "delivery_kept", "released"];

/// The places on the way of kept bytes.
pub const RESOURCES: [&str; 4] = ["piece_kept", "blob_kept", "blob_removed", "log_kept"];

/// The places of operators' commands, and of what the server itself sends.
pub const COMMANDS: [&str; 7] =
    ["vote_committed", "answer_committed", "reset_committed", "try_started", "try_answered", "notice_sent", "answer_told"];

/// Die here if a test asked for it.
#[cfg(debug_assertions)]
pub fn hit(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static ARMED: LazyLock<Option<(String, AtomicU32, bool)>> = LazyLock::new(|| {
        let text = std::env::var("SORTIE_FAILPOINT").ok()?;
        let mut parts = text.split(':');
        let name = parts.next()?.to_owned();
        let visit = parts.next().and_then(|count| count.parse().ok()).unwrap_or(1);
        Some((name, AtomicU32::new(visit), parts.next() == Some("panic")))
    });
    let listed = [&NAMES[..], &LINKS, &RESOURCES, &COMMANDS].iter().any(|names| names.contains(&name));
    debug_assert!(listed, "unlisted failpoint {name}");
    if let Some((armed, left, panics)) = &*ARMED
        && armed == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        assert!(!panics, "a test has this task panic at {name}");
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort();
    }
}

/// Die here if a test asked for it.
#[cfg(not(debug_assertions))]
pub const fn hit(_name: &'static str) {}
