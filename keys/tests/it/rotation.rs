//! Rotation and revocation (F069 to F071).

use crate::support::{AUD, ISS, NOW, NOW_MS, claims, expect, fixture};
use sortie_keys::{Check, KeyRing, KeyState, MintError, RingError, SignedQuery, UrlFault, UrlSignError, verify_with_jwks};

fn url_holds(ring: &KeyRing, url: &str) -> Result<(), UrlFault> {
    let SignedQuery { kid, exp, sig } = SignedQuery::parse(url.split_once('?').unwrap().1).unwrap();
    ring.verify_url(ISS, "att_1", kid, exp, sig, NOW)
}

#[test]
fn f069_what_was_made_before_a_rotation_still_holds() {
    let f = fixture();
    let (kid, root) = (f.ring.active_kid(), f.ring.root_generation());
    let token = f.ring.mint(&claims()).unwrap();
    let url = f.ring.sign_url(AUD, ISS, "att_1", NOW + 1).unwrap();
    let proof = f.ring.proof_secret(root, "att_1").unwrap().sign(b"m");
    for round in 1..=20 {
        let change = f.ring.rotate(NOW_MS + round).unwrap();
        assert_eq!((change.made.len(), change.retired.len(), change.generation), (2, 2, 1 + round.unsigned_abs()));
        f.ring.verify(token.expose(), &expect()).unwrap();
        verify_with_jwks(&f.ring.jwks().to_string(), token.expose(), &expect()).unwrap().unwrap();
        url_holds(&f.ring, &url).unwrap();
        assert!(f.ring.proof_secret(root, "att_1").unwrap().verify(b"m", &proof));
        assert_eq!(f.ring.mint_with(&kid, &claims()).unwrap().expose(), token.expose(), "made again, the same bytes");
        assert_eq!(f.ring.sign_url_with(root, AUD, ISS, "att_1", NOW + 1).unwrap(), url);
        let new = f.ring.mint(&claims()).unwrap();
        assert_ne!(new.expose(), token.expose());
        assert_eq!(f.ring.verify(new.expose(), &expect()).unwrap().kid, f.ring.active_kid());
    }
    assert_eq!(f.ring.root_generation(), 21);
    let reopened = KeyRing::open(&f.dir).unwrap();
    assert_eq!(reopened.list(), f.ring.list());
}

#[test]
fn f070_what_was_made_under_a_revoked_key_is_dead_at_once() {
    let f = fixture();
    let (kid, root) = (f.ring.active_kid(), f.ring.root_generation());
    let root_kid = f.ring.list().roots[0].kid.clone();
    let token = f.ring.mint(&claims()).unwrap();
    let url = f.ring.sign_url(AUD, ISS, "att_1", NOW + 1).unwrap();
    f.ring.rotate(NOW_MS).unwrap();

    let change = f.ring.revoke(&kid, NOW_MS + 1).unwrap();
    assert_eq!((change.revoked, change.made, change.generation), (vec![kid.clone()], vec![], 3));
    assert_eq!(f.ring.verify(token.expose(), &expect()).unwrap_err().check, Check::Key);
    assert_eq!(f.ring.mint_with(&kid, &claims()).unwrap_err(), MintError::Key);
    assert!(!f.ring.jwks().to_string().contains(&kid));
    url_holds(&f.ring, &url).expect("its root is not revoked");

    let change = f.ring.revoke("1", NOW_MS + 2).unwrap();
    assert_eq!((change.revoked, change.generation), (vec![root_kid], 4));
    assert_eq!(url_holds(&f.ring, &url), Err(UrlFault::Key));
    assert!(f.ring.proof_secret(root, "att_1").is_none());
    assert_eq!(f.ring.sign_url_with(root, AUD, ISS, "att_1", NOW), Err(UrlSignError::Root));

    let listed = KeyRing::open(&f.dir).unwrap().list();
    assert_eq!((listed.keys[0].life.state, listed.keys[0].life.revoked_at_ms), (KeyState::Revoked, Some(NOW_MS + 1)));
    assert_eq!(listed.generation, 4);
    assert!(matches!(f.ring.revoke(&kid, NOW_MS), Err(RingError::AlreadyRevoked(_))));
    assert!(matches!(f.ring.revoke("key_nobody", NOW_MS), Err(RingError::Unknown(_))));
    assert_eq!(f.ring.generation(), 4, "what was refused changed nothing");
}

