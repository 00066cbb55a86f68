//! Coding agents that a job of this login would find, with what they say of their version.

use crate::clock;
use crate::limits::{AGENT_VERSION_BYTES, AGENT_VERSION_MS};
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
    let mut out = child.stdout.take()?;
    let until = clock::mono_ms() + AGENT_VERSION_MS;
    let (mut text, mut buffer) = (Vec::new(), [0; 64]);
    while text.len() < AGENT_VERSION_BYTES && !text.contains(&b'\n') && spawn::readable(&out, until.saturating_sub(clock::mono_ms())) {
        match out.read(&mut buffer) {
            Ok(read @ 1..) => text.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    // With whatever it has started; not waited for yet, its number is nobody else's.
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    let text = String::from_utf8_lossy(&text);
    Some(text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_says_nothing_or_stays_is_asked_within_limits() {
        assert_eq!(version("/no/such/agent"), None);
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("agent");
        std::fs::write(&script, "#!/bin/sh\necho '1.2 (x)'\necho more\nsleep 1000 &\nsleep 1000\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let begun = clock::mono_ms();
        assert_eq!(version(script.to_str().unwrap()).as_deref(), Some("1.2 (x)"));
        assert!(clock::mono_ms() - begun < AGENT_VERSION_MS);
    }
}
