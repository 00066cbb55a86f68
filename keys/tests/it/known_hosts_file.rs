//! known_hosts on disk: reading, adding, and leaving everything else alone.

use crate::known_hosts::key;
use sortie_keys::known_hosts::{Appended, HostKeyVerdict, KnownHosts, KnownHostsError};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn adding_leaves_every_other_byte_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known_hosts");
    for before in [&b""[..], b"# mine\n", b"no line end", b"\xff\xfe odd\r\n\r\n@other x\n|1|a|b c d\n\n"] {
        std::fs::write(&path, before).unwrap();
        let Appended::Added { line } = KnownHosts::append(&path, "Web1.example.com", 2222, &key("plain")).unwrap() else { panic!() };
        let after = std::fs::read(&path).unwrap();
        assert!(after.starts_with(before));
        let known = KnownHosts::load(&path).unwrap();
        assert_eq!(known.check("web1.example.com", 2222, &key("plain")), HostKeyVerdict::Valid { line });
        let public = include_str!("fixtures/plain.pub").rsplit_once(' ').unwrap().0;
        assert!(after.ends_with(format!("[web1.example.com]:2222 {public}\n").as_bytes()), "comment left out");
    }
}

#[test]
fn a_key_is_added_once_and_others_stay() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known_hosts");
    assert_eq!(KnownHosts::load(&path).unwrap().check("h", 22, &key("plain")), HostKeyVerdict::Unknown, "no file knows nobody");
    assert_eq!(KnownHosts::append(&path, "h", 22, &key("plain")).unwrap(), Appended::Added { line: 1 });
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(KnownHosts::append(&path, "h", 22, &key("plain")).unwrap(), Appended::Present { line: 1 });
    assert_eq!(KnownHosts::append(&path, "h", 22, &key("rsa")).unwrap(), Appended::Added { line: 2 });
    let known = KnownHosts::load(&path).unwrap();
    assert_eq!(known.check("h", 22, &key("plain")), HostKeyVerdict::Valid { line: 1 });
    assert_eq!(known.check("h", 22, &key("rsa")), HostKeyVerdict::Valid { line: 2 });
}

#[test]
fn mode_and_links_stay() {
    let home = tempfile::tempdir().unwrap();
    let (path, link) = (home.path().join("real"), home.path().join("known_hosts"));
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink(&path, &link).unwrap();
    KnownHosts::append(&link, "h", 22, &key("plain")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o644);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("h ssh-ed25519 "));
}

#[test]
fn what_would_name_more_than_one_host_is_not_added() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known_hosts");
    for host in ["", "*", "a,b", "!a", "a b", "a\tb", "a\nb ssh-rsa AAAA", "@revoked", "|1|a|b", "#a", "[a]:22", "h?", "a\u{a0}b"] {
        let error = KnownHosts::append(&path, host, 22, &key("plain")).unwrap_err();
        assert!(matches!(error, KnownHostsError::Host(_)), "{host:?}: {error}");
    }
    assert!(!path.exists());
    KnownHosts::append(&path, "fe80::1%eth0", 22, &key("plain")).unwrap();
}

#[test]
fn a_revoked_key_is_not_added() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known_hosts");
    let text = format!("@revoked * {}", include_str!("fixtures/plain.pub"));
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(KnownHosts::append(&path, "h", 22, &key("plain")), Err(KnownHostsError::Revoked(1))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn many_may_add_at_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known_hosts");
    std::thread::scope(|scope| {
        for host in 0..16 {
            let path = &path;
            scope.spawn(move || KnownHosts::append(path, &format!("h{host}"), 22, &key("plain")).unwrap());
        }
    });
    let known = KnownHosts::load(&path).unwrap();
    assert!((0..16).all(|host| matches!(known.check(&format!("h{host}"), 22, &key("plain")), HostKeyVerdict::Valid { .. })));
    assert!(known.ignored().is_empty());
}