#[test]
fn f070_revoking_the_active_key_makes_another_and_erases_the_secret() {
    let f = fixture();
    let (kid, seed) = (f.ring.active_kid(), crate::support::base64url(f.seed()));
    let read = || std::fs::read_to_string(f.file()).unwrap();
    assert!(read().contains(&seed));
    let change = f.ring.revoke(&kid, NOW_MS).unwrap();
    assert_eq!(change.made, [f.ring.active_kid()]);
    assert_ne!(f.ring.active_kid(), kid);
    assert!(!read().contains(&seed), "erased from the file");
    f.ring.revoke("1", NOW_MS).unwrap();
    assert_eq!(f.ring.root_generation(), 2);
    f.ring.mint(&claims()).unwrap();
    f.ring.sign_url(AUD, ISS, "att_1", NOW).unwrap();
}

#[test]
fn f071_a_running_server_sees_a_change_of_another_process() {
    let f = fixture();
    let server = KeyRing::open(&f.dir).unwrap();
    let shared = server.clone();
    assert!(!server.reload_if_changed().unwrap());
    f.ring.rotate(NOW_MS).unwrap();
    let token = f.ring.mint(&claims()).unwrap();
    assert_eq!(server.verify(token.expose(), &expect()).unwrap_err().check, Check::Key);
    assert!(server.reload_if_changed().unwrap());
    server.verify(token.expose(), &expect()).unwrap();
    assert_eq!((server.generation(), shared.generation()), (2, 2));
    server.rotate(NOW_MS).unwrap();
    f.ring.rotate(NOW_MS).unwrap();
    assert_eq!(f.ring.generation(), 4, "each change builds on what is on disk");
    assert_eq!(f.ring.list().keys.len(), 4);
}

#[test]
fn f071_changes_of_many_at_once_all_count() {
    let f = fixture();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(KeyRing::open(&f.dir).unwrap().rotate(NOW_MS).unwrap())));
        }
    });
    let ring = KeyRing::open(&f.dir).unwrap();
    assert_eq!((ring.generation(), ring.list().keys.len(), ring.list().roots.len()), (41, 41, 41));
}

#[test]
fn a_restored_ring_does_not_bring_revoked_keys_back_into_a_running_server() {
    let f = fixture();
    let backup = std::fs::read(f.file()).unwrap();
    let token = f.ring.mint(&claims()).unwrap();
    f.ring.revoke(&f.ring.active_kid(), NOW_MS).unwrap();
    std::fs::write(f.file(), backup).unwrap();
    assert!(matches!(f.ring.reload_if_changed(), Err(RingError::WentBack { from: 2, to: 1, .. })));
    assert!(matches!(f.ring.rotate(NOW_MS), Err(RingError::WentBack { .. })));
    assert!(f.ring.verify(token.expose(), &expect()).is_err());
}

#[test]
fn pruning_forgets_only_what_ended_before() {
    let f = fixture();
    f.ring.rotate(1_000).unwrap();
    f.ring.rotate(2_000).unwrap();
    let change = f.ring.prune(2_000).unwrap();
    assert_eq!(change.pruned.len(), 2);
    let listed = f.ring.list();
    assert_eq!((listed.keys.len(), listed.roots.iter().map(|root| root.generation).collect::<Vec<_>>()), (2, vec![2, 3]));
    assert!(f.ring.proof_secret(1, "att_1").is_none());
    f.ring.prune(i64::MAX).unwrap();
    f.ring.rotate(NOW_MS).unwrap();
    assert_eq!(f.ring.root_generation(), 4, "no generation is used twice");
}
