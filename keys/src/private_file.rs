//! Files that hold secrets: refused when others may read them, replaced whole or not at all.

use crate::limits::PRIVATE_FILE_BYTES;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What is wrong with a file or folder of secrets.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Others could read or change it (F072).
    #[error("{} has mode {mode:04o}: others may read or change it; run `chmod {wanted:04o} {}`", path.display(), path.display())]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// The mode it has.
        mode: u32,
        /// The loosest mode it may have.
        wanted: u32,
    },
    /// There is none.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is one already, and it is not replaced.
    #[error("{} exists already and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// A folder, a pipe, a device: not a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Larger than any file of its kind.
    #[error("{} is larger than {} bytes", .0.display(), .1)]
    TooLarge(PathBuf, u64),
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
}

impl FileError {
    /// Names the path that an I/O error is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| match error.kind() {
            ErrorKind::NotFound => Self::Missing(path.into()),
            ErrorKind::AlreadyExists => Self::Exists(path.into()),
            _ => Self::Io { path: path.into(), error },
        }
    }
}

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// Makes a folder for ourselves alone. One that exists is left as it is.
pub(crate) fn create_dir(dir: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(FileError::io(dir))
}

/// Refuses a folder that others may enter.
pub(crate) fn check_dir(dir: &Path) -> Result<(), FileError> {
    let mode = std::fs::metadata(dir).map_err(FileError::io(dir))?.mode() & 0o7777;
    refuse_looser(dir, mode & 0o777, DIR_MODE)
}

/// Reads a private file, after looking at the mode of the very file that was opened.
pub(crate) fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), FileError> {
    let meta = std::fs::metadata(path).map_err(FileError::io(path))?;
    if !meta.is_file() {
        return Err(FileError::NotAFile(path.into())); // before opening: a pipe would block
    }
    let file = File::open(path).map_err(FileError::io(path))?;
    let meta = file.metadata().map_err(FileError::io(path))?;
    refuse_looser(path, meta.mode() & 0o7777, FILE_MODE)?;
    if meta.len() > PRIVATE_FILE_BYTES {
        return Err(FileError::TooLarge(path.into(), PRIVATE_FILE_BYTES));
    }
    // Sized at once: a growing buffer would leave unwiped copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    file.take(PRIVATE_FILE_BYTES).read_to_end(&mut bytes).map_err(FileError::io(path))?;
    Ok((bytes, Stamp::of(&meta)))
}

fn refuse_looser(path: &Path, mode: u32, wanted: u32) -> Result<(), FileError> {
    if mode & !wanted != 0 {
        return Err(FileError::TooOpen { path: path.into(), mode, wanted });
    }
    Ok(())
}

/// Writes a new file with `mode`, to disk. Never replaces one.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(FileError::io(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FileError::io(path))
}

/// Replaces a file whole: temporary file, fsync, rename, fsync of the folder. The caller holds the lock of the folder.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = sibling(path, ".new");
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(FileError::io(&temporary)(error)),
        _ => {} // absent, or left by a process that died: its file was never the file
    }
    create(&temporary, bytes, mode)?;
    std::fs::rename(&temporary, path).map_err(FileError::io(path))?;
    sync_parent(path)
}

/// Makes the name of a file durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(FileError::io(parent))
}

/// Waits for the exclusive lock beside `path`. Dropping it lets go.
pub(crate) fn lock(path: &Path) -> Result<File, FileError> {
    let path = sibling(path, ".lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&path).map_err(FileError::io(&path))?;
    file.lock().map_err(FileError::io(&path))?;
    Ok(file)
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What tells one version of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino(), size: meta.size(), changed: (meta.ctime(), meta.ctime_nsec()) }
    }

    /// Of the file as it is now.
    pub(crate) fn now(path: &Path) -> Result<Self, FileError> {
        Ok(Self::of(&std::fs::metadata(path).map_err(FileError::io(path))?))
    }
}
