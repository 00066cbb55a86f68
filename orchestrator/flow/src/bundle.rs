//! A bundle: the source files of one flow.

use crate::limits::{BUNDLE_BYTES, ENTRY, FILE_BYTES, FILE_NAME_BYTES, FILES};
use crate::testing::suite::TEST_SUFFIX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// The files of a flow, by name relative to the bundle (`flow.star`, `lib/git.star`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Name to source. `flow.star` is where the flow is declared.
    pub files: BTreeMap<String, String>,
}

/// Why files are no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not UTF-8.
    #[error("{file} is not UTF-8 text")]
    NotText {
        /// Which file.
        file: String,
    },
    /// There is no `flow.star`.
    #[error("no `{ENTRY}` in {place}; it is the file that calls flow(...) and defines run(ctx, input)")]
    NoEntry {
        /// Where it was looked for.
        place: String,
    },
    /// A file's name is not one that `load` can name.
    #[error(
        "`{file}` cannot be part of a bundle: names end in .star and use letters, digits, `_`, `-`, `.` and `/`, at most {FILE_NAME_BYTES} bytes, without `..`"
    )]
    Name {
        /// Which file.
        file: String,
    },
    /// A file is too large.
    #[error("{file} has {bytes} bytes; a file may have {FILE_BYTES}")]
    FileTooLarge {
        /// Which file.
        file: String,
        /// Its size.
        bytes: usize,
    },
    /// Too many files.
    #[error("the bundle has {count} files; it may have {FILES}")]
    TooManyFiles {
        /// How many.
        count: usize,
    },
    /// All files together are too large.
    #[error("the files of the bundle have {bytes} bytes together; they may have {BUNDLE_BYTES}")]
    TooLarge {
        /// Their size.
        bytes: usize,
    },
}

impl Bundle {
    /// A bundle of these files.
    #[must_use]
    pub fn new<N: Into<String>, S: Into<String>>(files: impl IntoIterator<Item = (N, S)>) -> Self {
        Self { files: files.into_iter().map(|(name, source)| (name.into(), source.into())).collect() }
    }

    /// SHA-256, in lower-case hex, of the files in the order of their names, each as length and bytes of name and source.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"sortie-bundle-1");
        for part in self.files.iter().flat_map(|(name, source)| [name, source]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Refuse names, sizes and counts beyond the limits. Says nothing about the sources.
    ///
    /// # Errors
    /// The first [`BundleError`] in the order of the files' names.
    pub fn validate(&self) -> Result<(), BundleError> {
        if self.files.len() > FILES {
            return Err(BundleError::TooManyFiles { count: self.files.len() });
        }
        for (name, source) in &self.files {
            if !is_file_name(name) {
                return Err(BundleError::Name { file: name.chars().take(FILE_NAME_BYTES).collect() });
            }
            if source.len() > FILE_BYTES {
                return Err(BundleError::FileTooLarge { file: name.clone(), bytes: source.len() });
            }
        }
        let bytes = self.files.values().map(String::len).sum();
        if bytes > BUNDLE_BYTES {
            return Err(BundleError::TooLarge { bytes });
        }
        if self.files.contains_key(ENTRY) { Ok(()) } else { Err(BundleError::NoEntry { place: "the bundle".to_owned() }) }
    }

    /// All `.star` files of a folder and its folders but test files. Hidden ones are passed over, links to files are read, links to folders are not.
    ///
    /// # Errors
    /// [`BundleError`]: unreadable, beyond a limit, or without `flow.star`.
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let root = path.as_ref();
        let mut bundle = Self::default();
        bundle.add_dir(root, "")?;
        match bundle.validate() {
            Err(BundleError::NoEntry { .. }) => Err(BundleError::NoEntry { place: root.display().to_string() }),
            Err(error) => Err(error),
            Ok(()) => Ok(bundle),
        }
    }

    /// One `.star` file, which counts as `flow.star`.
    ///
    /// # Errors
    /// [`BundleError`]: unreadable or beyond a limit.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        let bundle = Self::new([(ENTRY, read(path.as_ref())?)]);
        bundle.validate()?;
        Ok(bundle)
    }

    /// A folder ([`Self::from_dir`]) or a single file ([`Self::from_file`]).
    ///
    /// # Errors
    /// [`BundleError`] of either.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, BundleError> {
        if path.as_ref().is_dir() { Self::from_dir(path) } else { Self::from_file(path) }
    }

    fn add_dir(&mut self, dir: &Path, prefix: &str) -> Result<(), BundleError> {
        let unreadable = |source| BundleError::Read { path: dir.display().to_string(), source };
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if hidden {
                continue;
            }
            if entry.file_type().map_err(unreadable)?.is_dir() {
                self.add_dir(&entry.path(), &format!("{name}/"))?;
            } else if name.ends_with(".star") && !name.ends_with(TEST_SUFFIX) {
                let source = read(&entry.path())?;
                self.files.insert(name, source);
                if self.files.len() > FILES {
                    return Err(BundleError::TooManyFiles { count: self.files.len() });
                }
            }
        }
        Ok(())
    }
}

/// A file's text, without reading more than the limit allows.
fn read(path: &Path) -> Result<String, BundleError> {
    use std::io::Read as _;
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|source| BundleError::Read { path: shown.clone(), source })?;
    file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|source| BundleError::Read { path: shown.clone(), source })?;
    if bytes.len() > FILE_BYTES {
        return Err(BundleError::FileTooLarge { file: shown, bytes: bytes.len() });
    }
    String::from_utf8(bytes).map_err(|_| BundleError::NotText { file: shown })
}

fn is_file_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    name.ends_with(".star")
        && name.len() <= FILE_NAME_BYTES
        && name.bytes().all(allowed)
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_tells_names_and_sources_apart() {
        let a = Bundle::new([("flow.star", "ab"), ("x.star", "")]);
        let b = Bundle::new([("flow.star", "a"), ("x.star", "b")]);
        assert_ne!(a.digest(), b.digest());
        assert_eq!(a.digest(), a.clone().digest());
        assert_eq!(a.digest().len(), 64);
    }

    #[test]
    fn refuses_what_is_no_bundle() {
        let large = "#".repeat(FILE_BYTES + 1);
        for (files, word) in [
            (vec![("flow.star", large.as_str())], "bytes"),
            (vec![("lib.star", "")], "flow.star"),
            (vec![("flow.star", ""), ("../up.star", "")], "cannot be part"),
            (vec![("flow.star", ""), ("a//b.star", "")], "cannot be part"),
            (vec![("flow.star", ""), ("notes.txt", "")], "cannot be part"),
        ] {
            let error = Bundle::new(files).validate().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let many = Bundle::new((0..=FILES).map(|n| (format!("f{n}.star"), "")));
        assert!(matches!(many.validate(), Err(BundleError::TooManyFiles { .. })));
    }
}
