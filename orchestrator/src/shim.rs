//! The shim that is put on hosts: built with the program and embedded in it, or taken from a file.

use sha2::{Digest, Sha256};
use sortie_protocol::bytes::to_hex;
use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A machine type that a shim is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86_64 Linux, any distribution (static, musl).
    LinuxX86_64,
}

impl Arch {
    /// The type that `uname -s` and `uname -m` name, where there is a shim for it.
    #[must_use]
    pub fn from_uname(system: &str, machine: &str) -> Option<Self> {
        match (system, machine) {
            ("Linux", "x86_64" | "amd64") => Some(Self::LinuxX86_64),
            _ => None,
        }
    }
}

/// One shim binary. Its digest names it on hosts: `<root>/bin/sortie-shim-<sha256>`.
pub struct Shim {
    /// The file.
    pub bytes: Cow<'static, [u8]>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

impl std::fmt::Debug for Shim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shim({} bytes, {})", self.bytes.len(), self.sha256)
    }
}

impl Shim {
    /// A shim of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = to_hex(&Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }

    /// A shim from a file, for hosts that need another one than the embedded.
    ///
    /// # Errors
    /// The file cannot be read, is empty or over [`crate::ssh::limits::SHIM_BYTES`].
    pub fn from_file(path: &Path) -> std::io::Result<Self> {
        let length = std::fs::metadata(path)?.len();
        if length == 0 || length > crate::ssh::limits::SHIM_BYTES {
            return Err(std::io::Error::other(format!("{} has {length} bytes: no shim", path.display())));
        }
        Ok(Self::new(std::fs::read(path)?))
    }
}

/// The shim that was built with this program (x86_64 Linux).
#[must_use]
pub fn embedded() -> &'static Arc<Shim> {
    static EMBEDDED: OnceLock<Arc<Shim>> = OnceLock::new();
    EMBEDDED.get_or_init(|| Arc::new(Shim::new(include_bytes!(env!("SORTIE_SHIM_FILE")).as_slice())))
}

/// Shims by machine type.
#[derive(Clone, Debug)]
pub struct Shims(Vec<(Arch, Arc<Shim>)>);

impl Shims {
    /// Only the embedded one.
    #[must_use]
    pub fn embedded() -> Self {
        Self(vec![(Arch::LinuxX86_64, Arc::clone(embedded()))])
    }

    /// One shim for every machine type there is.
    #[must_use]
    pub fn only(shim: Shim) -> Self {
        Self(vec![(Arch::LinuxX86_64, Arc::new(shim))])
    }

    /// The shim for a machine type.
    #[must_use]
    pub fn choose(&self, arch: Arch) -> Option<&Arc<Shim>> {
        self.0.iter().find(|(of, _)| *of == arch).map(|(_, shim)| shim)
    }

    /// The one to try on a host that was not asked for its type yet: the most common.
    #[must_use]
    pub fn first(&self) -> &Arc<Shim> {
        &self.0[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_shim_is_a_static_elf_of_bounded_size() {
        let shim = embedded();
        assert_eq!(&shim.bytes[..4], b"\x7fELF");
        assert_eq!(shim.bytes[18], 62, "x86-64");
        assert!(!shim.bytes.windows(4).any(|w| w == b"ld-l"), "no dynamic loader");
        assert!(shim.bytes.len() <= 4 << 20, "{} bytes", shim.bytes.len());
        assert_eq!(shim.sha256.len(), 64);
    }

    #[test]
    fn a_machine_type_without_a_shim_is_said_so() {
        assert_eq!(Arch::from_uname("Linux", "x86_64"), Some(Arch::LinuxX86_64));
        assert_eq!(Arch::from_uname("Linux", "aarch64"), None);
        assert_eq!(Arch::from_uname("Darwin", "x86_64"), None);
    }
}
