//! Where a job works: a directory of its own, a worktree of a git repository, the directory of an earlier attempt that is gone on
//! with, or one that the spec names. The choice is recorded (`place.json`), and only what was made here is ever removed.

mod git;

use crate::attempt::Attempt;
use crate::contain::user::{self, User};
use crate::root::AttemptId;
use crate::{events, files};
use serde::{Deserialize, Serialize};
use sortie_protocol::callback::{JobOutcome, JobResult};
use sortie_protocol::confine::Cleanup;
use sortie_protocol::spec::Spec;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where an attempt works (`place.json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The directory.
    dir: PathBuf,
    /// The attempt that it was made for.
    origin: String,
    /// The bare repository that it is a worktree of.
    #[serde(default)]
    mirror: Option<PathBuf>,
}

/// Where the job of an attempt works, or will work.
pub fn dir_for(attempt: &Attempt, spec: &Spec) -> PathBuf {
    if let Some(cwd) = &spec.cwd {
        return PathBuf::from(OsStr::from_bytes(&cwd.0));
    }
    place(attempt).map_or_else(|| fresh(attempt), |place| place.dir)
}

/// The earlier attempt whose directory is gone on with, where one of those that the spec names has left one here.
pub fn earlier(attempt: &Attempt, spec: &Spec) -> Option<Attempt> {
    if spec.cwd.is_some() {
        return None;
    }
    let named = spec.agent.iter().flat_map(|agent| &agent.earlier).filter_map(|id| AttemptId::parse(id));
    let mut here = named.filter(|id| id != attempt.id()).map(|id| Attempt::new(attempt.root(), id));
    // Of an attempt that is not known to be over nothing is taken.
    here.find(|earlier| {
        let over = events::result(&events::read(earlier)).and_then(events::job_result).is_some_and(|result| result.tree_gone);
        // What lies in the private state root is not for another user, and the reverse is not the login's.
        let same_way = earlier.user().is_some() == attempt.user().is_some();
        over && same_way && earlier.spec().is_ok_and(|spec| spec.cwd.is_none() && dir_for(earlier, &spec).is_dir())
    })
}

/// Make the directory ready; called by the gate, so that all that it takes is the job's: its time, its limits, its end.
pub fn prepare(attempt: &Attempt, spec: &Spec, user: Option<&User>) -> io::Result<PathBuf> {
    if spec.cwd.is_some() || place(attempt).is_some() {
        return Ok(dir_for(attempt, spec));
    }
    if let Some(earlier) = earlier(attempt, spec) {
        return go_on(attempt, &earlier, user);
    }
    let place = Place {
        dir: fresh(attempt),
        origin: attempt.id().as_str().to_owned(),
        mirror: spec.workspace.as_ref().filter(|_| user.is_none()).map(|workspace| git::mirror(attempt.root(), workspace)),
    };
    files::replace_json(&attempt.file("place.json"), &place)?;
    if let Some(workspace) = &spec.workspace {
        git::check_out(attempt, workspace, &place.dir, user)?;
    }
    Ok(place.dir)
}

/// Take over the directory of an attempt that is over. It stays where it is: agents know their sessions by its path.
fn go_on(attempt: &Attempt, earlier: &Attempt, user: Option<&User>) -> io::Result<PathBuf> {
    let found = place(earlier);
    let origin = found.as_ref().map_or(earlier.id().as_str(), |place| &place.origin).to_owned();
    let dir = found.as_ref().map_or_else(|| fresh(earlier), |place| place.dir.clone());
    let place = Place { dir, mirror: found.and_then(|place| place.mirror), origin: origin.clone() };
    files::replace_json(&attempt.file("place.json"), &place)?;
    if let Some(id) = AttemptId::parse(&origin) {
        files::replace(&Attempt::new(attempt.root(), id).file("held_by"), attempt.id().as_str().as_bytes())?;
    }
    if let Some(user) = user {
        // It was made root's when the earlier user was given back; the way to it, too.
        user::give(&place.dir, 0, user.uid, user.gid)?;
        if let Some(yard) = place.dir.parent().filter(|_| Attempt::new(attempt.root(), earlier.id().clone()).user().is_some()) {
            std::fs::set_permissions(yard, std::fs::Permissions::from_mode(0o711))?;
        }
    }
    Ok(place.dir)
}

/// Whether another attempt that is still here works, or has last worked, in the directory of this one.
pub fn is_held(attempt: &Attempt) -> bool {
    let origin = place(attempt).and_then(|place| AttemptId::parse(&place.origin)).unwrap_or_else(|| attempt.id().clone());
    let held_by = files::read(&Attempt::new(attempt.root(), origin).file("held_by"), 256).ok();
    let holder = held_by.and_then(|bytes| AttemptId::parse(std::str::from_utf8(&bytes).ok()?)).filter(|holder| holder != attempt.id());
    holder.map(|id| Attempt::new(attempt.root(), id)).is_some_and(|holder| holder.spec_bytes().is_some() && !holder.is_sealed())
}

/// Whether its directory was made for this attempt.
pub fn is_own(attempt: &Attempt) -> bool {
    place(attempt).is_none_or(|place| place.origin == attempt.id().as_str())
}

/// After the result is spooled and files are kept: remove the directory where the policy says so.
pub fn tidy(attempt: &Attempt, spec: &Spec, result: &JobResult) {
    let succeeded = result.outcome == JobOutcome::Exited && result.exit_code == Some(0);
    if spec.cwd.is_some() || !result.tree_gone || is_held(attempt) {
        return;
    }
    let wanted = match spec.cleanup {
        Cleanup::Keep => false,
        Cleanup::Success => succeeded,
        Cleanup::Always => true,
    };
    if wanted && let Err(error) = remove(attempt) {
        attempt.log(&format!("the working directory cannot be removed: {error}"));
    }
}

/// Remove the directory that an attempt works in, and what its repository knows of it. Once gone, nothing.
pub fn remove(attempt: &Attempt) -> io::Result<()> {
    let place = place(attempt);
    let (dir, origin) = match &place {
        Some(place) => (place.dir.clone(), AttemptId::parse(&place.origin)),
        None => (fresh(attempt), Some(attempt.id().clone())),
    };
    // The record must say what is made here, whoever wrote it (F108).
    let expected = origin.map(|origin| fresh(&Attempt::new(attempt.root(), origin)));
    if expected.as_ref() != Some(&dir) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record of the working directory leads elsewhere"));
    }
    remove_tree(&dir)?;
    if let Some(mirror) = place.and_then(|place| place.mirror) {
        git::forget_worktrees(attempt.root(), &mirror);
    }
    Ok(())
}

/// Remove a tree, also where its owner has locked himself out of directories, or made it deeper than descriptors reach. No link is
/// followed.
pub fn remove_tree(dir: &Path) -> io::Result<()> {
    if dir.symlink_metadata().is_err() {
        return Ok(());
    }
    if std::fs::remove_dir_all(dir).is_ok() {
        return Ok(());
    }
    open_up(dir);
    let Err(error) = std::fs::remove_dir_all(dir) else { return Ok(()) };
    let mut remove = Command::new("rm");
    remove.args(["-rf", "--"]).arg(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if remove.status().is_ok_and(|status| status.success()) { Ok(()) } else { Err(error) }
}

fn open_up(dir: &Path) {
    if !dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return;
    }
    let _ = std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        open_up(&entry.path());
    }
}

fn place(attempt: &Attempt) -> Option<Place> {
    files::read_json(&attempt.file("place.json"))
}

/// A directory of the attempt's own.
fn fresh(attempt: &Attempt) -> PathBuf {
    attempt.user().map_or_else(|| attempt.file("work"), |user| user.work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f108_a_tree_made_to_stay_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(outside.join("precious"), "x").unwrap();
        // Deeper than a process may have files open, and than a path may be long.
        std::fs::create_dir_all(&tree).unwrap();
        let mut at = rustix::fs::open(&tree, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        for _ in 0..3_000 {
            rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "d", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        }
        rustix::fs::symlinkat(&outside, &at, "link").unwrap();
        std::os::unix::fs::symlink(&outside, tree.join("link")).unwrap();
        std::fs::create_dir(tree.join("shut")).unwrap();
        std::fs::set_permissions(tree.join("shut"), std::fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&tree).unwrap();
        assert!(tree.symlink_metadata().is_err() && outside.join("precious").exists());
        remove_tree(&tree).unwrap();
    }
}
