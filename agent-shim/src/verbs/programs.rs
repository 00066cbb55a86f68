//! Coding agents that a job of this login would find, with what they say of their version.

use crate::clock;
use crate::limits::{AGENT_VERSION_BYTES, AGENT_VERSION_MS, WAIT_POLL_MS};
use crate::spawn;
use rustix::process::{Pid, Signal, kill_process_group};
use sortie_protocol::agent::AgentKind;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// All that are there; asked at the same time, each within [`AGENT_VERSION_MS`].
pub fn found() -> BTreeMap<String, String> {
    let kinds = AgentKind::ALL.into_iter().filter(|kind| *kind != AgentKind::Command);
    let asked: Vec<_> = kinds.map(|kind| (kind.as_str(), std::thread::spawn(move || version(kind.as_str())))).collect();
    asked.into_iter().filter_map(|(name, thread)| Some((name.to_owned(), thread.join().ok()??))).collect()
}

/// The first line that it prints for `--version`; empty where it is there and says nothing in time.
fn version(program: &str) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().envs(spawn::login_env()).current_dir("/").process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let until = clock::mono_ms() + AGENT_VERSION_MS;
    while clock::mono_ms() < until && child.try_wait().is_ok_and(|status| status.is_none()) {
        clock::pause(WAIT_POLL_MS);
    }
    // With whatever it has started, before its pipe is read to the end.
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    let mut text = Vec::new();
    let _ = child.stdout.take()?.take(AGENT_VERSION_BYTES).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    Some(text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect())
}
