//! Files below a job's working directory, whatever the job has put there: no `..`, no symbolic link, nothing but regular
//! files, and never another file than the one that was opened (F106).

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, renameat, unlinkat};
use rustix::io::Errno;
use sortie_protocol::artifact::path_fault;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory that paths are below.
pub fn root(dir: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Open a regular file for reading.
///
/// # Errors
/// Where the path is refused, goes through a symbolic link, or ends at something else than a regular file. A file with
/// further hard links is refused where it is another user's: a link to it can be made without the right to read it.
pub fn open(root: &OwnedFd, path: &str) -> io::Result<File> {
    check(path)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = match openat2(root, path, flags, Mode::empty(), beneath) {
        // No such call in this kernel, or a sandbox that does not know it: part by part, then.
        Err(Errno::NOSYS | Errno::PERM) => walk(root, path, false).and_then(|(dir, name)| openat(&dir, name, flags, Mode::empty())),
        other => other,
    };
    let file = File::from(opened.map_err(described)?);
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(refused("not a regular file"));
    }
    // Below a directory of the job's own user only that one's files are its own.
    if meta.nlink() > 1 && meta.uid() != rustix::fs::fstat(root).map_err(described)?.st_uid {
        return Err(refused("a hard link to a file of another user"));
    }
    Ok(file)
}

/// Write a file, mode 0600, with the directories it needs; what stands there is replaced whole.
pub fn write(root: &OwnedFd, path: &str, bytes: &[u8]) -> io::Result<()> {
    check(path)?;
    let (dir, name) = walk(root, path, true).map_err(described)?;
    let temp = format!(".sortie.{}", crate::sign::random_hex(8));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(openat(&dir, &temp, flags, Mode::RUSR | Mode::WUSR).map_err(described)?);
    let done = file.write_all(bytes).and_then(|()| Ok(renameat(&dir, &temp, &dir, name)?));
    if done.is_err() {
        let _ = unlinkat(&dir, &temp, AtFlags::empty());
    }
    done
}

/// Remove a file; one that is not there is removed.
pub fn remove(root: &OwnedFd, path: &str) -> io::Result<()> {
    check(path)?;
    match walk(root, path, false).and_then(|(dir, name)| unlinkat(&dir, name, AtFlags::empty())) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(described(error)),
    }
}

/// The directory of a path's last part, and that part.
fn walk<'a>(root: &OwnedFd, path: &'a str, make: bool) -> rustix::io::Result<(OwnedFd, &'a str)> {
    let mut dir = openat(root, ".", DIRECTORY, Mode::empty())?;
    let (parents, name) = path.rsplit_once('/').map_or(("", path), |(parents, name)| (parents, name));
    for part in parents.split('/').filter(|part| !part.is_empty()) {
        if make {
            match mkdirat(&dir, part, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        dir = openat(&dir, part, DIRECTORY, Mode::empty())?;
    }
    Ok((dir, name))
}

fn check(path: &str) -> io::Result<()> {
    path_fault(path).map_or(Ok(()), |why| Err(refused(why)))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// In words that a person understands who does not know how it was opened.
fn described(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::XDEV => refused("a symbolic link is in the path"),
        Errno::NOENT => io::Error::new(io::ErrorKind::NotFound, "no such file"),
        Errno::NOTDIR => refused("a part of the path is not a directory, or a symbolic link"),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn read(root: &OwnedFd, path: &str) -> io::Result<String> {
        let mut text = String::new();
        open(root, path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn f106_links_and_devices_are_not_files() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        let inside = dir.path().join("inside");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "secret").unwrap();
        std::fs::write(inside.join("sub/file"), "file").unwrap();
        std::fs::hard_link(inside.join("sub/file"), inside.join("mine")).unwrap();
        std::os::unix::fs::symlink(outside.join("secret"), inside.join("link")).unwrap();
        std::os::unix::fs::symlink("sub/file", inside.join("near")).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("dir")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, inside.join("fifo"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let root = root(&inside).unwrap();
        assert_eq!(read(&root, "sub/file").unwrap(), "file");
        assert_eq!(read(&root, "mine").unwrap(), "file", "a hard link of one's own is one's own");
        for bad in ["link", "near", "dir/secret", "fifo", "sub", "absent"] {
            assert!(open(&root, bad).is_err(), "{bad}");
        }
        for bad in ["dir/new", "dir/secret"] {
            assert!(write(&root, bad, b"x").is_err(), "{bad}");
            assert!(remove(&root, bad).is_err(), "{bad}");
        }
        assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    }

    #[test]
    fn a_written_file_replaces_a_link_and_not_its_target() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("target"), "target").unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::os::unix::fs::symlink("../target", dir.path().join("in/link")).unwrap();
        let root = root(&dir.path().join("in")).unwrap();
        write(&root, "link", b"new").unwrap();
        write(&root, "a/b/c", b"deep").unwrap();
        assert_eq!((read(&root, "link").unwrap(), read(&root, "a/b/c").unwrap()), ("new".to_owned(), "deep".to_owned()));
        assert_eq!(std::fs::read_to_string(dir.path().join("target")).unwrap(), "target");
        remove(&root, "a/b/c").unwrap();
        remove(&root, "a/b/c").unwrap();
        assert!(open(&root, "a/b/c").is_err());
    }
}
