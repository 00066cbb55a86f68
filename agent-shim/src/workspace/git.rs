//! A worktree of a git repository: one bare mirror for a repository on a machine, fetched under a lock, and a worktree for each job.
//!
//! Branches of the remote are kept as `refs/remotes/origin/*`, so a fetch never touches what jobs have committed. Nobody is asked
//! anything, no hook runs, and nothing is waited for without a limit. A job with a user of its own gets a clone of the mirror
//! instead: it may not write to what all jobs share.

use crate::attempt::Attempt;
use crate::contain::user::{self, User};
use crate::limits::{GIT_MS, GIT_OUTPUT_BYTES, GIT_PIPE_MS, WAIT_POLL_MS};
use crate::root::Root;
use crate::tree::COOKIE;
use crate::{clock, sign, spawn};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use sortie_protocol::confine::Workspace;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The mirror of a workspace's repository.
pub fn mirror(root: &Root, workspace: &Workspace) -> PathBuf {
    let name = &sign::sha256_hex(workspace.repository.as_bytes())[..32];
    root.path().join("repos").join(format!("{name}.git"))
}

/// Check the workspace out to `dir`, which is empty.
pub fn check_out(attempt: &Attempt, workspace: &Workspace, dir: &Path, user: Option<&User>) -> io::Result<()> {
    let mirror = mirror(attempt.root(), workspace);
    let git = Git { attempt: Some(attempt), dir: &mirror };
    let _lock = lock(attempt.root(), &mirror)?;
    if !mirror.join("HEAD").is_file() {
        initialise(&git, &mirror, workspace)?;
    }
    git.run(&["fetch", "--quiet", "--prune", "--tags", "--force", "origin"])?;
    let commit = resolve(&git, workspace)?;
    let Some(user) = user else {
        return git
            .run(&[OsStr::new("worktree"), "add".as_ref(), "--quiet".as_ref(), "--detach".as_ref(), dir.as_ref(), commit.as_ref()])
            .map(drop);
    };
    let own = Git { attempt: Some(attempt), dir };
    own.run(&["init", "--quiet"])?;
    own.run(&["config", "remote.origin.url", &workspace.repository])?;
    own.run(&["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])?;
    let refs = ["+refs/remotes/origin/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", commit.as_str()];
    own.run(&[&["fetch".as_ref(), "--quiet".as_ref(), mirror.as_os_str()][..], &refs.map(OsStr::new)[..]].concat())?;
    own.run(&["checkout", "--quiet", "--detach", &commit])?;
    user::give(dir, rustix::process::geteuid().as_raw(), user.uid, user.gid)
}

fn initialise(git: &Git<'_>, mirror: &Path, workspace: &Workspace) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(mirror)?;
    git.run(&["init", "--quiet", "--bare"])?;
    for (key, value) in [
        ("remote.origin.url", workspace.repository.as_str()),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        // Nothing goes on in the background after a command of a job.
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("uploadpack.allowAnySHA1InWant", "true"),
    ] {
        git.run(&["config", key, value])?;
    }
    Ok(())
}

/// The commit that the workspace's reference names: a branch, a tag, or itself.
fn resolve(git: &Git<'_>, workspace: &Workspace) -> io::Result<String> {
    let Some(reference) = &workspace.reference else {
        git.run(&["remote", "set-head", "origin", "--auto"])?;
        return git.commit("refs/remotes/origin/HEAD").ok_or_else(|| io::Error::other("git: the repository has no default branch"));
    };
    let is_hash = (7..=64).contains(&reference.len()) && reference.bytes().all(|b| b.is_ascii_hexdigit());
    let named = || git.commit(&format!("refs/remotes/origin/{reference}")).or_else(|| git.commit(&format!("refs/tags/{reference}")));
    let found = named().or_else(|| git.commit(reference).filter(|_| is_hash));
    if let Some(commit) = found {
        return Ok(commit);
    }
    if is_hash {
        // A commit that no branch of the remote holds may still be had by its name.
        git.run(&["fetch", "--quiet", "origin", reference])?;
    }
    let found = git.commit(reference).filter(|_| is_hash);
    found.ok_or_else(|| io::Error::other(format!("git: the repository has no branch, tag or commit `{reference}`")))
}

/// Forget worktrees whose directories are gone. What cannot be done now is done by the next sweep.
pub fn forget_worktrees(root: &Root, mirror: &Path) {
    if mirror.is_dir()
        && let Ok(_lock) = lock(root, mirror)
    {
        let _ = Git { attempt: None, dir: mirror }.run(&["worktree", "prune"]);
    }
}

/// One process at a time works on a mirror; the lock falls with the process.
fn lock(root: &Root, mirror: &Path) -> io::Result<File> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root.path().join("repos"))?;
    let file = File::options().write(true).create(true).truncate(false).open(mirror.with_extension("lock"))?;
    let until = clock::mono_ms() + GIT_MS;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if clock::mono_ms() < until => clock::pause(WAIT_POLL_MS * 5),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(io::Error::other("git: another job holds the repository for too long")),
            Err(error) => return Err(error.into()),
        }
    }
}

