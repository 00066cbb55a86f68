//! Forged tokens (F052 to F054): each case is signed with the ring's own key where that makes it harder.

use crate::support::{Fixture, NOW, base64url, claims, expect, fixture};
use aws_lc_rs::hmac;
use sortie_keys::{Check, TYP, TokenFault, verify_with_jwks};

const STRINGS: [&str; 6] = ["iss", "aud", "sub", "jti", "step", "scope"];
const NUMBERS: [&str; 4] = ["fence", "iat", "nbf", "exp"];

/// A case: what it is, the token, and the fault where one certain fault is wanted.
type Case = (String, String, Option<(Check, Option<&'static str>)>);

#[test]
fn f052_f053_f054_no_forged_token_is_taken() {
    let f = fixture();
    let jwks = f.ring.jwks().to_string();
    let mut cases = algorithms(&f);
    cases.extend(headers(&f));
    cases.extend(types(&f));
    cases.extend(structure(&f));
    cases.extend(spellings(&f));
    assert!(cases.len() >= 400, "{} cases", cases.len());
    for (name, token, wanted) in &cases {
        let fault = f.ring.verify(token, &expect()).expect_err(name);
        if let Some((check, claim)) = wanted {
            assert_eq!(fault, TokenFault { check: *check, claim: *claim }, "{name}");
        }
        assert_eq!(verify_with_jwks(&jwks, token, &expect()).unwrap(), Err(fault), "{name}: offline");
    }
}

#[test]
fn the_genuine_token_is_taken() {
    let f = fixture();
    let payload = serde_json::to_string(&claims()).unwrap();
    assert_eq!(f.signed(&f.header(), &payload), f.ring.mint(&claims()).unwrap().expose(), "the forger knows the trade");
    let verified = f.ring.verify(&f.signed(&f.header(), &payload), &expect()).unwrap();
    assert_eq!((verified.claims, verified.kid), (claims(), f.ring.active_kid()));
}

#[test]
fn every_byte_of_a_token_counts() {
    let f = fixture();
    let token = f.ring.mint(&claims()).unwrap();
    for at in 0..token.expose().len() {
        for other in [b'A', b'B', b'-', b'.', b'=', b' ', 0, 0x7f] {
            let mut bytes = token.expose().as_bytes().to_vec();
            if bytes[at] == other {
                continue;
            }
            bytes[at] = other;
            f.ring.verify(std::str::from_utf8(&bytes).unwrap(), &expect()).expect_err(&format!("byte {at} as {other:#04x}"));
        }
        f.ring.verify(&token.expose()[..at], &expect()).expect_err("cut");
        f.ring.verify(&format!("{}{}", &token.expose()[..at], &token.expose()[at + 1..]), &expect()).expect_err("one byte less");
    }
}

fn header_with(f: &Fixture, alg: &str) -> String {
    format!(r#"{{"typ":"{TYP}","alg":"{alg}","kid":"{}"}}"#, f.ring.active_kid())
}

fn payload() -> String {
    serde_json::to_string(&claims()).unwrap()
}

/// Another algorithm than the key's, with every signature one might try for it.
fn algorithms(f: &Fixture) -> Vec<Case> {
    let mut cases = Vec::new();
    let public = f.ring.list().keys[0].public.clone();
    let raw = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &public).unwrap();
    let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &raw].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", data_encoding::BASE64.encode(&spki));
    let jwks = f.ring.jwks().to_string();
    let secrets: [&[u8]; 6] = [&raw, public.as_bytes(), &spki, pem.as_bytes(), jwks.as_bytes(), b""];
    let wanted = Some((Check::Header, Some("alg")));
    for alg in ["HS256", "HS384", "HS512"] {
        for (at, secret) in secrets.iter().enumerate() {
            let message = format!("{}.{}", base64url(header_with(f, alg)), base64url(payload()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            // padded to the length of an Ed25519 signature, so that the length alone does not give it away
            let padded = [tag.as_ref(), tag.as_ref()].concat();
            cases.push((format!("{alg} with public secret {at}"), format!("{message}.{}", base64url(padded)), wanted));
            cases.push((format!("{alg} with public secret {at}, short"), format!("{message}.{}", base64url(tag)), None));
        }
    }
    let named = ["none", "None", "NONE", "nOnE", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "ES256K"];
    let misspelt = ["Ed25519", "Ed448", "eddsa", "EDDSA", "EdDSA ", " EdDSA", "", "EdDSA\\u0000", "dir", "A128KW"];
    for alg in named.into_iter().chain(misspelt) {
        let genuine = f.signed(&header_with(f, alg), &payload());
        let message = &genuine[..genuine.rfind('.').unwrap()];
        cases.push((format!("alg {alg:?}, good signature"), genuine.clone(), wanted));
        cases.push((format!("alg {alg:?}, no signature"), format!("{message}."), Some((Check::Form, None))));
        cases.push((format!("alg {alg:?}, no third part"), message.into(), None));
    }
    for (name, signature) in [("zeros", vec![0; 64]), ("ones", vec![0xff; 64]), ("63 bytes", vec![1; 63]), ("65 bytes", vec![1; 65])] {
        let token = format!("{}.{}.{}", base64url(f.header()), base64url(payload()), base64url(signature));
        cases.push((format!("signature of {name}"), token, Some((Check::Signature, None))));
    }
    let stranger = fixture();
    let by_stranger = stranger.signed(&f.header(), &payload());
    cases.push(("another key under our kid".into(), by_stranger, Some((Check::Signature, None))));
    cases.push(("another ring".into(), stranger.ring.mint(&claims()).unwrap().expose().into(), Some((Check::Key, Some("kid")))));
    cases
}

/// Header members: missing, twice, of another type, or not ours at all.
fn headers(f: &Fixture) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, header: String, wanted| cases.push((name, f.signed(&header, &payload()), Some(wanted)));
    let genuine = f.header();
    let values = ["\"x\"", "null", "true", "[]", "{}", "[\"exp\"]", "\"https://evil.example.com/jwks\""];
    for member in ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "cty", "enc", "url", "nonce", "Kid", "ALG"] {
        let wanted = (Check::Unexpected, None);
        add(format!("{member} first"), genuine.replacen('{', &format!(r#"{{"{member}":"x","#), 1), wanted);
        for value in values {
            add(format!("{member}: {value}"), genuine.replace('}', &format!(r#","{member}":{value}}}"#)), wanted);
        }
    }
    let kid = f.ring.active_kid();
    let (typ, alg, kid_member) = (format!(r#""typ":"{TYP}""#), r#""alg":"EdDSA""#.to_owned(), format!(r#""kid":"{kid}""#));
    for (name, member) in [("typ", &typ), ("alg", &alg), ("kid", &kid_member)] {
        let others: Vec<&str> = [&typ, &alg, &kid_member].into_iter().filter(|other| *other != member).map(String::as_str).collect();
        add(format!("no {name}"), format!("{{{}}}", others.join(",")), (Check::Missing, Some(name)));
        add(format!("{name} twice"), genuine.replace('}', &format!(",{member}}}")), (Check::Repeated, Some(name)));
        let escaped = member.replacen(&name[..1], &format!("\\u00{:02x}", name.as_bytes()[0]), 1);
        add(format!("{name} twice, once escaped"), genuine.replace('}', &format!(",{escaped}}}")), (Check::Repeated, Some(name)));
        for value in ["null", "1", "1.5", "true", "[]", "{}", "[\"EdDSA\"]"] {
            add(format!("{name}: {value}"), format!("{{{},\"{name}\":{value}}}", others.join(",")), (Check::Type, Some(name)));
        }
    }
    for value in ["JWT", "jwt", "sortie-callback", "SORTIE-CALLBACK+JWT", "application/sortie-callback+jwt", ""] {
        add(format!("typ {value:?}"), genuine.replace(TYP, value), (Check::Header, Some("typ")));
    }
    let long = "a".repeat(1_000);
    for value in
        ["", "../../etc/passwd", "/dev/null", "key_\\u0000", "' or 1=1 --", "key_*", "%2e%2e", &long, &kid.to_uppercase(), &kid[..20]]
    {
        add(format!("kid {value:?}"), genuine.replace(&kid, value), (Check::Key, Some("kid")));
    }
    add("kid of a root".into(), genuine.replace(&kid, &f.ring.list().roots[0].kid), (Check::Key, Some("kid")));
    cases
}

/// Every claim: missing, twice, and of every wrong type.
fn types(f: &Fixture) -> Vec<Case> {
    let mut cases = Vec::new();
    let good = serde_json::to_value(claims()).unwrap();
    let members = |change: &str, to: Option<&str>| {
        let parts = STRINGS.iter().chain(&NUMBERS).filter_map(|name| {
            let value = if *name == change { to.map(str::to_owned)? } else { good[name].to_string() };
            Some(format!(r#""{name}":{value}"#))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    };
    let mut add = |name: String, payload: String, wanted| cases.push((name, f.signed(&f.header(), &payload), Some(wanted)));
    for name in STRINGS {
        for value in ["null", "1", "1.0", "1e400", "true", "false", "[]", "[\"x\"]", "{}", "{\"x\":1}"] {
            add(format!("{name}: {value}"), members(name, Some(value)), (Check::Type, Some(name)));
        }
        let array = format!("[{}]", good[name]);
        add(format!("{name}: {array}"), members(name, Some(&array)), (Check::Type, Some(name)));
        add(format!("{name}: a lone surrogate"), members(name, Some(r#""\ud800""#)), (Check::Type, Some(name)));
        add(format!("{name}: empty"), members(name, Some("\"\"")), (Check::Value, Some(name)));
    }
    for name in NUMBERS {
        let whole = good[name].to_string();
        let swapped = [
            format!("\"{whole}\""),
            format!("{whole}.0"),
            format!("{whole}.5"),
            format!("{whole}e0"),
            format!("[{whole}]"),
            format!("-{whole}"),
        ];
        let swapped = swapped.iter().map(String::as_str);
        for value in ["null", "\"\"", "1e400", "1e3", "-1", "-0", "0.0", "true", "[]", "{}"].into_iter().chain(swapped) {
            add(format!("{name}: {value}"), members(name, Some(value)), (Check::Type, Some(name)));
        }
        for value in ["18446744073709551616", "99999999999999999999999999999999"] {
            add(format!("{name}: {value}"), members(name, Some(value)), (Check::Value, Some(name)));
        }
    }
    for name in ["iat", "nbf", "exp"] {
        add(format!("{name}: over i64"), members(name, Some("9223372036854775808")), (Check::Value, Some(name)));
    }
    for value in ["run", "Attempt", "ATTEMPT", "wait ", "attempt,wait"] {
        add(format!("scope: {value}"), members("scope", Some(&format!("\"{value}\""))), (Check::Value, Some("scope")));
    }
    for name in STRINGS.into_iter().chain(NUMBERS) {
        add(format!("no {name}"), members(name, None), (Check::Missing, Some(name)));
        let twice = members("", None).replace('}', &format!(r#","{name}":{}}}"#, good[name]));
        add(format!("{name} twice"), twice, (Check::Repeated, Some(name)));
        let escaped = format!(r#","\u00{:02x}{}":{}}}"#, name.as_bytes()[0], &name[1..], good[name]);
        add(format!("{name} twice, once escaped"), members("", None).replace('}', &escaped), (Check::Repeated, Some(name)));
    }
    cases
}

/// Payloads that are no flat object of ours; times and names that do not fit.
fn structure(f: &Fixture) -> Vec<Case> {
    let good = payload();
    let positional = r#"["ins_1","https://sortie.example.com","run_1","att_1","fix",7,"attempt",1,1,9999999999]"#;
    let json = Some((Check::Json, None));
    let deep = "[".repeat(1_000);
    let mut cases: Vec<Case> = [positional, "null", "1", "\"x\"", "true", "[]", "[{}]", "", " ", "{", "}", "{}{}", "{,}", deep.as_str()]
        .into_iter()
        .map(|body| (format!("payload {:.40}", body), f.signed(&f.header(), body), if body.is_empty() { None } else { json }))
        .collect();
    let mut add = |name: &str, body: String, wanted| cases.push((name.into(), f.signed(&f.header(), &body), Some(wanted)));
    add("trailing object", format!("{good}{{}}"), (Check::Json, None));
    add("trailing comma", good.replace('}', ",}"), (Check::Json, None));
    add("comment", good.replace('{', "{/**/"), (Check::Json, None));
    add("another claim", good.replace('}', r#","admin":true}"#), (Check::Unexpected, None));
    add("cnf", good.replace('}', r#","cnf":{}}"#), (Check::Unexpected, None));
    add("__proto__", good.replace('}', r#","__proto__":{}}"#), (Check::Unexpected, None));
    let mut alter = |name: &str, change: &dyn Fn(&mut sortie_keys::Claims), check, claim| {
        let mut altered = claims();
        change(&mut altered);
        add(name, serde_json::to_string(&altered).unwrap(), (check, Some(claim)));
    };
    alter("another installation", &|c| c.iss = "ins_2".into(), Check::Issuer, "iss");
    alter("issuer, another case", &|c| c.iss = "INS_1".into(), Check::Issuer, "iss");
    alter("another audience", &|c| c.aud = "https://evil.example.com".into(), Check::Audience, "aud");
    alter("audience with a slash", &|c| c.aud.push('/'), Check::Audience, "aud");
    alter("audience in part", &|c| c.aud.truncate(10), Check::Audience, "aud");
    alter("expired", &|c| c.exp = NOW - 60, Check::Expired, "exp");
    alter("expired in 1970", &|c| c.exp = 0, Check::Expired, "exp");
    alter("not yet", &|c| c.nbf = NOW + 61, Check::NotYet, "nbf");
    alter("never", &|c| c.nbf = i64::MAX, Check::NotYet, "nbf");
    alter("made in the future", &|c| c.iat = NOW + 61, Check::NotYet, "iat");
    cases.push((
        "payload is not UTF-8".into(),
        f.signed_parts(&base64url(f.header()), &base64url([b"{\"iss\":\"", &[0xff, 0xfe][..], b"\"}"].concat())),
        json,
    ));
    cases
}

/// Other spellings of a genuine token.
fn spellings(f: &Fixture) -> Vec<Case> {
    let token = f.ring.mint(&claims()).unwrap().expose().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let json = format!(r#"{{"protected":"{}","payload":"{}","signature":"{}"}}"#, parts[0], parts[1], parts[2]);
    let general = format!(r#"{{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}}"#, parts[1], parts[0], parts[2]);
    let mut long = claims();
    long.step = "s".repeat(2_048);
    let mut spellings = vec![
        ("empty", String::new()),
        ("dots", "...".into()),
        ("JSON", json),
        ("general JSON", general),
        ("four parts", format!("{token}.x")),
        ("five parts, as JWE", format!("{token}.x.y")),
        ("a leading dot", format!(".{token}")),
        ("Bearer", format!("Bearer {token}")),
        ("quotes", format!("\"{token}\"")),
        ("too long", f.signed(&f.header(), &serde_json::to_string(&long).unwrap())),
        ("a megabyte", "a.".repeat(500_000)),
        ("detached payload", format!("{}..{}", parts[0], parts[2])),
    ];
    for blank in [" ", "\n", "\r\n", "\t", "\0", "\u{a0}", "\u{200b}", "="] {
        spellings.push(("blank before", format!("{blank}{token}")));
        spellings.push(("blank behind", format!("{token}{blank}")));
        spellings.push(("blank within", token.replacen('.', &format!("{blank}."), 1)));
        spellings.push(("blank after a dot", token.replacen('.', &format!(".{blank}"), 1)));
    }
    // The last character of a signature carries four bits: the others with the same four decode to the same bytes elsewhere.
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    spellings.extend(alphabet.chars().filter(|c| !last.starts_with(*c)).map(|c| ("another last character", format!("{rest}{c}"))));
    // A signature over a padded or loosely encoded part is good as a signature, and still refused.
    for header in [format!("{}==", parts[0]), format!("{}=", parts[0]), format!("{} ", parts[0])] {
        spellings.push(("padded header, signed", f.signed_parts(&header, parts[1])));
        spellings.push(("padded payload, signed", f.signed_parts(parts[0], &header)));
    }
    spellings.push(("standard alphabet", token.replace('-', "+").replace('_', "/") + "+"));
    spellings.into_iter().map(|(name, token)| (name.to_owned(), token, None)).collect()
}
