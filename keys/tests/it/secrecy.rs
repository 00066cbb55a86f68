//! F059: secrets do not come out by accident.

use crate::support::{NOW_MS, base64url, claims, fixture};
use sortie_keys::{CachedVerifier, KeyRing, RingError, Secret};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_secret_cannot_be_printed() {
    let secret = Secret::from("hunter2".to_owned());
    assert_eq!(format!("{secret} {secret:?} {secret:#?} {:?}", Some(&secret)), "[secret] [secret] [secret] Some([secret])");
    assert_eq!((secret.expose(), secret.expose_str()), (&b"hunter2"[..], Some("hunter2")));
    assert_eq!((secret == Secret::new("hunter2"), secret == Secret::new("hunter3"), secret == Secret::new("")), (true, false, false));
}

#[test]
fn nothing_of_a_ring_shows_a_secret() {
    let f = fixture();
    f.ring.rotate(NOW_MS).unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(f.file()).unwrap()).unwrap();
    let members = [("keys", "seed"), ("roots", "secret")];
    let secrets: Vec<String> = members
        .iter()
        .flat_map(|(list, member)| stored[list].as_array().unwrap().iter().map(move |one| one[member].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(secrets.len(), 4);
    let token = f.ring.mint(&claims()).unwrap();
    let proof = f.ring.proof_secret(1, "att_1").unwrap();
    let shown = [
        format!("{:?} {:#?}", f.ring, f.ring.list()),
        serde_json::to_string(&f.ring.list()).unwrap(),
        f.ring.jwks().to_string(),
        format!("{:?} {token} {token:?} {proof:?}", f.ring.verifier()),
        format!("{:?}", f.ring.rotate(NOW_MS).unwrap()),
    ]
    .join("\n");
    for secret in secrets.iter().map(String::as_str).chain([token.expose(), proof.to_base64().as_str()]) {
        assert!(!shown.contains(secret));
    }
    let _remembers: CachedVerifier = CachedVerifier::new(f.ring.clone());
}

#[test]
fn a_damaged_ring_is_refused_without_being_quoted() {
    let f = fixture();
    let good = std::fs::read_to_string(f.file()).unwrap();
    let seed = base64url(f.seed());
    let stranger = base64url(fixture().seed());
    let kid = f.ring.active_kid();
    let damage: Vec<(String, &str)> = vec![
        (String::new(), "not a key ring"),
        (good[..good.len() / 2].into(), "not a key ring"),
        (good.replace(&format!("\"{seed}\""), "7"), "not a key ring"),
        (good.replace("\"schema\": 1", "\"schema\": 2"), "its format is 2"),
        (good.replace(&seed, &stranger), "a seed that is not its own"),
        (good.replace(&seed, &seed[1..]), "a secret that is not 32 bytes"),
        (good.replace(&format!("\"{seed}\""), "null"), "has lost its secret"),
        (good.replace(&kid, "key_other"), "is not named by its public key"),
        (good.replace("\"active\"", "\"retired\""), "exactly one active key"),
        (good.replace("\"next_root\": 2", "\"next_root\": 1"), "generations of its roots"),
        (good.replacen("\"active\"", "\"revoked\"", 1), "is revoked and still has its secret"),
        (good.replace("\"schema\"", "\"extra\": 1, \"schema\""), "not a key ring"),
    ];
    for (text, wanted) in damage {
        std::fs::write(f.file(), &text).unwrap();
        let error = KeyRing::open(&f.dir).unwrap_err();
        assert!(matches!(error, RingError::Damaged { .. }), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(wanted), "{shown}");
        assert!(!shown.contains(&seed) && !shown.contains(&seed[1..]) && !shown.contains(&stranger), "{shown}");
    }
    std::fs::write(f.file(), &good).unwrap();
    KeyRing::open(&f.dir).unwrap();
    assert_eq!(f.file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
