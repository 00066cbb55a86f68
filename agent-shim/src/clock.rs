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

/// Milliseconds since boot, suspended time included: what a lease is counted by.
pub fn boot_ms() -> u64 {
    mono_ms() + slept_ms()
}

/// Milliseconds that the machine has slept since boot: what the one clock counts and the other does not.
pub fn slept_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let mono = clock_gettime(ClockId::Monotonic);
    slept((now.tv_sec, now.tv_nsec), (mono.tv_sec, mono.tv_nsec)) + extra_sleep_ms()
}

/// The difference of two clocks, seconds and nanoseconds each.
fn slept(boot: (i64, i64), mono: (i64, i64)) -> u64 {
    let ms = |(s, ns): (i64, i64)| s * 1000 + ns / 1_000_000;
    (ms(boot) - ms(mono)).max(0) as u64
}

/// Tests let a machine sleep that cannot.
#[cfg(not(feature = "failpoints"))]
fn extra_sleep_ms() -> u64 {
    0
}

/// Name of the variable with the path of a file that says how long the machine is to have slept, in milliseconds.
#[cfg(feature = "failpoints")]
pub const SLEPT: &str = "SORTIE_TEST_SLEPT";

/// Tests let a machine sleep that cannot.
#[cfg(feature = "failpoints")]
fn extra_sleep_ms() -> u64 {
    let text = std::env::var_os(SLEPT).and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_what_one_clock_counts_alone() {
        assert_eq!(slept((100, 5_000_000), (40, 4_000_000)), 60_001);
        assert_eq!(slept((40, 0), (40, 999_999)), 0);
        assert_eq!(slept((40, 0), (40, 9_000_000)), 0, "read one after the other, never below zero");
    }
}
