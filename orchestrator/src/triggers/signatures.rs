//! Signatures of webhooks: Standard Webhooks, GitHub, a plain HMAC, Ed25519. Pure: headers, bytes and the time come in.

use super::limits::{DELIVERY_CHARS, SIGNATURES};
use aws_lc_rs::{hmac, signature};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use sortie_core::ids::Ms;
use sortie_flow::trigger::{Verify, WebhookTrigger};

/// Header of a plain signature where the flow names none.
const SIGNATURE: &str = "x-signature";

/// That a delivery is not believed. It says no more: whoever forges is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

/// Check a delivery. `header` is asked by lower-case name and gives a value that stands there exactly once.
///
/// Given is the id of the delivery, where the scheme has one.
///
/// # Errors
/// [`Forged`]: a header that is missing, a signature of something else, a timestamp outside the window.
pub fn verify(
    hook: &WebhookTrigger,
    secret: &[u8],
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
    now: Ms,
) -> Result<Option<String>, Forged> {
    match hook.verify {
        Verify::Standard => standard(hook.replay_ms, secret, &header, body, now).map(Some),
        Verify::Github => {
            let given = header("x-hub-signature-256").ok_or(Forged)?;
            let given = given.strip_prefix("sha256=").ok_or(Forged)?;
            mac(secret, body, &bytes(given)?)?;
            Ok(header("x-github-delivery").filter(|id| is_id(id)))
        }
        Verify::Hmac => {
            let given = header(hook.header.as_deref().unwrap_or(SIGNATURE)).ok_or(Forged)?;
            mac(secret, body, &bytes(given.strip_prefix("sha256=").unwrap_or(&given))?)?;
            Ok(None)
        }
        Verify::Ed25519 => {
            let given = header(hook.header.as_deref().unwrap_or(SIGNATURE)).ok_or(Forged)?;
            let text = std::str::from_utf8(secret).map_err(|_| Forged)?.trim();
            ed25519(&bytes(text.strip_prefix("whpk_").unwrap_or(text))?, body, &bytes(given.strip_prefix("ed25519=").unwrap_or(&given))?)?;
            Ok(None)
        }
    }
}

/// As much work as a real check, for a webhook that is not there.
pub fn pretend(body: &[u8]) {
    let _ = mac(&[0x5a; 32], body, &[0; 32]);
}

/// `id.timestamp.body`, signed with HMAC-SHA256 (`v1`) or Ed25519 (`v1a`); a header may carry several.
fn standard(replay_ms: u64, secret: &[u8], header: &impl Fn(&str) -> Option<String>, body: &[u8], now: Ms) -> Result<String, Forged> {
    let id = header("webhook-id").filter(|id| is_id(id)).ok_or(Forged)?;
    let timestamp = header("webhook-timestamp").ok_or(Forged)?;
    let given = header("webhook-signature").ok_or(Forged)?;
    let seconds: i64 = timestamp.parse().map_err(|_| Forged)?;
    let distance = now.abs_diff(seconds.checked_mul(1_000).ok_or(Forged)?);
    if distance > replay_ms {
        return Err(Forged);
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let text = std::str::from_utf8(secret).ok().map(str::trim);
    let public = text.and_then(|text| text.strip_prefix("whpk_"));
    let shared = match text.and_then(|text| text.strip_prefix("whsec_")) {
        Some(encoded) => BASE64.decode(encoded.as_bytes()).map_err(|_| Forged)?,
        None => secret.to_vec(),
    };
    let fits = |entry: &str| match (entry.split_once(','), public) {
        (Some(("v1", value)), None) => bytes(value).and_then(|value| mac(&shared, &signed, &value)).is_ok(),
        (Some(("v1a", value)), Some(key)) => bytes(key).and_then(|key| ed25519(&key, &signed, &bytes(value)?)).is_ok(),
        _ => false,
    };
    if given.split(' ').take(SIGNATURES).any(fits) { Ok(id) } else { Err(Forged) }
}

/// Compared in constant time.
fn mac(secret: &[u8], signed: &[u8], given: &[u8]) -> Result<(), Forged> {
    if secret.is_empty() {
        return Err(Forged);
    }
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed, given).map_err(|_| Forged)
}

fn ed25519(key: &[u8], signed: &[u8], given: &[u8]) -> Result<(), Forged> {
    signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, given).map_err(|_| Forged)
}

