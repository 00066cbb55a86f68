//! Files that a job has kept by itself while it ran: copies below `saved/`, listed in `saved.json` in the order of their slots.

use crate::attempt::Attempt;
use crate::files;
use crate::limits::SAVED_BYTES;
use serde::{Deserialize, Serialize};
use sortie_protocol::artifact::kept_slot;
use std::io;
use std::path::PathBuf;

/// All of them. The place in the list is the number of the slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    /// One each.
    pub files: Vec<SavedFile>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedFile {
    /// Its name among the artifacts.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Where the copy is, below `saved/`.
    pub file: String,
}

impl Saved {
    /// As they are now.
    pub fn read(attempt: &Attempt) -> Self {
        let bytes = files::read(&attempt.file("saved.json"), SAVED_BYTES).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&SavedFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The one of this slot.
    pub fn at(&self, slot: &str) -> Option<&SavedFile> {
        self.files.iter().enumerate().find(|(number, _)| kept_slot(*number) == slot).map(|(_, file)| file)
    }

    /// Add one, or let it take the place of the one of its name; durable when this returns.
    pub fn put(&mut self, attempt: &Attempt, new: SavedFile) -> io::Result<()> {
        let old = self.files.iter().position(|file| file.name == new.name);
        let replaced = match old {
            Some(at) => Some(std::mem::replace(&mut self.files[at], new)),
            None => {
                self.files.push(new);
                None
            }
        };
        files::sync_dir(&attempt.file("saved"))?;
        files::replace_json(&attempt.file("saved.json"), self)?;
        if let Some(replaced) = replaced {
            let _ = std::fs::remove_file(replaced.path(attempt));
        }
        Ok(())
    }
}

impl SavedFile {
    /// Where the copy is.
    pub fn path(&self, attempt: &Attempt) -> PathBuf {
        attempt.file("saved").join(&self.file)
    }
}
