//! What a job has used of its machine: counted by its groups where it has some, else summed over its processes.

use crate::contain::Groups;
use crate::process::ProcessId;
use sortie_protocol::confine::ResourceUse;

/// Clock ticks of `/proc` in a second: 100 on every architecture that this program is built for.
const TICKS: u64 = 100;

/// Used so far by the job of these groups, by `members` and by the children that `keeper` has reaped.
pub fn used(groups: &Groups, keeper: ProcessId, members: &[ProcessId]) -> ResourceUse {
    let summed = Summed::of(keeper, members);
    let io = groups.io_bytes().or(summed.io);
    ResourceUse {
        cpu_ms: groups.cpu_ms().or(summed.cpu_ms),
        peak_memory_bytes: groups.peak_memory_bytes().or(summed.resident),
        read_bytes: io.map(|(read, _)| read),
        written_bytes: io.map(|(_, written)| written),
    }
}

/// What the children of this process had used that it has reaped, with all that they had reaped: for the keeper's last word.
pub fn reaped() -> ResourceUse {
    let me = std::process::id();
    let io = io(me);
    ResourceUse {
        cpu_ms: times(me).map(|times| times.children_ms),
        peak_memory_bytes: None,
        read_bytes: io.map(|io| io.0),
        written_bytes: io.map(|io| io.1),
    }
}

/// The higher of two counts of the same job: a later one can miss processes that are gone.
pub fn most(one: ResourceUse, other: ResourceUse) -> ResourceUse {
    ResourceUse {
        cpu_ms: one.cpu_ms.max(other.cpu_ms),
        peak_memory_bytes: one.peak_memory_bytes.max(other.peak_memory_bytes),
        read_bytes: one.read_bytes.max(other.read_bytes),
        written_bytes: one.written_bytes.max(other.written_bytes),
    }
}

/// Sums over processes. Memory that two share is counted twice.
#[derive(Debug, Default)]
struct Summed {
    cpu_ms: Option<u64>,
    resident: Option<u64>,
    io: Option<(u64, u64)>,
}

impl Summed {
    fn of(keeper: ProcessId, members: &[ProcessId]) -> Self {
        let mut sum = Self::default();
        if let Some(kept) = keeper.is_alive().then(|| times(keeper.pid)).flatten() {
            sum.cpu_ms = Some(kept.children_ms);
            sum.io = io(keeper.pid);
        }
        for member in members {
            if let Some(times) = times(member.pid) {
                sum.cpu_ms = Some(sum.cpu_ms.unwrap_or(0) + times.own_ms + times.children_ms);
            }
            if let Some(resident) = resident(member.pid) {
                sum.resident = Some(sum.resident.unwrap_or(0) + resident);
            }
            if let Some((read, written)) = io(member.pid) {
                let (before_read, before_written) = sum.io.unwrap_or((0, 0));
                sum.io = Some((before_read + read, before_written + written));
            }
        }
        sum
    }
}

struct Times {
    own_ms: u64,
    children_ms: u64,
}

fn times(pid: u32) -> Option<Times> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&stat)
}

/// Fields 14 to 17, counted behind the name.
fn parse(stat: &[u8]) -> Option<Times> {
    let after = stat.iter().rposition(|b| *b == b')')? + 2;
    let fields: Vec<u64> =
        std::str::from_utf8(stat.get(after..)?).ok()?.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0)).collect();
    let ms = |first: usize| Some((fields.get(first)? + fields.get(first + 1)?) * 1000 / TICKS);
    Some(Times { own_ms: ms(11)?, children_ms: ms(13)? })
}

/// Resident memory, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())?;
    Some(kib * 1024)
}

/// Of a process with all that it has reaped.
fn io(pid: u32) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((field("read_bytes:")?, field("write_bytes:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = b"42 (a) R 1 (b)) S 7 42 42 0 -1 4194560 1 2 3 4 250 50 70 30 20 0 1 0 98765 1000 3 0";
        let times = parse(stat).unwrap();
        assert_eq!((times.own_ms, times.children_ms), (3_000, 1_000));
    }

    #[test]
    fn a_later_count_never_lowers_an_earlier_one() {
        let early = ResourceUse { cpu_ms: Some(900), peak_memory_bytes: Some(5), ..ResourceUse::default() };
        let late = ResourceUse { cpu_ms: Some(20), written_bytes: Some(1), ..ResourceUse::default() };
        let most = most(early, late);
        assert_eq!((most.cpu_ms, most.peak_memory_bytes, most.written_bytes, most.read_bytes), (Some(900), Some(5), Some(1), None));
    }
}
