//! Starting from a checkpoint of another machine: working tree, transcript, session.

use super::git::Git;
use super::snapshot::{Found, Session};
use std::path::{Path, PathBuf};

/// A checkpoint that was taken in.
#[derive(Debug)]
pub struct Taken {
    /// Its session.
    pub session: Session,
    /// Its transcript, as a file of ours.
    pub transcript: Option<PathBuf>,
    git: Git,
    bundle: PathBuf,
    /// Name of the working tree's ref in the bundle, after `refs/sortie/`.
    name: String,
}

/// Read a bundle into a repository of our own below `area`.
///
/// # Errors
/// In words.
pub fn take(bundle: &Path, area: &Path, tree: &Path, user: Option<(u32, u32)>) -> Result<Taken, String> {
    let theirs = Git { repository: None, tree: tree.to_owned(), user, exclude: None, objects: None };
    let found = Found::of(&theirs);
    let repository = area.join("restored");
    let git = Git { repository: Some(repository.clone()), objects: found.objects, ..theirs };
    git.run(["init", "-q", "--template="])?;
    let words = ["fetch", "-q", "--no-write-fetch-head"].map(Into::into).into_iter();
    git.run(words.chain([bundle.as_os_str().to_owned(), "refs/sortie/*:refs/restored/*".into()]))?;
    let refs = git.run(["for-each-ref", "--format=%(refname)", "refs/restored"])?;
    let session = refs.lines().find(|name| name.ends_with("-session")).ok_or("the checkpoint holds no session")?;
    let commit = refs.lines().find(|name| !name.ends_with("-session")).ok_or("the checkpoint holds no working tree")?;
    let record = git.run(["cat-file", "blob", &format!("{session}:session.json")])?;
    let record: Session = serde_json::from_str(&record).map_err(|error| format!("the session of the checkpoint: {error}"))?;
    let transcript = write_out(&git, session, &repository).transpose()?;
    let name = commit.trim_start_matches("refs/restored/").to_owned();
    Ok(Taken { session: record, transcript, bundle: bundle.to_owned(), name, git })
}

/// The transcript, checked out into our own repository's directory.
fn write_out(git: &Git, session: &str, repository: &Path) -> Option<Result<PathBuf, String>> {
    git.run(["cat-file", "-e", &format!("{session}:transcript")]).ok()?;
    let out = repository.join("out");
    let made = std::fs::create_dir_all(&out).map_err(|error| error.to_string());
    if let (Ok(()), Some((uid, gid))) = (&made, git.user) {
        let _ = std::os::unix::fs::lchown(&out, Some(uid), Some(gid));
    }
    let prefix = format!("--work-tree={}", out.display());
    let done = made.and_then(|()| git.run([prefix.as_str(), "checkout", session, "--", "transcript"]));
    // The index is of the transcript now: nothing else may go on from it.
    let _ = std::fs::remove_file(repository.join("index"));
    Some(done.map(|_| out.join("transcript")))
}

impl Taken {
    /// Make the working tree what it was: commits of its own and its branch where it is of the same repository, files everywhere.
    ///
    /// # Errors
    /// In words; the working tree may be changed in part.
    pub fn lay_out(&self) -> Result<(), String> {
        let theirs = Git { repository: None, objects: None, ..self.git.clone() };
        let Some(head) = self.session.head.as_deref().filter(|_| Found::of(&theirs).head.is_some()) else {
            return self.git.run(["read-tree", "-u", "--reset", &format!("refs/restored/{}", self.name)]).map(|_| ());
        };
        let from = format!("+refs/sortie/{}:refs/sortie/restored", self.name);
        let words = ["fetch", "-q", "--no-write-fetch-head"].map(Into::into).into_iter();
        theirs.run(words.chain([self.bundle.as_os_str().to_owned(), from.into()]))?;
        let on_branch = |branch: &String| theirs.run(["checkout", "-q", "-B", branch, head]).is_ok();
        // A branch that another working tree of the same repository has cannot be had here.
        if !self.session.branch.as_ref().is_some_and(on_branch) {
            theirs.run(["checkout", "-q", "--detach", head])?;
        }
        theirs.run(["read-tree", "-u", "--reset", "refs/sortie/restored"])?;
        // What was not committed is not committed now, either.
        theirs.run(["reset", "-q"]).map(|_| ())
    }
}
