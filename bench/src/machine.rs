//! What the figures were measured on.

use std::path::Path;
use std::process::Command;

/// CPU, cores, kernel, disk, time, load.
#[must_use]
pub fn describe(folder: &Path) -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let when = said("date", &["-u", "+%FT%TZ"]);
    let disk = said("df", &["--output=source,fstype", &folder.display().to_string()]);
    let disk = disk.lines().last().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{cpu}, {cores} cores, {memory}; Linux {}; disk {disk}; {when}; load average at the start {}", kernel.trim(), load_average())
}

/// Load average of one, five and fifteen minutes.
#[must_use]
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Resident memory of a process in MiB, and the most it ever had.
#[must_use]
pub fn resident_mib(process: u32) -> (f64, f64) {
    let of = |name: &str| {
        let text = field(&format!("/proc/{process}/status"), name).unwrap_or_default();
        text.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    };
    (of("VmRSS"), of("VmHWM"))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
