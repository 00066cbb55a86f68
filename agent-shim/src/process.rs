//! Who a process is: pid and start time, and never a signal without both (F101).

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

/// A process, told apart from a later one with the same pid. Valid within one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot, field 22 of `/proc/<pid>/stat`.
    pub start_ticks: u64,
}

/// What `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Who.
    pub id: ProcessId,
    /// Parent's pid.
    pub parent: u32,
    /// State letter.
    pub state: u8,
}

impl Stat {
    /// Read it; `None` where there is no such process.
    pub fn read(pid: u32) -> Option<Self> {
        // One open, one read, one close: a sweep does this for every process of the machine.
        let file = rustix::fs::open(format!("/proc/{pid}/stat"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut buffer = [0; 1024];
        let length = rustix::io::read(&file, &mut buffer).ok()?;
        Self::parse(pid, &buffer[..length])
    }

    /// The command name may hold anything, so fields count from its last parenthesis.
    fn parse(pid: u32, stat: &[u8]) -> Option<Self> {
        let after = stat.iter().rposition(|b| *b == b')')? + 2;
        let mut fields = std::str::from_utf8(stat.get(after..)?).ok()?.split_ascii_whitespace();
        let state = fields.next()?.as_bytes()[0];
        let parent = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { id: ProcessId { pid, start_ticks }, parent, state })
    }

    /// Whether it can still do anything: a zombie cannot.
    pub fn is_live(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }
}

impl ProcessId {
    /// The identity of the process that has this pid now.
    pub fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| stat.id)
    }

    /// This very process.
    pub fn me() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, start_ticks: 0 })
    }

    /// Whether exactly this process is alive (zombies are not).
    pub fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.id == *self && stat.is_live())
    }

    /// Let it go on, where it was stopped (state `T`; one that is traced is its tracer's).
    pub fn go_on(&self) -> bool {
        let stopped = Stat::read(self.pid).is_some_and(|stat| stat.id == *self && stat.state == b'T');
        if stopped {
            self.signal(&[Signal::CONT]);
        }
        stopped
    }

    /// A descriptor that becomes readable when the process ends; `None` where it is gone or the kernel has none (before 5.3).
    pub fn watch(&self) -> Option<OwnedFd> {
        let fd = pidfd_open(self.as_pid()?, PidfdFlags::empty()).ok()?;
        self.is_alive().then_some(fd)
    }

    /// Signal exactly this process: the descriptor is taken first, then the identity compared, so a reused pid is never hit.
    pub fn signal(&self, signals: &[Signal]) {
        let Some(pid) = self.as_pid() else { return };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) if self.is_alive() => {
                for signal in signals {
                    let _ = pidfd_send_signal(&fd, *signal);
                }
            }
            Err(rustix::io::Errno::NOSYS) if self.is_alive() => {
                for signal in signals {
                    let _ = rustix::process::kill_process(pid, *signal);
                }
            }
            _ => {}
        }
    }

    fn as_pid(self) -> Option<Pid> {
        i32::try_from(self.pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f101_a_start_time_is_found_behind_any_name() {
        let stat = b"42 (a) R 1 (b)) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3\n";
        let stat = Stat::parse(42, stat).unwrap();
        assert_eq!((stat.parent, stat.state, stat.id.start_ticks), (7, b'S', 98765));
        assert!(ProcessId::me().is_alive());
        assert!(!ProcessId { start_ticks: 1, ..ProcessId::me() }.is_alive());
    }
}
