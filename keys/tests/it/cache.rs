//! The memory of verified tokens.

use crate::support::{NOW, NOW_MS, claims, expect, fixture};
use sortie_keys::{CachedVerifier, Check, Expect, KeyRing};

fn tokens(ring: &KeyRing, count: u64) -> Vec<String> {
    (0..count)
        .map(|fence| {
            let mut one = claims();
            one.fence = fence;
            ring.mint(&one).unwrap().expose().to_owned()
        })
        .collect()
}

#[test]
fn it_is_bounded_and_answers_as_the_ring_does() {
    let f = fixture();
    let cache = CachedVerifier::with_limit(f.ring.clone(), 10);
    let tokens = tokens(&f.ring, 100);
    for _ in 0..3 {
        for token in &tokens {
            assert_eq!(*cache.verify(token, &expect()).unwrap(), f.ring.verify(token, &expect()).unwrap());
            assert!(cache.remembered() <= 10, "{}", cache.remembered());
        }
    }
    assert_eq!(cache.remembered(), 10);
}

#[test]
fn what_is_used_stays() {
    let f = fixture();
    let cache = CachedVerifier::with_limit(f.ring.clone(), 10);
    let tokens = tokens(&f.ring, 100);
    let first = cache.verify(&tokens[0], &expect()).unwrap();
    for token in &tokens {
        cache.verify(token, &expect()).unwrap();
        let again = cache.verify(&tokens[0], &expect()).unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &again), "remembered, not checked again");
    }
}

#[test]
fn time_issuer_and_audience_are_judged_on_every_hit() {
    let f = fixture();
    let cache = CachedVerifier::new(f.ring.clone());
    let token = f.ring.mint(&claims()).unwrap();
    cache.verify(token.expose(), &expect()).unwrap();
    let check = |expect| cache.verify(token.expose(), &expect).map(|_| ()).map_err(|fault| fault.check);
    assert_eq!(check(Expect { now_s: NOW + 3_660, ..expect() }), Err(Check::Expired));
    assert_eq!(check(Expect { now_s: NOW - 61, ..expect() }), Err(Check::NotYet));
    assert_eq!(check(Expect { issuer: "ins_2", ..expect() }), Err(Check::Issuer));
    assert_eq!(check(Expect { audiences: &[], ..expect() }), Err(Check::Audience));
    assert_eq!(check(expect()), Ok(()));
    assert_eq!(cache.remembered(), 1);
}

#[test]
fn only_good_tokens_and_complete_ones_are_remembered() {
    let f = fixture();
    let cache = CachedVerifier::new(f.ring.clone());
    let token = f.ring.mint(&claims()).unwrap();
    cache.verify(token.expose(), &expect()).unwrap();
    let (message, signature) = token.expose().rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for bad in [
        format!("{message}.{flipped}{}", &signature[1..]),
        message.into(),
        format!("{} ", token.expose()),
        String::new(),
        "x".repeat(4_096),
    ] {
        cache.verify(&bad, &expect()).unwrap_err();
    }
    assert_eq!(cache.remembered(), 1);
}

#[test]
fn f070_a_change_of_the_ring_empties_it() {
    let f = fixture();
    let cache = CachedVerifier::new(f.ring.clone());
    let all = tokens(&f.ring, 10);
    all.iter().for_each(|token| drop(cache.verify(token, &expect()).unwrap()));
    assert_eq!(cache.remembered(), 10);
    let old = f.ring.active_kid();
    f.ring.rotate(NOW_MS).unwrap();
    cache.verify(&all[0], &expect()).expect("a retired key verifies");
    assert_eq!(cache.remembered(), 1);
    KeyRing::open(&f.dir).unwrap().revoke(&old, NOW_MS).unwrap();
    assert!(f.ring.reload_if_changed().unwrap());
    for token in &all {
        assert_eq!(cache.verify(token, &expect()).unwrap_err().check, Check::Key);
    }
    assert_eq!(cache.remembered(), 0);
}

#[test]
fn many_threads_agree() {
    let f = fixture();
    let cache = CachedVerifier::with_limit(f.ring.clone(), 64);
    let tokens = tokens(&f.ring, 100);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| tokens.iter().cycle().take(500).for_each(|token| drop(cache.verify(token, &expect()).unwrap())));
        }
        scope.spawn(|| (0..10).for_each(|_| drop(f.ring.rotate(NOW_MS).unwrap())));
    });
    assert!(cache.remembered() <= 64);
}
