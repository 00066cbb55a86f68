//! Digests, proofs, receipts and random ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, rand::SecureRandom as _};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::callback::{CallbackKind, SignedPost, proof_message, webhook_id};
use sortie_protocol::log::{LogAnswer, LogReceipt, log_receipt_message};
use sortie_protocol::receipt::{CallbackAnswer, Receipt, receipt_message};

/// SHA-256, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Random bytes as lower-case hex.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer);
    to_hex(&buffer)
}

/// A random number below `bound`; 0 where the bound is 0. Good enough for jitter.
pub fn random_below(bound: u64) -> u64 {
    let mut buffer = [0; 8];
    fill(&mut buffer);
    u64::from_le_bytes(buffer).checked_rem(bound).unwrap_or(0)
}

fn fill(buffer: &mut [u8]) {
    // getrandom(2) cannot fail on a kernel that has it, and ring falls back to /dev/urandom.
    ring::rand::SystemRandom::new().fill(buffer).expect("the system gives random bytes");
}

/// The proof secret of an attempt, ready for use.
pub struct ProofKey(hmac::Key);

impl ProofKey {
    /// From base64 as in the credentials; `None` where it is none.
    pub fn parse(base64: &str) -> Option<Self> {
        let secret = STANDARD.decode(base64).ok().filter(|secret| !secret.is_empty())?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    fn mac(&self, message: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, message)))
    }

    /// The proof over these bytes as this event.
    pub fn proof(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        self.mac(&proof_message(id, timestamp, body))
    }

    /// An event as it goes over HTTP or through `collect`, signed now.
    pub fn post(&self, attempt: &str, kind: CallbackKind, seq: u64, body: String, timestamp: i64) -> SignedPost {
        let id = webhook_id(attempt, kind, seq);
        let signature = self.proof(&id, timestamp, body.as_bytes());
        SignedPost { id, timestamp, signature, kind, seq, body }
    }

    /// The receipt for a chunk of output, likewise.
    pub fn log_receipt(&self, id: &str, meta: &[u8], answer: &[u8]) -> Option<LogReceipt> {
        let LogAnswer { receipt, mac } = serde_json::from_slice(answer).ok()?;
        let tag = STANDARD.decode(mac.strip_prefix("v1,")?).ok()?;
        hmac::verify(&self.0, &log_receipt_message(&receipt), &tag).ok()?;
        (receipt.id == id && receipt.digest == sha256_hex(meta)).then_some(receipt)
    }

    /// The receipt in an answer, where it is ours: for this id, these bytes, and by the server (F047: a proxy's 200 is no answer).
    pub fn receipt(&self, id: &str, body: &[u8], answer: &[u8]) -> Option<Receipt> {
        let answer: CallbackAnswer = serde_json::from_slice(answer).ok()?;
        let receipt = answer.receipt?;
        let tag = STANDARD.decode(answer.mac?.strip_prefix("v1,")?).ok()?;
        hmac::verify(&self.0, &receipt_message(&receipt), &tag).ok()?;
        (receipt.id == id && receipt.digest == sha256_hex(body)).then_some(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_protocol::receipt::Outcome;

    fn answer(key: &ProofKey, receipt: Receipt) -> Vec<u8> {
        let mac = Some(key.mac(&receipt_message(&receipt)));
        serde_json::to_vec(&CallbackAnswer { outcome: receipt.outcome, receipt: Some(receipt), mac, message: None }).unwrap()
    }

    #[test]
    fn a_receipt_holds_for_its_id_and_bytes_only() {
        let key = ProofKey::parse(&STANDARD.encode([7; 32])).unwrap();
        let other = ProofKey::parse(&STANDARD.encode([8; 32])).unwrap();
        let receipt = Receipt {
            id: "a.result.2".into(),
            digest: sha256_hex(b"body"),
            outcome: Outcome::Accepted,
            at_ms: 1,
            stop: None,
            answer: None,
        };
        let good = answer(&key, receipt.clone());
        assert!(key.receipt("a.result.2", b"body", &good).is_some());
        assert!(key.receipt("a.result.3", b"body", &good).is_none());
        assert!(key.receipt("a.result.2", b"bodY", &good).is_none());
        assert!(other.receipt("a.result.2", b"body", &good).is_none());
        let forged = String::from_utf8(good).unwrap().replace("\"at_ms\":1", "\"at_ms\":2");
        assert!(key.receipt("a.result.2", b"body", forged.as_bytes()).is_none());
        let bare =
            serde_json::to_vec(&CallbackAnswer { outcome: Outcome::Accepted, receipt: Some(receipt), mac: None, message: None }).unwrap();
        assert!(key.receipt("a.result.2", b"body", &bare).is_none());
        assert!(key.receipt("a.result.2", b"body", b"<html>ok</html>").is_none());
    }
}
