//! Pins.

use crate::known_hosts::key;
use russh::keys::{Algorithm, PublicKey};
use sortie_keys::known_hosts::HostKeyVerdict;
use sortie_keys::pin::Pin;

#[test]
fn a_pin_is_a_public_key_line() {
    let line = include_str!("fixtures/plain.pub");
    let pin: Pin = line.parse().unwrap();
    let bare = line.rsplit_once(' ').unwrap().0;
    assert_eq!(pin.to_string(), bare);
    assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
    assert_eq!(Pin::new(&PublicKey::from_openssh(line).unwrap()), pin, "comments do not count");
    assert_eq!(pin.fingerprint(), "SHA256:LdWayOV1jeS55LqkWZX3Zn7ZwhZBp6FdGphxRmYTQq8");
    assert_eq!(format!("  {}\t{}  ", bare.split(' ').next().unwrap(), bare.split(' ').nth(1).unwrap()).parse::<Pin>().unwrap(), pin);
    let other_name = bare.replace("ssh-ed25519", "ssh-rsa");
    for text in ["", "ssh-ed25519", "ssh-ed25519 AAAA", &other_name, &format!("{bare}\n{bare}"), &bare[..40]] {
        text.parse::<Pin>().expect_err(text);
    }
}

#[test]
fn f080_f081_only_what_is_pinned_is_valid() {
    let (ed, rsa, ecdsa) = (key("plain"), key("rsa"), key("ecdsa"));
    let pins = [Pin::new(&ed), Pin::new(&rsa)];
    assert_eq!(Pin::check(&pins, &ed), HostKeyVerdict::Valid { line: 1 });
    assert_eq!(Pin::check(&pins, &rsa), HostKeyVerdict::Valid { line: 2 });
    let HostKeyVerdict::Changed { recorded } = Pin::check(&pins, &ecdsa) else { panic!("another type is a change") };
    assert_eq!(recorded.iter().map(|key| key.algorithm.as_str()).collect::<Vec<_>>(), ["ssh-ed25519", "ssh-rsa"]);
    assert_eq!(recorded[0].fingerprint, Pin::new(&ed).fingerprint());
    assert!(matches!(Pin::check(&pins[..1], &key("encrypted")), HostKeyVerdict::Changed { .. }), "another key of the same type");
    assert_eq!(Pin::check(&[], &ed), HostKeyVerdict::Unknown);
}

#[test]
fn f083_only_pinned_types_are_offered_and_never_sha1() {
    let pins = [Pin::new(&key("rsa")), Pin::new(&key("plain")), Pin::new(&key("encrypted"))];
    let names: Vec<String> = Pin::algorithms(&pins).iter().map(Algorithm::to_string).collect();
    assert_eq!(names, ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
}
