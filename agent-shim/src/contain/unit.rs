//! Transient units of systemd for processes that run already: `StartTransientUnit` of the manager, over `busctl`. (`systemd-run`
//! starts processes of its own and would stand between the job and its parent.)

use super::cgroup::Places;
use crate::clock;
use crate::limits::{MANAGER_MS, SWEEP_MS};
use sortie_protocol::confine::JobLimits;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The system's, for root.
    System,
    /// The system's, by way of `sudo` without a password.
    Sudo,
    /// This user's.
    User,
}

const OBJECT: [&str; 4] = ["call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];

impl Manager {
    /// The words that speak with it.
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::System => &["busctl", "--system"],
            Self::Sudo => &["sudo", "-n", "busctl", "--system"],
            Self::User => &["busctl", "--user"],
        }
    }

    /// Whether it answers.
    pub fn answers(self) -> bool {
        run(command(self.words(), &["call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.DBus.Peer", "Ping"]))
            .is_ok()
    }

    /// Put a process into a scope of its own, and see that it is there. Says the scope's group of cgroup v2.
    pub fn adopt(self, name: &str, pid: u32, limits: &JobLimits) -> io::Result<PathBuf> {
        adopt(self.words(), name, pid, limits)
    }
}

/// Whether logind kills what is left of a session at its end.
pub fn kills_at_logout() -> Option<bool> {
    let words =
        ["get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "KillUserProcesses"];
    match run(command(Manager::System.words(), &words)).ok()?.trim() {
        "b true" => Some(true),
        "b false" => Some(false),
        _ => None,
    }
}

fn adopt(words: &[&str], name: &str, pid: u32, limits: &JobLimits) -> io::Result<PathBuf> {
    let arguments = arguments(name, pid, limits);
    run(command(words, &arguments.iter().map(String::as_str).collect::<Vec<_>>()))?;
    // The manager has queued it; what counts is where the process is.
    let until = clock::mono_ms() + MANAGER_MS;
    loop {
        if let Some(dir) = Places::of(pid).unified_dir().filter(|dir| dir.file_name().is_some_and(|last| last == name)) {
            return Ok(dir);
        }
        if clock::mono_ms() >= until {
            return Err(io::Error::other(format!("{name} was started, but the process is not in it")));
        }
        clock::pause(SWEEP_MS);
    }
}

/// `StartTransientUnit(name, mode, properties, no further units)`, as `busctl` reads it.
fn arguments(name: &str, pid: u32, limits: &JobLimits) -> Vec<String> {
    let mut properties = vec![
        format!("PIDs au 1 {pid}"),
        "Delegate b true".to_owned(),
        "CPUAccounting b true".to_owned(),
        "MemoryAccounting b true".to_owned(),
        "TasksAccounting b true".to_owned(),
        "IOAccounting b true".to_owned(),
        // A unit that has failed is forgotten, too: nobody comes to reset it.
        "CollectMode s inactive-or-failed".to_owned(),
    ];
    if let Some(bytes) = limits.memory_bytes {
        properties.extend([format!("MemoryMax t {bytes}"), "MemorySwapMax t 0".to_owned()]);
    }
    properties.extend(limits.processes.map(|count| format!("TasksMax t {count}")));
    let head = OBJECT.iter().copied().chain(["StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail"]).map(str::to_owned);
    let count = properties.len().to_string();
    let properties = properties.iter().flat_map(|property| property.split(' ')).map(str::to_owned).collect::<Vec<_>>();
    head.chain([count]).chain(properties).chain(["0".to_owned()]).collect()
}

fn command(words: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if words.contains(&"--user") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Where the login has no session of its own, this is what it would have been told.
        command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    }
    command
}

/// Run it within its time; what it printed.
fn run(mut command: Command) -> io::Result<String> {
    let mut child = command.spawn()?;
    let until = clock::mono_ms() + MANAGER_MS;
    while child.try_wait()?.is_none() {
        if clock::mono_ms() >= until {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the manager does not answer"));
        }
        clock::pause(SWEEP_MS / 4);
    }
    finished(child)
}

fn finished(child: Child) -> io::Result<String> {
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("the manager refused ({})", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    #[test]
    fn a_unit_is_asked_for_with_its_limits() {
        let limits = JobLimits { memory_bytes: Some(1024), processes: Some(7), disk_bytes: None };
        let text = arguments("sortie-att_1.scope", 42, &limits).join(" ");
        assert!(text.starts_with("call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit ssa(sv)a(sa(sv)) sortie-att_1.scope fail 10 PIDs au 1 42 "));
        assert!(text.ends_with("MemoryMax t 1024 MemorySwapMax t 0 TasksMax t 7 0"), "{text}");
        assert!(arguments("x.scope", 42, &JobLimits::default()).join(" ").contains(" fail 7 PIDs"));
    }

    /// A stand-in for `busctl`: systemd does not run where the tests do.
    fn fake(dir: &Path, script: &str) -> String {
        let path = dir.join("busctl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn f102_a_process_counts_as_held_once_it_is_in_its_unit_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut job = Command::new("sleep").arg("60").spawn().unwrap();
        let name = format!("sortie-test-{}.scope", std::process::id());
        let lies = fake(dir.path(), "exit 0");
        assert!(adopt(&[&lies], &name, job.id(), &JobLimits::default()).is_err(), "success alone proves nothing");
        let refuses = fake(dir.path(), "exit 1");
        assert!(adopt(&[&refuses], &name, job.id(), &JobLimits::default()).is_err());
        let mount = Places::here().unified_mount().expect("cgroup v2 is mounted");
        let group = mount.join(&name);
        let (path, pid) = (group.display(), job.id());
        let works = fake(dir.path(), &format!("mkdir -p {path} && echo {pid} > {path}/cgroup.procs"));
        assert_eq!(adopt(&[&works], &name, job.id(), &JobLimits::default()).unwrap(), group);
        job.kill().unwrap();
        job.wait().unwrap();
        while std::fs::remove_dir(&group).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            clock::pause(5);
        }
    }
}
