//! F082: revoked keys and certificates, in lists that `ssh-keygen` writes.

use russh::keys::{Certificate, PublicKey};
use sortie_keys::revocation::{RevocationError, RevocationList};
use std::path::Path;
use std::process::Command;

fn keygen(arguments: &[&str], dir: &Path) {
    let output = Command::new("ssh-keygen").current_dir(dir).arg("-q").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Keys `ca`, `other-ca` and `host`; certificates `one` to `four` for copies of `host`, with serial numbers 1, 2, 70 and none.
fn keys() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ca", "other-ca", "host"] {
        keygen(&["-t", "ed25519", "-N", "", "-C", "", "-f", name], dir.path());
    }
    for (name, serial) in [("one", "1"), ("two", "2"), ("three", "70"), ("four", "0")] {
        std::fs::copy(dir.path().join("host.pub"), dir.path().join(format!("{name}.pub"))).unwrap();
        keygen(&["-s", "ca", "-h", "-I", name, "-n", "vm", "-z", serial, &format!("{name}.pub")], dir.path());
    }
    dir
}

fn key(dir: &Path, name: &str) -> PublicKey {
    PublicKey::from_openssh(&std::fs::read_to_string(dir.join(format!("{name}.pub"))).unwrap()).unwrap()
}

fn certificate(dir: &Path, name: &str) -> Certificate {
    Certificate::from_openssh(&std::fs::read_to_string(dir.join(format!("{name}-cert.pub"))).unwrap()).unwrap()
}

/// A list by a specification of `ssh-keygen -k`, and which of the four certificates it revokes.
fn revoked(dir: &Path, specification: &str, by: &str) -> Vec<&'static str> {
    std::fs::write(dir.join("spec"), specification).unwrap();
    let authority = format!("{by}.pub");
    keygen(&["-k", "-f", "krl", "-s", &authority, "spec"], dir);
    let list = RevocationList::load(&dir.join("krl")).unwrap();
    ["one", "two", "three", "four"].into_iter().filter(|name| list.has_certificate(&certificate(dir, name))).collect()
}

#[test]
fn f082_certificates_are_revoked_by_serial_number_range_bitmap_and_key_id_of_their_authority() {
    let dir = keys();
    let dir = dir.path();
    assert_eq!(revoked(dir, "serial: 2\n", "ca"), ["two"]);
    assert_eq!(revoked(dir, "serial: 1-2\n", "ca"), ["one", "two"]);
    assert_eq!(revoked(dir, "serial: 2\nserial: 4\nserial: 6\nserial: 8\nserial: 70\n", "ca"), ["two", "three"], "a bitmap");
    assert_eq!(revoked(dir, "serial: 1-18446744073709551615\n", "ca"), ["one", "two", "three"], "without a number none is meant");
    assert_eq!(revoked(dir, "id: four\n", "ca"), ["four"]);
    assert_eq!(revoked(dir, "serial: 2\nid: four\n", "other-ca"), Vec::<&str>::new(), "another authority's");
}

#[test]
fn f082_keys_are_revoked_by_themselves_their_digests_and_in_lines_and_so_are_their_certificates() {
    let dir = keys();
    let dir = dir.path();
    let host = std::fs::read_to_string(dir.join("host.pub")).unwrap();
    for specification in ["key: ", "sha1: ", "sha256: "] {
        let all = revoked(dir, &format!("{specification}{host}"), "ca");
        assert_eq!(all.len(), 4, "{specification}");
        let list = RevocationList::load(&dir.join("krl")).unwrap();
        assert!(list.has_key(&key(dir, "host")) && !list.has_key(&key(dir, "ca")), "{specification}");
    }
    let lines = RevocationList::parse(format!("# lost\n\n{host}").as_bytes()).unwrap();
    assert!(lines.has_key(&key(dir, "host")) && lines.has_certificate(&certificate(dir, "one")) && !lines.has_key(&key(dir, "ca")));
    let of_ca = RevocationList::parse(&std::fs::read(dir.join("ca.pub")).unwrap()).unwrap();
    assert!(of_ca.has_certificate(&certificate(dir, "one")), "what a revoked authority has signed");
}

#[test]
fn f082_a_list_that_is_cut_short_or_not_understood_is_no_list() {
    let dir = keys();
    let dir = dir.path();
    revoked(dir, "serial: 1-2\nserial: 9\nid: four\n", "ca");
    let whole = std::fs::read(dir.join("krl")).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|end| RevocationList::parse(&whole[..*end]).is_ok()).collect();
    // The head alone is an empty list; before that, and in the middle of a section, nothing is.
    assert_eq!(ends, [0, 44], "of {}", whole.len());
    let unknown = [&whole[..], &[9, 0, 0, 0, 0]].concat();
    assert!(matches!(RevocationList::parse(&unknown), Err(RevocationError::Broken(_))));
    let extension = |critical: u8| [&whole[..], &[255, 0, 0, 0, 10, 0, 0, 0, 1, b'x', critical, 0, 0, 0, 0]].concat();
    assert!(RevocationList::parse(&extension(0)).is_ok());
    assert!(matches!(RevocationList::parse(&extension(1)), Err(RevocationError::Broken(_))));
    assert!(matches!(RevocationList::parse(b"ssh-ed25519 nonsense\n"), Err(RevocationError::Line(1))));
    assert!(Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    assert!(matches!(RevocationList::load(&dir.join("pipe")), Err(RevocationError::Read(_))), "and nobody waits for its writer");
    assert!(matches!(RevocationList::load(&dir.join("nowhere")), Err(RevocationError::Read(_))));
}
