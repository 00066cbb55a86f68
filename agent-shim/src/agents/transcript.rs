//! Where agents keep the transcripts of their sessions.

use sortie_protocol::agent::AgentKind;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that are looked through for one transcript: years of sessions, and not a whole disk.
const FOLDERS: usize = 20_000;

/// A transcript, as far as one can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(PathBuf),
    /// The agent keeps it where it is not looked for (a database).
    Elsewhere,
    /// There is none.
    Absent,
}

impl Found {
    /// Whether a session can be gone on with, as far as that shows.
    #[cfg(test)]
    pub fn is_there(&self) -> bool {
        *self != Self::Absent
    }
}

/// The directory of an agent's own state, from the environment that it gets.
pub fn home(kind: AgentKind, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let below = |name: &str| PathBuf::from(variable("HOME").unwrap_or_else(|| "/".into())).join(name);
    let own = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match kind {
        AgentKind::Claude => own("CLAUDE_CONFIG_DIR").unwrap_or_else(|| below(".claude")),
        AgentKind::Codex => own("CODEX_HOME").unwrap_or_else(|| below(".codex")),
        AgentKind::Gemini => below(".gemini"),
        AgentKind::Opencode | AgentKind::Command => below(""),
    }
}

/// The transcript of a session.
pub fn find(kind: AgentKind, home: &Path, cwd: &Path, session: &str) -> std::io::Result<Found> {
    if !session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Ok(Found::Absent);
    }
    let file = match kind {
        AgentKind::Claude => claude(home, cwd, session),
        AgentKind::Codex => newest(&home.join("sessions"), 3, |name| name.ends_with(&format!("-{session}.jsonl"))),
        AgentKind::Gemini => {
            let short = session.get(..8).unwrap_or(session);
            newest(&home.join("tmp"), 2, |name| name.starts_with("session-") && name.contains(&format!("-{short}.json")))
        }
        AgentKind::Opencode => return Ok(Found::Elsewhere),
        AgentKind::Command => None,
    };
    Ok(file.map_or(Found::Absent, Found::File))
}

/// Where Claude Code looks for a session that worked in `cwd`.
pub fn claude_path(home: &Path, cwd: &Path, session: &str) -> PathBuf {
    let slug: String = cwd.to_string_lossy().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    home.join("projects").join(slug).join(format!("{session}.jsonl"))
}

fn claude(home: &Path, cwd: &Path, session: &str) -> Option<PathBuf> {
    let resolved = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let usual = claude_path(home, &resolved, session);
    if usual.is_file() {
        return Some(usual);
    }
    // Long paths are shortened by a rule of its own.
    let name = format!("{session}.jsonl");
    newest(&home.join("projects"), 1, |found| found == name)
}

/// The file with such a name that was written last, so many folders deep.
fn newest(top: &Path, depth: usize, fits: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut folders = vec![(top.to_owned(), 0)];
    let mut looked = 0;
    let mut best: Option<(SystemTime, PathBuf)> = None;
    while let Some((folder, level)) = folders.pop() {
        looked += 1;
        if looked > FOLDERS {
            break;
        }
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            // Of the entry itself: a link is neither.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && level < depth {
                folders.push((entry.path(), level + 1));
            } else if kind.is_file() && entry.file_name().to_str().is_some_and(&fits) {
                let at = entry.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                if best.as_ref().is_none_or(|(newest, _)| at > *newest) {
                    best = Some((at, entry.path()));
                }
            }
        }
    }
    best.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_found_where_agents_keep_them() {
        let dir = tempfile::tempdir().unwrap();
        let id = "0b0b0b0b-0000-4000-8000-000000000001";
        let make = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "{}").unwrap();
            path
        };
        let look = |kind| find(kind, dir.path(), Path::new("/work/a.b"), id).unwrap();
        assert_eq!(look(AgentKind::Claude), Found::Absent);
        let other = make(&format!("projects/-elsewhere/{id}.jsonl"));
        assert_eq!(look(AgentKind::Claude), Found::File(other));
        let own = make(&format!("projects/-work-a-b/{id}.jsonl"));
        assert_eq!(look(AgentKind::Claude), Found::File(own));
        let rollout = make(&format!("sessions/2026/11/22/rollout-2026-11-22T17-13-56-{id}.jsonl"));
        assert_eq!(look(AgentKind::Codex), Found::File(rollout));
        let chat = make("tmp/work/chats/session-2026-11-22T17-14-0b0b0b0b.jsonl");
        assert_eq!(look(AgentKind::Gemini), Found::File(chat));
        assert_eq!(look(AgentKind::Opencode), Found::Elsewhere);
        assert_eq!(find(AgentKind::Claude, dir.path(), Path::new("/x"), "../../etc").unwrap(), Found::Absent);
    }
}
