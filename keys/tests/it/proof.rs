//! Proofs in the form of Standard Webhooks.

use crate::support::fixture;
use sortie_keys::limits::PROOF_SIGNATURES;

#[test]
fn a_proof_is_over_exactly_its_bytes() {
    let f = fixture();
    let secret = f.ring.proof_secret(1, "att_1").unwrap();
    let message = b"att_1.result.1.1700000000.{\"ok\":true}";
    let signature = secret.sign(message);
    assert!(secret.verify(message, &signature));
    for at in 0..message.len() {
        let mut altered = message.to_vec();
        altered[at] ^= 1;
        assert!(!secret.verify(&altered, &signature), "byte {at}");
    }
    for at in 0..signature.len() {
        for other in [b'A', b'B', b'=', b' ', b','] {
            let mut altered = signature.clone().into_bytes();
            if std::mem::replace(&mut altered[at], other) == other {
                continue;
            }
            assert!(!secret.verify(message, std::str::from_utf8(&altered).unwrap()), "character {at}");
        }
    }
}

#[test]
fn one_good_signature_among_a_few_is_enough() {
    let f = fixture();
    let secret = f.ring.proof_secret(1, "att_1").unwrap();
    let (good, other) = (secret.sign(b"m"), secret.sign(b"other"));
    let taken = |header: String| secret.verify(b"m", &header);
    assert!(taken(format!("{other} {good}")));
    assert!(taken(format!("{good} {other}")));
    assert!(taken(format!("v1a,AAAA v2,xyz {other} {good}")), "unknown versions are passed over");
    assert_eq!(PROOF_SIGNATURES, 4);
    assert!(!taken(format!("{other} {other} {other} {other} {good}")), "the fifth is not looked at");
    assert!(!taken(format!("{good} {other} {other} {other} {other}")), "five are refused unread");
    for header in ["", " ", "v1,", "v1", ",", &good[3..], &good.replace("v1,", "v1, "), &good.replace("v1,", "V1,"), &good.replace('=', "")]
    {
        assert!(!taken(header.into()), "{header:?}");
    }
}
