//! The three clocks of a VM: wall time for people, monotonic time for limits, the boot id for identity.

use rustix::time::{ClockId, clock_gettime};

/// Unix milliseconds by the VM's wall clock. Shown and recorded, never judged.
pub fn wall_ms() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Milliseconds since boot without suspended time: a job that could not run is not timed out for it (F031, F034).
pub fn mono_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec * 1000 + now.tv_nsec / 1_000_000) as u64
}

/// Which boot of which machine this is; the boot time where the kernel gives no id.
pub fn boot_id() -> String {
    if let Ok(id) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        return id.trim().to_owned();
    }
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.lines().find_map(|line| line.strip_prefix("btime ")).map_or_else(|| "unknown".to_owned(), |t| format!("btime-{t}"))
}

/// Sleep a little. For waits on things that have no descriptor to poll.
pub fn pause(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}
