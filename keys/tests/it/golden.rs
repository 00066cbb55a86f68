//! Recorded bytes. Attempts in flight carry tokens, URLs and proofs of older programs: these may never change.
//! URL, proof and key ids were computed by an independent implementation (Python: hmac, hashlib), and the token's
//! signature was verified by OpenSSL.

use crate::support::{AUD, ISS, NOW, claims, expect};
use sortie_keys::KeyRing;
use std::os::unix::fs::PermissionsExt;

const KID: &str = "key_sd5mv7vjwfkwngcub5ymael2ei";
const ROOT: &str = "root_w4f4e56oqk2kjjf2oaz4om65lu";

/// The key of RFC 8037, appendix A, and a root of the bytes 0 to 31.
fn ring() -> (tempfile::TempDir, KeyRing) {
    let dir = tempfile::tempdir().unwrap();
    let life = r#"{"state":"active","created_at_ms":0,"retired_at_ms":null,"revoked_at_ms":null}"#;
    let json = format!(
        r#"{{"schema":1,"generation":1,"next_root":2,
            "keys":[{{"kid":"{KID}","life":{life},"public":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                     "seed":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}],
            "roots":[{{"generation":1,"kid":"{ROOT}","life":{life},"secret":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}]}}"#
    );
    let path = dir.path().join("ring.json");
    std::fs::write(&path, json).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let ring = KeyRing::open(dir.path()).unwrap();
    (dir, ring)
}

#[test]
fn token() {
    let (_dir, ring) = ring();
    let token = ring.mint(&claims()).unwrap();
    assert_eq!(token.expose(), TOKEN);
    assert_eq!(ring.mint_with(KID, &claims()).unwrap().expose(), TOKEN, "the same claims give the same bytes");
    ring.verify(TOKEN, &expect()).unwrap();
    let payload = TOKEN.split('.').nth(1).unwrap();
    let json = String::from_utf8(data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
    assert_eq!(
        json,
        format!(
            r#"{{"iss":"{ISS}","aud":"{AUD}","sub":"run_1","jti":"att_1","step":"fix","fence":7,"scope":"attempt","iat":{NOW},"nbf":{NOW},"exp":1700003600}}"#
        )
    );
}

const TOKEN: &str = "eyJ0eXAiOiJzb3J0aWUtY2FsbGJhY2srand0IiwiYWxnIjoiRWREU0EiLCJraWQiOiJrZXlfc2Q1bXY3dmp3Zmt3bmdjdWI1eW1hZWwyZWkifQ.eyJpc3MiOiJpbnNfMSIsImF1ZCI6Imh0dHBzOi8vc29ydGllLmV4YW1wbGUuY29tIiwic3ViIjoicnVuXzEiLCJqdGkiOiJhdHRfMSIsInN0ZXAiOiJmaXgiLCJmZW5jZSI6Nywic2NvcGUiOiJhdHRlbXB0IiwiaWF0IjoxNzAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMH0.NQ_hyX4STk6cGJT5c7Setdsb0MILzESh1ifJ0PbLAZpUgW5eGSmmAsoxnF4Qq6DwmyfdgZ42IinzvpRlmkWWDA";

#[test]
fn url() {
    let (_dir, ring) = ring();
    let url = ring.sign_url("https://sortie.example.com/", ISS, "att_1", NOW).unwrap();
    assert_eq!(
        url,
        format!("https://sortie.example.com/v1/callbacks/att_1?kid={ROOT}&exp=1700000000&sig=545hkS0RrOB95Z3ZabSDOoBAhL6WS5laG4NwldkJK0g")
    );
}

#[test]
fn proof() {
    let (_dir, ring) = ring();
    let secret = ring.proof_secret(1, "att_1").unwrap();
    assert_eq!(secret.to_base64().as_str(), "rMe2OLgT+LfWhml+tEtlwn80nNoj5owI0XUb7YyFJ+8=");
    assert_eq!(secret.sign(b"att_1.result.1.1700000000.{}"), "v1,SnKW73iit/L9df29ptIi+ZHXY7xUyUOJCnLClMcCcIM=");
}
