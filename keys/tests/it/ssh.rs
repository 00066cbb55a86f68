//! Identities, made here and by `ssh-keygen` (fixtures: OpenSSH 9.2, keys of this test alone).

use sortie_keys::ssh::{Identity, IdentityError};
use sortie_keys::{FileError, Secret};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

fn place(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (home, path)
}

#[test]
fn keys_of_ssh_keygen_load() {
    for (name, text, public, fingerprint) in [
        (
            "ed25519",
            include_str!("fixtures/plain"),
            include_str!("fixtures/plain.pub"),
            "SHA256:LdWayOV1jeS55LqkWZX3Zn7ZwhZBp6FdGphxRmYTQq8",
        ),
        ("rsa", include_str!("fixtures/rsa"), include_str!("fixtures/rsa.pub"), "SHA256:ILVQGb8kMTo1GlI4xEjiinNruOM/g8UB5HO4nJmOOL0"),
        ("ecdsa", include_str!("fixtures/ecdsa"), include_str!("fixtures/ecdsa.pub"), "SHA256:yXozEF3p3wKXBCJt080iDutiGY5oiSlPU82UguG9T+o"),
    ] {
        let (_home, path) = place(name, text);
        let identity = Identity::load(&path, None).unwrap();
        assert_eq!((identity.public_line().as_str(), identity.fingerprint().as_str()), (public.trim_end(), fingerprint));
        Identity::load(&path, Some(&Secret::new("not needed"))).expect("a passphrase that is not needed does no harm");
    }
    let (_home, path) = place("pem", include_str!("fixtures/pem_rsa"));
    assert!(Identity::load(&path, None).unwrap().public_line().starts_with("ssh-rsa "));
}

#[test]
fn passphrases() {
    let (right, wrong) = (Secret::new("correct horse"), Secret::new("wrong horse"));
    for (name, text) in [
        ("openssh", include_str!("fixtures/encrypted")),
        ("pem", include_str!("fixtures/pem_rsa_encrypted")),
        ("pkcs8", include_str!("fixtures/pkcs8_encrypted")),
    ] {
        let (_home, path) = place(name, text);
        let error = Identity::load(&path, None).unwrap_err();
        assert!(matches!(error, IdentityError::NeedsPassphrase(_)), "{name}: {error}");
        assert_eq!(error.to_string(), format!("{} needs a passphrase", path.display()));
        let error = Identity::load(&path, Some(&wrong)).unwrap_err();
        assert!(matches!(error, IdentityError::WrongPassphrase(_)), "{name}: {error}");
        assert!(!format!("{error} {error:?}").contains("horse"));
        Identity::load(&path, Some(&right)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let (_home, path) = place("openssh", include_str!("fixtures/encrypted"));
    let identity = Identity::load(&path, Some(&right)).unwrap();
    assert_eq!(identity.public_line(), include_str!("fixtures/encrypted.pub").trim_end());
    assert!(!identity.private_key().is_encrypted());
}

#[test]
fn what_is_made_loads_again_and_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("id_ed25519");
    let made = Identity::generate(&path, "sortie@example").unwrap();
    let loaded = Identity::load(&path, None).unwrap();
    assert_eq!((loaded.public_line(), loaded.fingerprint()), (made.public_line(), made.fingerprint()));
    assert!(made.public_line().starts_with("ssh-ed25519 ") && made.public_line().ends_with(" sortie@example"));
    assert_eq!(std::fs::read_to_string(home.path().join("id_ed25519.pub")).unwrap(), format!("{}\n", made.public_line()));
    assert!(matches!(Identity::generate(&path, ""), Err(IdentityError::File(FileError::Exists(_)))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Identity::generate(&path, ""), Err(IdentityError::File(FileError::Exists(_)))), "nor its public line");
    assert!(!path.exists());
    assert_ne!(Identity::generate(&home.path().join("other"), "").unwrap().fingerprint(), made.fingerprint());
    let private = std::fs::read_to_string(home.path().join("other")).unwrap();
    assert!(!format!("{:?}", Identity::load(&home.path().join("other"), None).unwrap()).contains(private.lines().nth(2).unwrap()));
    assert!(matches!(Identity::generate(&home.path().join("x"), "a\nb"), Err(IdentityError::Comment)));
}

#[test]
fn what_is_no_private_key_is_said_to_be_none() {
    let cut = &include_str!("fixtures/plain")[..200];
    for text in ["", "hello", include_str!("fixtures/plain.pub"), cut, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let (_home, path) = place("id", text);
        let error = Identity::load(&path, None).unwrap_err();
        assert!(matches!(error, IdentityError::Format(_)), "{text:.30}: {error}");
    }
    let home = tempfile::tempdir().unwrap();
    assert!(matches!(Identity::load(&home.path().join("none"), None), Err(IdentityError::File(FileError::Missing(_)))));
    assert!(matches!(Identity::load(home.path(), None), Err(IdentityError::File(FileError::NotAFile(_)))));
    let (_home, path) = place("id", &"x".repeat(2 << 20));
    assert!(matches!(Identity::load(&path, None), Err(IdentityError::File(FileError::TooLarge(..)))));
}
