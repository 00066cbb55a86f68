//! Signed URLs.

use crate::support::{AUD, ISS, NOW, fixture};
use sortie_keys::{KeyRing, SignedQuery, UrlFault, UrlSignError, callback_url_with_kind};

/// As a server reads it: route, query, signature.
fn judge(ring: &KeyRing, url: &str, now_s: i64) -> Result<(), UrlFault> {
    let path = url.strip_prefix(AUD).and_then(|rest| rest.strip_prefix("/v1/callbacks/")).ok_or(UrlFault::Form)?;
    let (id, query) = path.split_once('?').ok_or(UrlFault::Form)?;
    let SignedQuery { kid, exp, sig } = SignedQuery::parse(query)?;
    ring.verify_url(ISS, id, kid, exp, sig, now_s)
}

#[test]
fn a_url_holds_until_it_expires() {
    let f = fixture();
    let url = f.ring.sign_url(AUD, ISS, "att_1", NOW + 10).unwrap();
    assert_eq!(judge(&f.ring, &url, NOW), Ok(()));
    assert_eq!(judge(&f.ring, &url, NOW + 9), Ok(()));
    assert_eq!(judge(&f.ring, &url, NOW + 10), Err(UrlFault::Expired));
    assert_eq!(f.ring.sign_url(AUD, ISS, "att_1", NOW + 10).unwrap(), url, "the same again gives the same bytes");
    assert_eq!(f.ring.sign_url_with(1, AUD, ISS, "att_1", NOW + 10).unwrap(), url);
}

#[test]
fn a_url_altered_at_any_position_fails() {
    let f = fixture();
    let url = f.ring.sign_url(AUD, ISS, "att_1", NOW + 3_600).unwrap();
    let mut tried = 0;
    for at in 0..url.len() {
        for other in (0x20..0x7f_u8).chain([0, b'\n', b'\t']) {
            let mut bytes = url.clone().into_bytes();
            if std::mem::replace(&mut bytes[at], other) == other {
                continue;
            }
            tried += 1;
            let altered = String::from_utf8(bytes).unwrap();
            assert!(judge(&f.ring, &altered, NOW).is_err(), "{altered}");
        }
        assert!(judge(&f.ring, &format!("{}{}", &url[..at], &url[at + 1..]), NOW).is_err(), "without byte {at}");
        assert!(judge(&f.ring, &format!("{}0{}", &url[..at], &url[at..]), NOW).is_err(), "with a zero at {at}");
        assert!(judge(&f.ring, &url[..at], NOW).is_err(), "cut at {at}");
    }
    assert!(tried > 10_000);
}

#[test]
fn the_query_has_one_spelling() {
    let f = fixture();
    let url = f.ring.sign_url(AUD, ISS, "att_1", NOW + 3_600).unwrap();
    let (path, query) = url.split_once('?').unwrap();
    let parts: Vec<&str> = query.split('&').collect();
    let exp = parts[1].strip_prefix("exp=").unwrap();
    for other in [
        String::new(),
        format!("{query}&"),
        format!("&{query}"),
        format!("{query}&x=1"),
        format!("{query}&{}", parts[2]),
        format!("{}&{query}", parts[0]),
        format!("{}&{}&{}", parts[1], parts[0], parts[2]),
        format!("{}&{}", parts[0], parts[1]),
        format!("{}&{}", parts[0], parts[2]),
        query.replace("kid", "KID"),
        query.replace("exp=1", "exp=%31"),
        query.replace("exp=", "exp=+"),
        query.replace("exp=", "exp=0"),
        query.replace("exp=", "exp=-"),
        query.replace(exp, "9223372036854775808"),
        query.replace(exp, ""),
        format!("{query}="),
        format!("{query}#x"),
        format!("{query}\n"),
    ] {
        assert!(judge(&f.ring, &format!("{path}?{other}"), NOW).is_err(), "{other:?}");
    }
    // What decodes to the same bytes is not the same signature.
    let (rest, last) = url.split_at(url.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let taken = alphabet.chars().filter(|c| judge(&f.ring, &format!("{rest}{c}"), NOW).is_ok()).collect::<String>();
    assert_eq!(taken, last);
}

#[test]
fn fields_cannot_lend_each_other_characters() {
    let f = fixture();
    let sign = |installation, id| f.ring.sign_url(AUD, installation, id, NOW).unwrap();
    let sig = |url: String| url.rsplit_once('=').unwrap().1.to_owned();
    assert_ne!(sig(sign("ins_1", "a")), sig(sign("ins_", "1a")));
    assert_ne!(sig(sign("i\n1:a", "b")), sig(sign("i", "a")));
}

#[test]
fn what_cannot_stand_in_a_url_is_not_signed() {
    let f = fixture();
    for id in ["", "a/b", "..", "a?b", "a#b", "a%2fb", "a b", "å", "a\n"] {
        assert_eq!(f.ring.sign_url(AUD, ISS, id, NOW), Err(UrlSignError::Id), "{id:?}");
    }
    for base in ["", "https://h?x=1", "https://h#x", "https://h /", "https://h\n"] {
        assert_eq!(f.ring.sign_url(base, ISS, "att_1", NOW), Err(UrlSignError::Base), "{base:?}");
    }
    assert_eq!(f.ring.sign_url(AUD, ISS, "att_1", -1), Err(UrlSignError::Expiry));
    assert_eq!(f.ring.sign_url_with(2, AUD, ISS, "att_1", NOW), Err(UrlSignError::Root));
}

#[test]
fn the_kind_goes_behind_the_id() {
    let f = fixture();
    let url = f.ring.sign_url("http://127.0.0.1:8080/base/", ISS, "att_1", NOW).unwrap();
    let with = callback_url_with_kind(&url, "result");
    assert!(with.starts_with("http://127.0.0.1:8080/base/v1/callbacks/att_1/result?kid=root_"), "{with}");
    assert_eq!(with.replace("/result?", "?"), url);
}
