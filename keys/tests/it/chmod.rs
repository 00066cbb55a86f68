//! F072: files of secrets that others could read are refused, with a message that says what to run.

use crate::support::{NOW_MS, fixture};
use sortie_keys::ssh::{Identity, IdentityError};
use sortie_keys::{FileError, KeyRing, RingError};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn chmod(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

/// Every mode in which the owner may read, and those with a special bit.
fn file_modes() -> impl Iterator<Item = u32> {
    (0o400..=0o777).chain([0o4600, 0o2600, 0o1600])
}

#[test]
fn f072_a_ring_is_opened_only_from_a_file_of_ours_alone() {
    let f = fixture();
    for wanted in file_modes() {
        chmod(&f.file(), wanted);
        let allowed = matches!(wanted, 0o400 | 0o600);
        match KeyRing::open(&f.dir) {
            Ok(_) => assert!(allowed, "{wanted:o}"),
            Err(RingError::File(FileError::TooOpen { path, mode, .. })) => assert!(!allowed && path == f.file() && mode == wanted),
            Err(other) => panic!("{wanted:o}: {other}"),
        }
    }
    chmod(&f.file(), 0o640);
    let message = KeyRing::open(&f.dir).unwrap_err().to_string();
    let path = f.file().display().to_string();
    assert_eq!(message, format!("{path} has mode 0640: others may read or change it; run `chmod 0600 {path}`"));
}

#[test]
fn f072_a_ring_is_opened_only_from_a_folder_of_ours_alone() {
    let f = fixture();
    for wanted in 0o700..=0o777 {
        chmod(&f.dir, wanted);
        assert_eq!(KeyRing::open(&f.dir).is_ok(), wanted == 0o700, "{wanted:o}");
    }
    let message = KeyRing::open(&f.dir).unwrap_err().to_string();
    assert!(message.contains(&format!("run `chmod 0700 {}`", f.dir.display())), "{message}");
    assert!(f.ring.rotate(NOW_MS).is_err(), "nor is it changed there");
    chmod(&f.dir, 0o2700);
    KeyRing::open(&f.dir).expect("an inherited setgid bit lets nobody in");
}

#[test]
fn f072_a_running_server_keeps_its_ring_when_the_file_is_opened_to_others() {
    let f = fixture();
    chmod(&f.file(), 0o644);
    assert!(matches!(f.ring.reload_if_changed(), Err(RingError::File(FileError::TooOpen { .. }))));
    assert_eq!(f.ring.generation(), 1);
}

#[test]
fn what_is_made_is_for_us_alone() {
    let f = fixture();
    f.ring.rotate(NOW_MS).unwrap();
    assert_eq!(mode(&f.dir), 0o700);
    for entry in std::fs::read_dir(&f.dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let home = tempfile::tempdir().unwrap();
    chmod(home.path(), 0o755);
    assert!(matches!(KeyRing::create(home.path(), 0), Err(RingError::File(FileError::TooOpen { .. }))));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written there");
}

#[test]
fn a_ring_is_never_replaced_by_a_new_one() {
    let f = fixture();
    let before = std::fs::read(f.file()).unwrap();
    assert!(matches!(KeyRing::create(&f.dir, 0), Err(RingError::File(FileError::Exists(_)))));
    assert_eq!(std::fs::read(f.file()).unwrap(), before);
    assert!(matches!(KeyRing::open(&f.dir.join("none")), Err(RingError::File(FileError::Missing(_)))));
}

#[test]
fn what_a_dead_writer_left_behind_is_in_nobodys_way() {
    let f = fixture();
    std::fs::write(f.dir.join("ring.json.new"), "half a ri").unwrap();
    f.ring.rotate(NOW_MS).unwrap();
    assert_eq!(KeyRing::open(&f.dir).unwrap().generation(), 2);
    assert!(!f.dir.join("ring.json.new").exists());
}

#[test]
fn f072_an_identity_is_loaded_only_from_a_file_of_ours_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("id");
    Identity::generate(&path, "test").unwrap();
    assert_eq!((mode(&path), mode(&home.path().join("id.pub"))), (0o600, 0o644));
    for wanted in file_modes() {
        chmod(&path, wanted);
        match Identity::load(&path, None) {
            Ok(_) => assert!(matches!(wanted, 0o400 | 0o600), "{wanted:o}"),
            Err(IdentityError::File(FileError::TooOpen { mode, .. })) => assert_eq!(mode, wanted),
            Err(other) => panic!("{wanted:o}: {other}"),
        }
    }
}
