//! F055: a token, URL or proof of one attempt is of no use for another.

use crate::support::{AUD, ISS, NOW, claims, expect, fixture};
use sortie_keys::{Check, Claims, Expect, Scope, SignedQuery, UrlFault};

/// 4 runs, 3 steps, 3 attempts.
fn all() -> Vec<Claims> {
    let mut out = Vec::new();
    for run in ["a", "aa", "A", "а"] {
        for step in ["fix", "fix ", "Fix"] {
            for fence in 1..=3_u64 {
                let mut one = claims();
                one.sub = format!("run_{run}");
                one.step = step.into();
                one.fence = fence;
                one.jti = format!("att_{}_{}_{fence}", run.escape_unicode(), step.len());
                out.push(one);
            }
        }
    }
    out
}

#[test]
fn f055_a_token_says_exactly_what_it_was_made_for() {
    let f = fixture();
    let all = all();
    let tokens: Vec<String> = all.iter().map(|claims| f.ring.mint(claims).unwrap().expose().to_owned()).collect();
    for (at, token) in tokens.iter().enumerate() {
        let verified = f.ring.verify(token, &expect()).unwrap().claims;
        for (other, row) in all.iter().enumerate() {
            assert_eq!(verified == *row, at == other, "the journal's row decides by equality");
        }
    }
}

#[test]
fn f055_payloads_and_signatures_cannot_be_recombined() {
    let f = fixture();
    let tokens: Vec<String> = all().iter().map(|claims| f.ring.mint(claims).unwrap().expose().to_owned()).collect();
    for (at, one) in tokens.iter().enumerate() {
        for (other, two) in tokens.iter().enumerate() {
            let mixed = format!("{}.{}", &one[..one.rfind('.').unwrap()], &two[two.rfind('.').unwrap() + 1..]);
            assert_eq!(f.ring.verify(&mixed, &expect()).is_ok(), at == other);
        }
    }
}

#[test]
fn f055_another_installation_refuses() {
    let (ours, theirs) = (fixture(), fixture());
    let token = ours.ring.mint(&claims()).unwrap();
    assert_eq!(theirs.ring.verify(token.expose(), &expect()).unwrap_err().check, Check::Key);
    let elsewhere = Expect { issuer: "ins_2", ..expect() };
    assert_eq!(ours.ring.verify(token.expose(), &elsewhere).unwrap_err().check, Check::Issuer);
    let moved = Expect { audiences: &["https://new.example.com"], ..expect() };
    assert_eq!(ours.ring.verify(token.expose(), &moved).unwrap_err().check, Check::Audience);
    let both = Expect { audiences: &["https://new.example.com", AUD], ..expect() };
    ours.ring.verify(token.expose(), &both).expect("a former public URL stays accepted");
}

#[test]
fn f055_urls_and_proofs_are_of_one_attempt() {
    let (ours, theirs) = (fixture(), fixture());
    let ids = ["att_1", "att_2", "att_11", "att_", "ATT_1"];
    for id in ids {
        let url = ours.ring.sign_url(AUD, ISS, id, NOW + 1).unwrap();
        let SignedQuery { kid, exp, sig } = SignedQuery::parse(url.split_once('?').unwrap().1).unwrap();
        let proof = ours.ring.proof_secret(1, id).unwrap();
        for other in ids {
            assert_eq!(ours.ring.verify_url(ISS, other, kid, exp, sig, NOW).is_ok(), id == other);
            assert_eq!(ours.ring.proof_secret(1, other).unwrap().verify(b"m", &proof.sign(b"m")), id == other);
        }
        assert_eq!(ours.ring.verify_url("ins_2", id, kid, exp, sig, NOW), Err(UrlFault::Signature));
        assert_eq!(theirs.ring.verify_url(ISS, id, kid, exp, sig, NOW), Err(UrlFault::Key));
        assert!(!theirs.ring.proof_secret(1, id).unwrap().verify(b"m", &proof.sign(b"m")));
    }
}

#[test]
fn f031_f032_f033_times_are_judged_with_leeway_by_the_time_that_is_given() {
    let f = fixture();
    let mut c = claims();
    (c.iat, c.nbf, c.exp) = (NOW, NOW, NOW + 100);
    let token = f.ring.mint(&c).unwrap();
    let at = |now_s, leeway_s| {
        f.ring.verify(token.expose(), &Expect { now_s, leeway_s, ..expect() }).map_err(|fault| (fault.check, fault.claim))
    };
    assert!(at(NOW, 60).is_ok());
    assert!(at(NOW - 60, 60).is_ok());
    assert_eq!(at(NOW - 61, 60).unwrap_err(), (Check::NotYet, Some("nbf")));
    assert!(at(NOW + 159, 60).is_ok());
    assert_eq!(at(NOW + 160, 60).unwrap_err(), (Check::Expired, Some("exp")));
    assert!(at(NOW + 99, 0).is_ok());
    assert_eq!(at(NOW + 100, 0).unwrap_err(), (Check::Expired, Some("exp")));
    for extreme in [i64::MIN, -1, 0, i64::MAX] {
        at(extreme, u32::MAX).ok(); // no overflow, whatever it says
    }
}

#[test]
fn tokens_that_nobody_would_take_are_not_made() {
    let f = fixture();
    let refused = |change: &dyn Fn(&mut Claims)| {
        let mut c = claims();
        change(&mut c);
        f.ring.mint(&c).unwrap_err().to_string()
    };
    assert_eq!(refused(&|c| c.sub.clear()), "the claim `sub` is empty or negative");
    assert_eq!(refused(&|c| c.exp = -1), "the claim `exp` is empty or negative");
    assert_eq!(refused(&|c| c.step = "s".repeat(2_000)), "the token would be longer than 2048 bytes");
    let mut wait = claims();
    wait.scope = Scope::Wait;
    (wait.fence, wait.exp) = (u64::MAX, i64::MAX);
    wait.step = "Grüße \"\\ \u{1f980}\n".into();
    let token = f.ring.mint(&wait).unwrap();
    assert_eq!(f.ring.verify(token.expose(), &expect()).unwrap().claims, wait);
}
