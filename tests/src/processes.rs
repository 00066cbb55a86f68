//! Processes of this machine, read from `/proc`: an observer that the product does not know of.

use std::fs;
use std::path::Path;

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its arguments, NUL-separated.
    pub arguments: Vec<u8>,
    /// Its environment at the start, NUL-separated.
    pub environment: Vec<u8>,
}

impl Process {
    /// Its arguments as text.
    #[must_use]
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.arguments).replace('\0', " ")
    }

    /// The cookie of the job that it belongs to, `SORTIE_JOB=ATTEMPT`, where it carries one.
    #[must_use]
    pub fn cookie(&self) -> Option<&[u8]> {
        self.environment.split(|byte| *byte == 0).find(|entry| entry.starts_with(b"SORTIE_JOB="))
    }

    /// Whether these bytes are anywhere in its arguments.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        contains(&self.arguments, text.as_bytes())
    }
}

/// All processes that live now; zombies have neither arguments nor environment.
#[must_use]
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
        Some(Process { pid, arguments: read("cmdline")?, environment: read("environ").unwrap_or_default() })
    })
    .collect()
}

/// Cookies of all attempts of a state root.
#[must_use]
pub fn cookies(root: &Path) -> Vec<Vec<u8>> {
    let attempts = fs::read_dir(root.join("jobs")).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    attempts.map(|attempt| format!("SORTIE_JOB={attempt}").into_bytes()).collect()
}

/// Processes of jobs whose cookie names an attempt of this state root.
#[must_use]
pub fn of_jobs(root: &Path) -> Vec<Process> {
    let cookies = cookies(root);
    all().into_iter().filter(|process| process.cookie().is_some_and(|found| cookies.iter().any(|cookie| cookie == found))).collect()
}

/// Processes of the shim for this state root: supervisors, keepers, sessions.
#[must_use]
pub fn of_shim(root: &Path) -> Vec<Process> {
    let root = root.display().to_string();
    all().into_iter().filter(|process| process.mentions(&root) && process.line().contains("sortie-shim")).collect()
}

/// End a process at once.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Whether the bytes are in there.
#[must_use]
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}
