//! What is sealed opens here, as what it is, and nowhere else.

use sortie_keys::{KeyRing, SealContext, SealError, Sealed, Secret};

const AT: SealContext<'static> = SealContext { installation: "inst", name: "deploy", version: 3 };

fn ring() -> (tempfile::TempDir, KeyRing) {
    let folder = tempfile::tempdir().unwrap();
    let ring = KeyRing::create(&folder.path().join("keys"), 1).unwrap();
    (folder, ring)
}

#[test]
fn i016_a_value_opens_only_where_it_belongs() {
    let (_folder, ring) = ring();
    let value = Secret::new("canary-value");
    let sealed = ring.seal(&AT, &value).unwrap();
    assert!(!sealed.bytes.windows(12).any(|window| window == b"canary-value"));
    assert_eq!(ring.open_sealed(&AT, &sealed).unwrap(), value);
    for other in [
        SealContext { installation: "other", ..AT },
        SealContext { name: "deploy2", ..AT },
        SealContext { version: 2, ..AT },
        SealContext { installation: "ins", name: "tdeploy", ..AT },
    ] {
        assert_eq!(ring.open_sealed(&other, &sealed), Err(SealError::NotOurs), "{other:?}");
    }
    for at in 0..sealed.bytes.len() {
        let mut bytes = sealed.bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(ring.open_sealed(&AT, &Sealed { root: sealed.root, bytes }), Err(SealError::NotOurs), "byte {at}");
    }
    assert_eq!(ring.open_sealed(&AT, &Sealed { root: sealed.root, bytes: Vec::new() }), Err(SealError::NotOurs));
    assert_ne!(ring.seal(&AT, &value).unwrap().bytes, sealed.bytes, "a nonce of its own each time");
}

#[test]
fn another_ring_opens_nothing() {
    let ((_one, ring), (_two, other)) = (ring(), ring());
    let sealed = ring.seal(&AT, &Secret::new("value")).unwrap();
    assert_eq!(other.open_sealed(&AT, &sealed), Err(SealError::NotOurs));
    assert_eq!(other.open_sealed(&AT, &Sealed { root: 77, ..sealed }), Err(SealError::NoRoot(77)));
}

#[test]
fn rotation_and_revocation_lose_no_value() {
    let (folder, ring) = ring();
    let value = Secret::new("value");
    let sealed = ring.seal(&AT, &value).unwrap();
    ring.rotate(2).unwrap();
    assert_ne!(ring.seal(&AT, &value).unwrap().root, sealed.root, "new values go under the new root");
    assert_eq!(ring.open_sealed(&AT, &sealed).unwrap(), value);
    ring.revoke(&sealed.root.to_string(), 3).unwrap();
    assert!(ring.proof_secret(sealed.root, "att_1").is_none(), "the root itself is gone");
    assert_eq!(ring.open_sealed(&AT, &sealed).unwrap(), value);
    let again = KeyRing::open(&folder.path().join("keys")).unwrap();
    assert_eq!(again.open_sealed(&AT, &sealed).unwrap(), value, "also after a start");
}
