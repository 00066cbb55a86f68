//! Chunks of output: the same order as for uploads (URL signature, token, proof, parse), all of it before a byte is read, since
//! the proof covers the metadata and the digest in it covers the bytes. Unlike everything else, output is taken after the end of
//! its attempt too, until all of it is here.

use super::answer;
use super::verify::{self, Refused, WebhookHeaders};
use super::{CallbackHead, CallbackResponse};
use crate::driver::Driver;
use crate::logs::{LogsError, Piece, Place};
use sortie_core::canonical;
use sortie_core::ids::AttemptId;
use sortie_keys::ProofSecret;
use sortie_protocol::bytes::from_hex;
use sortie_protocol::callback::{CallbackKind, proof_message};
use sortie_protocol::limits::LOG_CHUNK_BYTES;
use sortie_protocol::log::{LogAnswer, LogMeta, LogReceipt, LogState as Wire, Stream, log_id, log_receipt_message};
use sortie_store::model::logs::LogState;

/// A chunk before its bytes are read.
#[derive(Clone, Copy)]
pub struct LogHead<'a> {
    /// Attempt, as in the path.
    pub id: &'a str,
    /// Stream, as in the path.
    pub stream: Stream,
    /// The query, undecoded.
    pub query: &'a str,
    /// The `authorization` header, where there is exactly one.
    pub authorization: Option<&'a str>,
    /// The headers of the proof.
    pub webhook: WebhookHeaders<'a>,
    /// The metadata, as their header carries them.
    pub meta: Option<&'a str>,
}

/// A chunk of somebody who may send it.
pub struct AdmittedLog {
    place: Place,
    meta: LogMeta,
    secret: ProofSecret,
    /// Id and digest that the receipt is for.
    id: String,
    digest: String,
}

/// What a chunk is answered.
pub enum Answered {
    /// With a receipt that says where the stream stands.
    Receipt(Box<LogAnswer>),
    /// The bytes or the metadata are not what they say.
    Invalid(String),
    /// As every callback is refused.
    Callback(Box<CallbackResponse>),
}

/// Whether this chunk may be sent; else the answer.
///
/// # Errors
/// The answer.
pub async fn admit(driver: &Driver, head: &LogHead<'_>) -> Result<AdmittedLog, Answered> {
    if let Err(error) = driver.ring().reload_if_changed() {
        tracing::error!(%error, "the key ring cannot be read; output is put off");
        return Err(unavailable());
    }
    let LogHead { id, stream, query, authorization, webhook, .. } = *head;
    let as_callback = CallbackHead { id, kind: CallbackKind::Result, query, authorization, webhook };
    let unauthorized = |verify::Unauthorized| Answered::Callback(Box::new(answer::unauthorized()));
    let refused = |why: &str| unauthorized(verify::refused(&as_callback, &why));
    verify::signed(driver, &as_callback).map_err(unauthorized)?;
    let token = verify::bearer(driver, &as_callback).map_err(unauthorized)?;
    let attempt = AttemptId::parse(id).map_err(|_| refused("not the id of an attempt"))?;
    let text = head.meta.and_then(from_hex).ok_or_else(|| refused("no metadata of output"))?;
    let timestamp = webhook.timestamp.and_then(verify::canonical_number).ok_or_else(|| refused("no proof of this output"))?;
    let (Some(name), Some(signature)) = (webhook.id, webhook.signature) else { return Err(refused("no proof of this output")) };
    let proven = match verify::prove_message(driver, &attempt, &token, &proof_message(name, timestamp, &text), signature).await {
        Ok(proven) => proven,
        Err(Refused::Unauthorized) => return Err(Answered::Callback(Box::new(answer::unauthorized()))),
        Err(Refused::Unavailable(error)) => return Err(Answered::Callback(Box::new(answer::of_error(&error)))),
    };
    let meta: LogMeta = serde_json::from_slice(&text).map_err(|error| Answered::Invalid(format!("the metadata: {error}")))?;
    if let Some(why) = fault(&meta, id, stream, name) {
        return Err(Answered::Invalid(why.to_owned()));
    }
    let place = Place { run: proven.run, step: proven.step, attempt };
    Ok(AdmittedLog { place, meta, secret: proven.secret, id: name.to_owned(), digest: canonical::digest(&text) })
}

/// What is wrong with the metadata, if anything.
fn fault(meta: &LogMeta, id: &str, stream: Stream, name: &str) -> Option<&'static str> {
    if !sortie_protocol::speaks(meta.v) || meta.attempt != id || meta.stream != stream || name != log_id(id, stream, meta.offset) {
        return Some("the metadata are not what path and webhook-id say");
    }
    if meta.length > LOG_CHUNK_BYTES {
        return Some("/length: the chunk is over its limit");
    }
    let end = meta.offset.checked_add(meta.length).filter(|end| *end <= meta.total && meta.total <= i64::MAX as u64);
    let from = meta.offset.checked_sub(meta.gap);
    (end.is_none() || from.is_none()).then_some("/offset: outside of the stream")
}

/// Its bytes.
pub async fn take(driver: &Driver, admitted: AdmittedLog, data: Vec<u8>) -> Answered {
    let AdmittedLog { place, meta, secret, id, digest } = admitted;
    if data.len() as u64 != meta.length || canonical::digest(&data) != meta.sha256 {
        return Answered::Invalid("the bytes are not what the metadata say".to_owned());
    }
    let logs = &driver.parts().logs;
    let piece = Piece { stream: meta.stream, offset: meta.offset, gap: meta.gap, data, total: meta.total, closed: meta.closed };
    let taken = async {
        let entry = logs.entry(&place).await?;
        logs.take(driver, &entry, piece, true).await
    };
    match taken.await {
        Ok((taken, state)) => {
            let state = match state {
                LogState::Open | LogState::Incomplete => Wire::Open,
                LogState::Complete => Wire::Complete,
                LogState::Removed => Wire::Stopped,
            };
            let receipt = LogReceipt { id, digest, acked: taken.acked, state, at_ms: driver.parts().clock.now() };
            let mac = secret.sign(&log_receipt_message(&receipt));
            Answered::Receipt(Box::new(LogAnswer { receipt, mac }))
        }
        Err(LogsError::Store(error)) => Answered::Callback(Box::new(answer::of_error(&error))),
        Err(error) => {
            tracing::warn!(attempt = %place.attempt, %error, "output put off");
            unavailable()
        }
    }
}

fn unavailable() -> Answered {
    Answered::Callback(Box::new(answer::unavailable()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_that_contradict_themselves_are_refused() {
        let good = LogMeta {
            v: sortie_protocol::VERSION,
            attempt: "att_1".into(),
            stream: Stream::Stdout,
            offset: 10,
            gap: 10,
            length: 5,
            sha256: String::new(),
            total: 15,
            closed: false,
        };
        let of = |meta: &LogMeta| fault(meta, "att_1", Stream::Stdout, "att_1.log.stdout.10");
        assert_eq!(of(&good), None);
        for bad in [
            LogMeta { v: 9, ..good.clone() },
            LogMeta { attempt: "att_2".into(), ..good.clone() },
            LogMeta { stream: Stream::Stderr, ..good.clone() },
            LogMeta { offset: 9, ..good.clone() },
            LogMeta { gap: 11, ..good.clone() },
            LogMeta { total: 14, ..good.clone() },
            LogMeta { length: LOG_CHUNK_BYTES + 1, total: u64::MAX, ..good.clone() },
            LogMeta { total: u64::MAX, ..good.clone() },
        ] {
            assert!(of(&bad).is_some(), "{bad:?}");
        }
    }
}
