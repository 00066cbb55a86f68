//! What a process costs, as the kernel counts it.

use anyhow::Context as _;

/// Milliseconds of processor time of a process, of its children that live, and of those that are over.
///
/// # Errors
/// Where it is gone.
pub fn cpu_ms(pid: u32) -> anyhow::Result<f64> {
    let own = ticks(pid, 11..15).context("no such process")?;
    let entries = std::fs::read_dir("/proc")?.flatten();
    let others = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children: u64 = others.filter(|other| parent(*other) == Some(pid)).filter_map(|child| ticks(child, 11..15)).sum();
    // The kernel's unit for people is a hundredth of a second on every Linux machine.
    Ok((own + children) as f64 * 10.0)
}

/// Nanoseconds that all threads of a process have run; none where it is gone.
#[must_use]
pub fn ran_ns(pid: u32) -> Option<u64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let of = |thread: &std::path::Path| std::fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok();
    Some(threads.filter_map(|thread| of(&thread.path())).sum())
}

/// Resident memory of a process in KiB, and its share of what it shares with others; none where it is gone.
#[must_use]
pub fn resident_kib(pid: u32) -> Option<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse::<f64>().ok();
    Some((of("Rss:")?, of("Pss:")?))
}

fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect())
}

fn parent(pid: u32) -> Option<u32> {
    fields(pid)?.get(1)?.parse().ok()
}

fn ticks(pid: u32, places: std::ops::Range<usize>) -> Option<u64> {
    Some(fields(pid)?.get(places)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum())
}
