//! Which file systems a store may be on: the WAL needs shared memory and locks that network file systems do not give (F025).

use crate::error::StoreError;
use std::path::Path;

/// Magic numbers of statfs(2), with the name that people know.
const NETWORK: [(i64, &str); 16] = [
    (0x6969, "nfs"),
    (0x517B, "smb"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb2"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x00C3_6400, "ceph"),
    (0x7375_7245, "coda"),
    (0x5346_414F, "afs"),
    (0x6B41_4653, "kafs"),
    (0x564C, "ncp"),
    (0x0BD0_0BD0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x7461_636F, "ocfs2"),
    (0x0116_1970, "gfs2"),
    (0x786F_4256, "vboxsf"),
];

/// The name of a network file system, by its magic number.
fn network(magic: i64) -> Option<&'static str> {
    // Some architectures sign-extend 32 bits.
    NETWORK.iter().find(|(known, _)| *known == magic & 0xFFFF_FFFF).map(|(_, name)| *name)
}

/// Refuse a folder on a network file system.
///
/// # Errors
/// [`StoreError::Unusable`] there; [`StoreError::Unavailable`] where it cannot be found out.
pub(super) fn check(folder: &Path) -> Result<(), StoreError> {
    let statfs = rustix::fs::statfs(folder).map_err(|e| StoreError::Unavailable(format!("{}: {e}", folder.display())))?;
    #[allow(clippy::unnecessary_cast, reason = "the width of f_type differs by architecture")]
    match network(statfs.f_type as i64) {
        None => Ok(()),
        Some(name) => Err(StoreError::Unusable(format!("{} is on {name}: the store needs a local file system", folder.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f025_network_file_systems_are_refused_and_local_ones_are_not() {
        for magic in [0x6969, 0x6573_5546, 0xFF53_4D42_u32.cast_signed().into(), 0xFE53_4D42] {
            assert!(network(magic).is_some(), "{magic:x}");
        }
        let (ext4, tmpfs, overlay, xfs, btrfs) = (0xEF53, 0x0102_1994, 0x794C_7630, 0x5846_5342, 0x9123_683E);
        for magic in [ext4, tmpfs, overlay, xfs, btrfs] {
            assert_eq!(network(magic), None, "{magic:x}");
        }
    }

    #[test]
    fn f025_the_folder_of_the_tests_is_local() {
        check(&std::env::temp_dir()).unwrap();
    }
}
