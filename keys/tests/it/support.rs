//! A ring to attack, and the means: its own signing key, read from its file.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sortie_keys::{Claims, Expect, KeyRing, Scope, TYP};
use std::path::PathBuf;

pub const NOW: i64 = 1_700_000_000;
pub const NOW_MS: i64 = NOW * 1_000;
pub const ISS: &str = "ins_1";
pub const AUD: &str = "https://sortie.example.com";

/// A ring in a folder that goes away with it.
pub struct Fixture {
    pub ring: KeyRing,
    pub dir: PathBuf,
    _home: tempfile::TempDir,
}

pub fn fixture() -> Fixture {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("keys");
    Fixture { ring: KeyRing::create(&dir, NOW_MS).unwrap(), dir, _home: home }
}

pub fn claims() -> Claims {
    Claims {
        iss: ISS.into(),
        aud: AUD.into(),
        sub: "run_1".into(),
        jti: "att_1".into(),
        step: "fix".into(),
        fence: 7,
        scope: Scope::Attempt,
        iat: NOW,
        nbf: NOW,
        exp: NOW + 3_600,
    }
}

pub fn expect() -> Expect<'static> {
    Expect { issuer: ISS, audiences: &[AUD], now_s: NOW, leeway_s: 60 }
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Fixture {
    /// The ring's own file.
    pub fn file(&self) -> PathBuf {
        self.dir.join("ring.json")
    }

    /// The seed of the active signing key.
    pub fn seed(&self) -> Vec<u8> {
        let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        let keys = stored["keys"].as_array().unwrap();
        let active = keys.iter().find(|key| key["life"]["state"] == "active").unwrap();
        URL_SAFE_NO_PAD.decode(active["seed"].as_str().unwrap()).unwrap()
    }

    /// A token with any header and payload, and a signature that is good for them.
    pub fn signed(&self, header: &str, payload: &str) -> String {
        self.signed_parts(&base64url(header), &base64url(payload))
    }

    /// As [`Self::signed`], of parts that are encoded already.
    pub fn signed_parts(&self, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.seed()).unwrap();
        let signature = base64url(pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The header of a genuine token.
    pub fn header(&self) -> String {
        format!(r#"{{"typ":"{TYP}","alg":"EdDSA","kid":"{}"}}"#, self.ring.active_kid())
    }
}
