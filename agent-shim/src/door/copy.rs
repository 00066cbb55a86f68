//! Keeping a file as it is now: opened below the working directory as every artifact is, copied beside it a piece at a time, so
//! that nobody else at the door waits for a large one.

use super::wire::{Code, Reply};
use crate::artifacts::saved::{Saved, SavedFile};
use crate::attempt::Attempt;
use crate::limits::{DOOR_COPY_BYTES, KEPT_BYTES};
use crate::{below, sign, workspace};
use ring::digest;
use rustix::fs::{Mode, OFlags};
use sortie_protocol::artifact::{Kept, path_fault};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::limits::{ARTIFACT_BYTES, KEPT_FILES};
use sortie_protocol::spec::Spec;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A copy under way.
pub struct Copy {
    name: String,
    source: File,
    target: File,
    /// Where the target is, until it is one of the kept.
    temp: PathBuf,
    hash: digest::Context,
    size: u64,
}

/// A refusal.
pub type Refused = (Code, String);

impl Copy {
    /// Open both ends.
    pub fn begin(attempt: &Attempt, spec: &Spec, path: &str, name: Option<String>) -> Result<Self, Refused> {
        let dir = workspace::dir_for(attempt, spec);
        let relative = relative(&dir, path)?;
        let name = name.unwrap_or_else(|| relative.clone());
        if let Some(why) = path_fault(&name) {
            return Err((Code::Usage, format!("the name {name:?}: {why}")));
        }
        let saved = Saved::read(attempt);
        if saved.find(&name).is_none() && saved.files.len() >= KEPT_FILES {
            return Err((Code::TooLarge, format!("a job may keep {KEPT_FILES} files by itself")));
        }
        let failed = |error: io::Error| (Code::Failed, error.to_string());
        let root = below::root(&dir).map_err(failed)?;
        let source = below::open(&root, &relative).map_err(|error| refused(&relative, &error))?;
        if let Some(user) = attempt.user()
            && source.metadata().map_err(failed)?.uid() != user.uid
        {
            // We may read more than the job may.
            return Err((Code::NotAllowed, format!("{relative:?}: a file of another user")));
        }
        let area = attempt.file("saved");
        if let Err(error) = std::fs::create_dir(&area)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(failed(error));
        }
        let temp = area.join(sign::random_hex(8));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let target = rustix::fs::open(&temp, flags, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
        Ok(Self { name, source, target: File::from(target), temp, hash: digest::Context::new(&digest::SHA256), size: 0 })
    }

    /// Copy a piece; a reply when it is over, one way or the other.
    pub fn step(&mut self, attempt: &Attempt) -> Option<Reply> {
        match self.piece(attempt) {
            Ok(None) => None,
            Ok(Some(kept)) => Some(Reply::Kept { name: self.name.clone(), kept }),
            Err((code, message)) => {
                let _ = std::fs::remove_file(&self.temp);
                Some(Reply::Refused { code, message })
            }
        }
    }

    fn piece(&mut self, attempt: &Attempt) -> Result<Option<Kept>, Refused> {
        let failed = |error: io::Error| (Code::Failed, format!("the file cannot be kept: {error}"));
        let mut piece = vec![0; DOOR_COPY_BYTES];
        let read = self.source.read(&mut piece).map_err(failed)?;
        if read > 0 {
            self.size += read as u64;
            if self.size > ARTIFACT_BYTES {
                return Err((Code::TooLarge, format!("the file has more than {ARTIFACT_BYTES} bytes")));
            }
            self.target.write_all(&piece[..read]).map_err(failed)?;
            self.hash.update(&piece[..read]);
            return Ok(None);
        }
        self.target.sync_all().map_err(failed)?;
        let file = self.temp.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sha256 = to_hex(self.hash.clone().finish().as_ref());
        let mut saved = Saved::read(attempt);
        // Read anew: another copy may have ended meanwhile.
        let others: u64 = saved.files.iter().filter(|other| other.name != self.name).map(|other| other.size).sum();
        if others + self.size > KEPT_BYTES || (saved.find(&self.name).is_none() && saved.files.len() >= KEPT_FILES) {
            return Err((Code::TooLarge, format!("a job may keep {KEPT_FILES} files of {KEPT_BYTES} bytes together by itself")));
        }
        saved.put(attempt, SavedFile { name: self.name.clone(), size: self.size, sha256: sha256.clone(), file }).map_err(failed)?;
        Ok(Some(Kept { sha256, size: self.size }))
    }
}

/// The path below the working directory, by whichever name of that directory the job has.
fn relative(dir: &Path, path: &str) -> Result<String, Refused> {
    let asked = Path::new(path);
    let below = if asked.is_absolute() {
        let real = std::fs::canonicalize(dir).ok();
        asked.strip_prefix(dir).ok().or_else(|| asked.strip_prefix(real?).ok())
    } else {
        Some(asked)
    };
    let Some(below) = below.and_then(Path::to_str).filter(|below| !below.is_empty()) else {
        return Err((Code::NotAllowed, format!("{path:?} is not below the job's working directory {}", dir.display())));
    };
    path_fault(below).map_or_else(|| Ok(below.to_owned()), |why| Err((Code::NotAllowed, format!("{below:?}: {why}"))))
}

fn refused(path: &str, error: &io::Error) -> Refused {
    let code = if error.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::NotAllowed };
    (code, format!("{path:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f106_only_what_is_below_the_working_directory_has_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir(real.join("work")).unwrap();
        std::os::unix::fs::symlink("work", real.join("alias")).unwrap();
        let alias = real.join("alias");
        let at = |path: &Path| relative(&alias, path.to_str().unwrap()).ok();
        assert_eq!(at(Path::new("a/b")), Some("a/b".to_owned()));
        assert_eq!(at(&alias.join("a")), Some("a".to_owned()));
        assert_eq!(at(&real.join("work/a")), Some("a".to_owned()));
        for outside in ["/etc/passwd", "../x", "a/../../x", "", "."] {
            assert_eq!(at(Path::new(outside)), None, "{outside:?}");
        }
        assert_eq!((at(&alias), at(&alias.join("../x")), at(&real.join("workshop"))), (None, None, None));
    }
}
