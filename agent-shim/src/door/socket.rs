//! Where the socket is, and what of it stands in the job's environment.
//!
//! A socket's address has 107 bytes, and a state root may lie deeper: both ends name it through a descriptor of its directory.

use crate::attempt::Attempt;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Variable with the socket's path.
pub const SOCKET: &str = "SORTIE_SOCKET";
/// Variable with the path of this program.
pub const SHIM: &str = "SORTIE_SHIM";
/// Name of this program in [`commands_dir`].
const NAME: &str = "sortie-shim";

/// The socket of an attempt: where the job can get at it, whichever user it has.
pub fn path(attempt: &Attempt) -> PathBuf {
    attempt.user().map_or_else(|| attempt.file("door"), |user| user.yard.join("door"))
}

/// This program under its plain name, alone in a directory: a link, or a copy for a job that cannot follow one to our own files.
fn command(attempt: &Attempt, program: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let user = attempt.user();
    let dir = user.as_ref().map_or_else(|| attempt.file("bin"), |user| user.yard.join("bin"));
    match std::fs::create_dir(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let command = dir.join(NAME);
    if command.symlink_metadata().is_ok() {
        return Ok((dir, command));
    }
    if user.is_none() {
        std::os::unix::fs::symlink(program, &command)?;
        return Ok((dir, program.to_owned()));
    }
    let temp = dir.join(".new");
    std::fs::copy("/proc/self/exe", &temp)?;
    for path in [&dir, &temp] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    std::fs::rename(&temp, &command)?;
    Ok((dir, command))
}

/// The shim that the commands of an attempt's job are links to; none where the job has a copy of its own.
pub fn program(attempt: &Attempt) -> Option<PathBuf> {
    std::fs::read_link(attempt.file("bin").join(NAME)).ok()
}

/// What a job finds in its environment: the socket, this program, and `PATH` with this program at its end.
pub fn environment(attempt: &Attempt, job_path: Option<OsString>) -> Vec<(&'static str, OsString)> {
    let mut found = vec![(SOCKET, path(attempt).into_os_string())];
    let Ok(program) = std::fs::read_link("/proc/self/exe") else { return found };
    match command(attempt, &program) {
        Err(error) => attempt.log(&format!("no sortie-shim for the job: {error}")),
        Ok((dir, command)) => {
            let mut path = job_path.unwrap_or_default();
            if !path.is_empty() {
                path.push(":");
            }
            path.push(dir);
            found.extend([(SHIM, command.into_os_string()), ("PATH", path)]);
        }
    }
    found
}

/// The short name of a socket, valid while the descriptor is open.
fn through(path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a socket"));
    };
    let dir = rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
    Ok((dir, short))
}

/// Listen there. What a predecessor has left is replaced: whoever holds the attempt's lock has the door.
pub fn listen(attempt: &Attempt) -> io::Result<UnixListener> {
    let path = path(attempt);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (_dir, short) = through(&path)?;
    let listener = UnixListener::bind(short)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    if let Some(user) = attempt.user() {
        lchown(&path, Some(user.uid), Some(user.gid))?;
    }
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connect to it.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_dir, short) = through(path)?;
    UnixStream::connect(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};

    #[test]
    fn a_door_below_a_long_path_opens() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120)).join("e".repeat(120));
        let attempt = Attempt::new(&Root::new(deep).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        let _first = listen(&attempt).unwrap();
        let second = listen(&attempt).unwrap();
        connect(&path(&attempt)).unwrap();
        second.accept().unwrap();
        let mode = std::fs::metadata(path(&attempt)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