struct Git<'a> {
    attempt: Option<&'a Attempt>,
    dir: &'a Path,
}

impl Git<'_> {
    /// Run git, within its time. What it printed; an error is its last line.
    fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> io::Result<String> {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "advice.detachedHead=false",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
        ]);
        // Directories here are ours, and a job's are made by us before they become its user's.
        command.args(["-c", "safe.directory=*"]).arg("-C").arg(self.dir).args(arguments);
        command.env_clear().envs(spawn::login_env()).env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "true").env("SSH_ASKPASS", "true");
        command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oControlMaster=no").env("LC_ALL", "C");
        if let Some(attempt) = self.attempt {
            command.env(COOKIE, attempt.id().as_str());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|error| io::Error::other(format!("git cannot be run: {error}")))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = (drain(out), drain(err));
        let until = clock::mono_ms() + GIT_MS;
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if clock::mono_ms() >= until => break None,
                None => clock::pause(WAIT_POLL_MS),
            }
        };
        if status.is_none() {
            // With the programs that it has started: a transport outlives its git.
            if let Some(group) = Pid::from_raw(child.id() as i32) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            child.wait()?;
        }
        let said = |from: &Receiver<String>| from.recv_timeout(Duration::from_millis(GIT_PIPE_MS)).unwrap_or_default();
        let (out, err) = (said(&out), said(&err));
        match status {
            Some(status) if status.success() => Ok(out),
            Some(_) => Err(io::Error::other(format!("git: {}", last_line(&err)))),
            None => Err(io::Error::other(format!("git: not done within {} s", GIT_MS / 1000))),
        }
    }

    /// The commit that a name stands for.
    fn commit(&self, name: &str) -> Option<String> {
        let found = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]).ok()?;
        Some(found.trim().to_owned()).filter(|hash| !hash.is_empty())
    }
}

/// All that a pipe gives, once it has ended.
fn drain(pipe: Option<impl io::Read + Send + 'static>) -> Receiver<String> {
    let (said, heard) = channel();
    std::thread::spawn(move || said.send(drained(pipe)));
    heard
}

/// All that a pipe gives, the last of it kept.
fn drained(pipe: Option<impl io::Read>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let over = kept.len().saturating_sub(GIT_OUTPUT_BYTES);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The last line that says something, without a password in a URL.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed without a word");
    let mut parts = line.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part.find(['/', '\'', ' ']).unwrap_or(part.len());
        let host = part[..authority].rfind('@').map_or(0, |at| at + 1);
        clean.push_str("://");
        clean.push_str(&part[host..]);
    }
    clean.chars().filter(|c| !c.is_control()).take(GIT_OUTPUT_BYTES / 8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_last_line_without_a_password() {
        let text = "Cloning...\nfatal: unable to access 'https://me:hunter2@example.com/x.git/': 403\n\n";
        assert_eq!(last_line(text), "fatal: unable to access 'https://example.com/x.git/': 403");
        assert_eq!(last_line(""), "it failed without a word");
        assert_eq!(last_line("a@b: no"), "a@b: no");
    }
}
