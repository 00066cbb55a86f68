//! The pinned state root of a machine: its marker, and where everything below it lies.

use crate::origin::{self, Origin};
use crate::{failpoint, files, sign};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Id of an attempt that is safe as a file name: `^[a-z]{2,8}_[0-9a-z]{8,64}$` (F108).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptId(String);

impl AttemptId {
    /// `None` where the text is no such id. Checked before anything touches the file system.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, rest) = text.split_once('_')?;
        let letters = (2..=8).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_lowercase());
        let random = (8..=64).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (letters && random).then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The state root, an absolute path.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// `None` where the path is not absolute: a relative one would mean another place in every session.
    pub fn new(path: impl Into<PathBuf>) -> Option<Self> {
        let path = path.into();
        path.is_absolute().then_some(Self(path))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where attempts live.
    pub fn jobs(&self) -> PathBuf {
        self.0.join("jobs")
    }

    /// Where shims live.
    pub fn bin(&self) -> PathBuf {
        self.0.join("bin")
    }

    /// Directory of one attempt.
    pub fn attempt(&self, id: &AttemptId) -> PathBuf {
        self.jobs().join(id.as_str())
    }

    /// The marker, where there is one and this is the machine that it was made on.
    pub fn marker(&self) -> Option<String> {
        if origin::is_moved(self) {
            return None;
        }
        let bytes = files::read(&self.0.join("marker"), 256).ok()?;
        let text = String::from_utf8(bytes).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// Make root and marker where there are none; the marker of an existing root is kept.
    pub fn create(&self) -> io::Result<String> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for dir in [self.0.clone(), self.jobs(), self.bin()] {
            builder.create(&dir)?;
        }
        std::fs::set_permissions(&self.0, std::fs::Permissions::from_mode(0o700))?;
        if let Some(marker) = self.marker() {
            return Ok(marker);
        }
        if origin::is_moved(self) {
            return Err(io::Error::other("the state root was copied from another machine: choose another path, or remove the copy"));
        }
        files::replace_json(&self.0.join("machine.json"), &Origin::here(self))?;
        let temp = self.0.join(format!(".marker.{}", sign::random_hex(8)));
        files::create(&temp, format!("{}\n", sign::random_hex(16)).as_bytes())?;
        match files::rename_new(&temp, &self.0.join("marker")) {
            Err(error) if files::is_taken(&error) => std::fs::remove_file(&temp)?,
            other => other?,
        }
        files::sync_dir(&self.0)?;
        self.marker().ok_or_else(|| io::Error::other("the marker cannot be read back"))
    }

    /// See [`failpoint`].
    pub fn failpoint(&self, name: &str) {
        failpoint::hit(&self.0, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f108_hostile_ids_are_no_ids() {
        assert!(AttemptId::parse("att_0123456789abcdef").is_some());
        let long = format!("att_{}", "a".repeat(65));
        for bad in [
            "",
            "att",
            "att_",
            "att_short",
            "../../etc_12345678",
            "att_1234567/",
            "att_..345678",
            "ATT_12345678",
            "a_12345678",
            "att_1234567\0",
            "att_1234567é",
            "toolongpre_12345678",
            long.as_str(),
        ] {
            assert!(AttemptId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