/// Hex or base64; 32 and 64 bytes differ in length in both, so that no text is both.
fn bytes(text: &str) -> Result<Vec<u8>, Forged> {
    let hex = matches!(text.len(), 64 | 128).then(|| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()).flatten();
    hex.or_else(|| BASE64.decode(text.as_bytes()).ok()).ok_or(Forged)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= DELIVERY_CHARS && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use data_encoding::HEXLOWER;
    use std::collections::BTreeMap;

    const NOW: Ms = 1_700_000_000_000;
    const BODY: &[u8] = br#"{"n":1}"#;

    fn hook(verify: Verify) -> WebhookTrigger {
        WebhookTrigger {
            name: "h".to_owned(),
            verify,
            secret: "s".to_owned(),
            header: None,
            replay_ms: 300_000,
            input: BTreeMap::new(),
            dedupe: None,
            validate_only: false,
        }
    }

    fn check(verify_with: Verify, secret: &[u8], headers: &[(&str, &str)], body: &[u8]) -> Result<Option<String>, Forged> {
        let find = |name: &str| headers.iter().find(|(at, _)| *at == name).map(|(_, value)| (*value).to_owned());
        verify(&hook(verify_with), secret, find, body, NOW)
    }

    fn sign(secret: &[u8], signed: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
    }

    #[test]
    fn standard_webhooks_are_checked_with_id_time_and_body() {
        let key = [7; 24];
        let secret = format!("whsec_{}", BASE64.encode(&key));
        let good = format!("v1,{}", BASE64.encode(&sign(&key, b"msg_1.1700000000.{\"n\":1}")));
        let try_with = |id: &str, at: &str, signature: &str, body: &[u8]| {
            let headers = [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)];
            check(Verify::Standard, secret.as_bytes(), &headers, body)
        };
        assert_eq!(try_with("msg_1", "1700000000", &good, BODY), Ok(Some("msg_1".to_owned())));
        let rotated = format!("v1,{} {good}", BASE64.encode(&[0; 32]));
        assert_eq!(try_with("msg_1", "1700000000", &rotated, BODY), Ok(Some("msg_1".to_owned())), "one of several signatures");
        assert_eq!(try_with("msg_2", "1700000000", &good, BODY), Err(Forged), "another id");
        assert_eq!(try_with("msg_1", "1700000001", &good, BODY), Err(Forged), "another time");
        assert_eq!(try_with("msg_1", "1700000000", &good, b"{}"), Err(Forged), "another body");
        assert_eq!(try_with("msg_1", "1700000000", &good.replace("v1,", "v2,"), BODY), Err(Forged), "another scheme");
        let old = format!("v1,{}", BASE64.encode(&sign(&key, b"msg_1.1699999000.{\"n\":1}")));
        assert_eq!(try_with("msg_1", "1699999000", &old, BODY), Err(Forged), "well signed, and too old");
        let future = format!("v1,{}", BASE64.encode(&sign(&key, b"msg_1.1700000301.{\"n\":1}")));
        assert_eq!(try_with("msg_1", "1700000301", &future, BODY), Err(Forged), "well signed, from the future");
    }

    #[test]
    fn github_and_plain_hmacs_are_over_the_body() {
        let good = format!("sha256={}", HEXLOWER.encode(&sign(b"it's a secret", BODY)));
        let github = |signature: &str, body: &[u8]| {
            check(Verify::Github, b"it's a secret", &[("x-hub-signature-256", signature), ("x-github-delivery", "72d3")], body)
        };
        assert_eq!(github(&good, BODY), Ok(Some("72d3".to_owned())));
        assert_eq!(github(&good, b"{}"), Err(Forged));
        assert_eq!(github(good.trim_start_matches("sha256="), BODY), Err(Forged), "GitHub always says which digest");
        assert_eq!(
            check(Verify::Github, b"", &[("x-hub-signature-256", &format!("sha256={}", HEXLOWER.encode(&[0; 32])))], BODY),
            Err(Forged)
        );
        let base64 = BASE64.encode(&sign(b"k", BODY));
        assert_eq!(check(Verify::Hmac, b"k", &[("x-signature", &base64)], BODY), Ok(None));
        assert_eq!(check(Verify::Hmac, b"other", &[("x-signature", &base64)], BODY), Err(Forged));
        assert_eq!(check(Verify::Hmac, b"k", &[], BODY), Err(Forged), "no header");
        assert_eq!(check(Verify::Hmac, b"k", &[("x-signature", "")], BODY), Err(Forged), "no signature");
    }

    #[test]
    fn ed25519_is_checked_with_the_public_key() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = HEXLOWER.encode(pair.public_key().as_ref());
        let signature = HEXLOWER.encode(pair.sign(BODY).as_ref());
        assert_eq!(check(Verify::Ed25519, public.as_bytes(), &[("x-signature", &signature)], BODY), Ok(None));
        assert_eq!(check(Verify::Ed25519, public.as_bytes(), &[("x-signature", &signature)], b"{}"), Err(Forged));
        assert_eq!(check(Verify::Ed25519, b"no key", &[("x-signature", &signature)], BODY), Err(Forged));
        let standard = pair.sign(b"a.1700000000.{\"n\":1}");
        let (key, value) =
            (format!("whpk_{}", BASE64.encode(pair.public_key().as_ref())), format!("v1a,{}", BASE64.encode(standard.as_ref())));
        let headers = [("webhook-id", "a"), ("webhook-timestamp", "1700000000"), ("webhook-signature", value.as_str())];
        assert_eq!(check(Verify::Standard, key.as_bytes(), &headers, BODY), Ok(Some("a".to_owned())));
        // A public key is no shared secret: whoever knows it could sign with it.
        let forged = format!("v1,{}", BASE64.encode(&sign(key.as_bytes(), b"a.1700000000.{\"n\":1}")));
        assert_eq!(
            check(
                Verify::Standard,
                key.as_bytes(),
                &[("webhook-id", "a"), ("webhook-timestamp", "1700000000"), ("webhook-signature", &forged)],
                BODY
            ),
            Err(Forged)
        );
    }
}
