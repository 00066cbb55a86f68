//! The lease of a worker's jobs: a file in the state root that supervisors look at, so that it holds whichever process dies.
//!
//! It is written by the clock that also runs while a machine sleeps (`CLOCK_BOOTTIME`), and good for one boot.

use sortie_protocol::lease::{LEASE_FILE, Lease};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// From now on for this long. No fsync: after a crash of the machine the boot is another one.
///
/// # Errors
/// Where the file cannot be replaced.
pub fn renew(root: &Path, lasts: Duration) -> std::io::Result<()> {
    let until = now_ms().saturating_add(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
    write(root, until)
}

/// Over at once: another process speaks for the worker.
///
/// # Errors
/// As [`renew`].
pub fn end(root: &Path) -> std::io::Result<()> {
    write(root, 0)
}

fn write(root: &Path, until_boot_ms: u64) -> std::io::Result<()> {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    let temporary = root.join(format!(".{LEASE_FILE}"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(&Lease { boot_id, until_boot_ms })?)?;
    std::fs::rename(&temporary, root.join(LEASE_FILE))
}

fn now_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_good_for_this_boot_until_its_time_or_its_end() {
        let root = tempfile::tempdir().unwrap();
        let read = || -> Lease { serde_json::from_slice(&std::fs::read(root.path().join(LEASE_FILE)).unwrap()).unwrap() };
        renew(root.path(), Duration::from_secs(60)).unwrap();
        let lease = read();
        assert!(!lease.is_over(&lease.boot_id, now_ms()));
        assert!(lease.is_over(&lease.boot_id, now_ms() + 60_001));
        assert!(lease.is_over("another boot", now_ms()));
        end(root.path()).unwrap();
        assert!(read().is_over(&lease.boot_id, now_ms()));
    }
}
