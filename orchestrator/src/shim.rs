//! The shims that are put on hosts: built with the program and embedded in it, or taken from files; one for each machine type,
//! side by side by their digests.

use sha2::{Digest, Sha256};
use sortie_protocol::bytes::to_hex;
use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A machine type that a shim is built for. Static (musl), so any distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86_64 Linux.
    LinuxX86_64,
    /// aarch64 Linux.
    LinuxAarch64,
}

impl Arch {
    /// All, the most common first.
    pub const ALL: [Self; 2] = [Self::LinuxX86_64, Self::LinuxAarch64];

    /// The type that `uname -s` and `uname -m` name, where there can be a shim for it.
    #[must_use]
    pub fn from_uname(system: &str, machine: &str) -> Option<Self> {
        match (system, machine) {
            ("Linux", "x86_64" | "amd64") => Some(Self::LinuxX86_64),
            ("Linux", "aarch64" | "arm64") => Some(Self::LinuxAarch64),
            _ => None,
        }
    }

    /// As `uname -m` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "x86_64",
            Self::LinuxAarch64 => "aarch64",
        }
    }

    /// For messages: all of them.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(" and ")
    }

    /// `e_machine` of an ELF file for it.
    const fn elf(self) -> u8 {
        match self {
            Self::LinuxX86_64 => 62,
            Self::LinuxAarch64 => 183,
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
    /// The file cannot be read, is empty or over [`crate::ssh::limits::SHIM_BYTES`], or is a program for another machine type.
    pub fn from_file(path: &Path) -> std::io::Result<Self> {
        let length = std::fs::metadata(path)?.len();
        if length == 0 || length > crate::ssh::limits::SHIM_BYTES {
            return Err(std::io::Error::other(format!("{} has {length} bytes: no shim", path.display())));
        }
        let shim = Self::new(std::fs::read(path)?);
        if shim.is_elf() && shim.arch().is_none() {
            return Err(std::io::Error::other(format!("{} is built for a machine that is none of {}", path.display(), Arch::names())));
        }
        Ok(shim)
    }

    fn is_elf(&self) -> bool {
        self.bytes.starts_with(b"\x7fELF")
    }

    /// The machine type that it is built for, as its header says; none for a script, which runs on all of them.
    #[must_use]
    pub fn arch(&self) -> Option<Arch> {
        // 64 bits, little endian; `e_machine` is the 16 bits at 18.
        let header = self.bytes.get(..20).filter(|_| self.is_elf()).filter(|header| header[4] == 2 && header[5] == 1 && header[19] == 0)?;
        Arch::ALL.into_iter().find(|arch| arch.elf() == header[18])
    }
}

/// The shims that were built with this program; the one for the machine type of the program itself is always there.
#[must_use]
pub fn embedded() -> &'static [(Arch, Arc<Shim>)] {
    static EMBEDDED: OnceLock<Vec<(Arch, Arc<Shim>)>> = OnceLock::new();
    EMBEDDED.get_or_init(|| {
        let built: [(Arch, &'static [u8]); 2] = [
            (Arch::LinuxX86_64, include_bytes!(env!("SORTIE_SHIM_X86_64_FILE"))),
            (Arch::LinuxAarch64, include_bytes!(env!("SORTIE_SHIM_AARCH64_FILE"))),
        ];
        built.into_iter().filter(|(_, bytes)| !bytes.is_empty()).map(|(arch, bytes)| (arch, Arc::new(Shim::new(bytes)))).collect()
    })
}

/// Shims by machine type, at least one.
#[derive(Clone, Debug)]
pub struct Shims(Vec<(Arch, Arc<Shim>)>);

impl Shims {
    /// Only the embedded ones.
    #[must_use]
    pub fn embedded() -> Self {
        Self(embedded().to_vec())
    }

    /// One shim for every machine type there is, whatever it is built for.
    #[must_use]
    pub fn only(shim: Shim) -> Self {
        let shim = Arc::new(shim);
        Self(Arch::ALL.map(|arch| (arch, Arc::clone(&shim))).to_vec())
    }

    /// One shim, for one machine type.
    #[must_use]
    pub fn for_type(arch: Arch, shim: Shim) -> Self {
        Self(vec![(arch, Arc::new(shim))])
    }

    /// Put this one in the place of the one for its machine type; a script, in the place of all.
    pub fn put(&mut self, shim: Shim) {
        let Some(arch) = shim.arch() else {
            *self = Self::only(shim);
            return;
        };
        self.add(arch, shim);
    }

    /// Put this one in the place of the one for this machine type.
    pub fn add(&mut self, arch: Arch, shim: Shim) {
        self.0.retain(|(of, _)| *of != arch);
        self.0.push((arch, Arc::new(shim)));
        self.0.sort_by_key(|(of, _)| Arch::ALL.iter().position(|arch| arch == of));
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
    fn the_embedded_shims_are_static_elfs_of_bounded_size() {
        assert!(!embedded().is_empty());
        for (arch, shim) in embedded() {
            assert_eq!(shim.arch(), Some(*arch));
            assert!(!shim.bytes.windows(4).any(|w| w == b"ld-l"), "no dynamic loader");
            assert!(shim.bytes.len() <= 4 << 20, "{arch:?}: {} bytes", shim.bytes.len());
            assert_eq!(shim.sha256.len(), 64);
        }
    }

    #[test]
    fn a_machine_type_without_a_shim_is_said_so() {
        assert_eq!(Arch::from_uname("Linux", "x86_64"), Some(Arch::LinuxX86_64));
        assert_eq!(Arch::from_uname("Linux", "arm64"), Some(Arch::LinuxAarch64));
        assert_eq!(Arch::from_uname("Linux", "riscv64"), None);
        assert_eq!(Arch::from_uname("Darwin", "x86_64"), None);
    }

    #[test]
    fn a_file_takes_the_place_of_its_machine_type_only() {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = 183;
        let mut shims = Shims::only(Shim::new(b"#!/bin/sh\n".as_slice()));
        let before = shims.choose(Arch::LinuxX86_64).unwrap().sha256.clone();
        shims.put(Shim::new(elf.clone()));
        assert_eq!(shims.choose(Arch::LinuxX86_64).unwrap().sha256, before);
        assert_eq!(shims.choose(Arch::LinuxAarch64).unwrap().bytes, elf);
        assert_eq!(shims.first().sha256, before, "the most common stays the first");
        elf[18] = 243;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("riscv");
        std::fs::write(&path, &elf).unwrap();
        assert!(Shim::from_file(&path).unwrap_err().to_string().contains("none of x86_64 and aarch64"));
    }
}
