//! Putting the transcript of a session where its agent looks for it: from a checkpoint, or from the home of another user.

use super::transcript;
use sortie_protocol::agent::AgentKind;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, lchown};
use std::path::{Component, Path, PathBuf};

/// A transcript that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its session.
    pub session: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the agent's own directory, where it was made.
    pub below: Option<PathBuf>,
    /// The agent's own directory that it is in, where it is in one.
    pub home: Option<PathBuf>,
}

/// Make a session known to the agent whose own directory is `home`. Says which file it has to be handed, where it takes one so.
///
/// # Errors
/// In words, where this agent's session cannot be carried.
pub fn plant(kind: AgentKind, found: &Option<Found>, home: &Path, cwd: &Path, user: Option<(u32, u32)>) -> Result<Option<PathBuf>, String> {
    // Nothing was looked for: the agent knows by itself.
    let Some(found) = found else { return Ok(None) };
    if found.home.as_deref() == Some(home) {
        return Ok(None);
    }
    let target = match kind {
        AgentKind::Claude => {
            let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
            transcript::claude_path(home, &cwd, &found.session)
        }
        AgentKind::Codex => home.join(plain(found.below.as_deref()).ok_or("the checkpoint does not say where it belongs")?),
        // It reads a transcript of anywhere, and goes on under an id of its own.
        AgentKind::Gemini => return Ok(Some(found.path.clone())),
        AgentKind::Opencode | AgentKind::Command => return Err("its sessions are in a database of its own".to_owned()),
    };
    copy(&found.path, &target, home, user).map_err(|error| format!("{}: {error}", target.display()))?;
    Ok(None)
}

/// A path that stays below where it is put.
fn plain(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))) && path.components().next().is_some())
}

fn copy(from: &Path, to: &Path, home: &Path, user: Option<(u32, u32)>) -> io::Result<()> {
    let dir = to.parent().unwrap_or(home);
    let mut made: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut source = crate::files::open_plain(from)?;
    let mut target = std::fs::File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    if let Some((uid, gid)) = user {
        made.push(to);
        made.into_iter().try_for_each(|path| lchown(path, Some(uid), Some(gid)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_goes_where_its_agent_looks_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (path, home, cwd) = (dir.path().join("t"), dir.path().join("home"), dir.path().join("work"));
        std::fs::write(&path, "said").unwrap();
        std::fs::create_dir(&cwd).unwrap();
        let found = |below: Option<&str>| {
            Some(Found { session: "0b0b0b0b-1".to_owned(), path: path.clone(), below: below.map(PathBuf::from), home: None })
        };
        let is_found = |kind| transcript::find(kind, &home, &cwd, "0b0b0b0b-1").unwrap().is_there();
        assert_eq!(plant(AgentKind::Claude, &found(None), &home, &cwd, None), Ok(None));
        assert!(is_found(AgentKind::Claude));
        for bad in ["../out", "/etc/x", ""] {
            assert!(plant(AgentKind::Codex, &found(Some(bad)), &home, &cwd, None).is_err(), "{bad}");
        }
        assert_eq!(plant(AgentKind::Codex, &found(Some("sessions/2026/11/22/rollout-x-0b0b0b0b-1.jsonl")), &home, &cwd, None), Ok(None));
        assert!(is_found(AgentKind::Codex));
        assert_eq!(plant(AgentKind::Gemini, &found(None), &home, &cwd, None), Ok(Some(path.clone())));
        assert!(plant(AgentKind::Opencode, &found(None), &home, &cwd, None).is_err());
        let at_home = Found { home: Some(home.clone()), ..found(None).unwrap() };
        assert_eq!(plant(AgentKind::Codex, &Some(at_home), &home, &cwd, None), Ok(None), "there already");
    }
}
