//! One chunk of output: read, signed, sent, and what the answer means.

use crate::attempt::Attempt;
use crate::post::answer::{Pace, Reply, pace};
use crate::post::http::{Client, LogChunk, Refused};
use crate::sign::{ProofKey, sha256_hex};
use crate::{clock, failpoint, output};
use sortie_protocol::VERSION;
use sortie_protocol::bytes::to_hex;
use sortie_protocol::log::{LogMeta, LogState, Stream, log_id};
use sortie_protocol::spec::Credentials;

/// Which chunk.
pub struct Place {
    /// Of this stream.
    pub stream: Stream,
    /// Where the server stands.
    pub acked: u64,
    /// Where the chunk begins at the earliest.
    pub from: u64,
    /// Bytes at most.
    pub limit: u64,
    /// Whether nothing more will be written.
    pub closed: bool,
}

/// What came of it.
pub enum Outcome {
    /// The server says where it stands.
    Taken {
        /// It has everything before this.
        acked: u64,
        /// Whether it takes more.
        state: LogState,
        /// End of what it was offered, and whether that was said to be the end of the stream.
        offered: (u64, bool),
    },
    /// A smaller one may pass.
    TooLarge,
    /// Never again.
    Refused(String),
    /// Again, at this pace.
    Later(Pace, String),
}

/// One request.
pub fn send(place: &Place, client: &mut Client, attempt: &Attempt, credentials: &Credentials) -> Outcome {
    let Some(key) = ProofKey::parse(&credentials.proof_secret) else { return Outcome::Refused("no proof secret".to_owned()) };
    let stream = place.stream;
    let range = match output::range(attempt, stream.as_str(), place.from, place.limit) {
        Ok(range) => range,
        Err(error) => return Outcome::Refused(format!("the output cannot be read: {error}")),
    };
    let end = range.offset + range.data.len() as u64;
    let meta = LogMeta {
        v: VERSION,
        attempt: attempt.id().as_str().to_owned(),
        stream,
        offset: range.offset,
        gap: range.offset.saturating_sub(place.acked),
        length: range.data.len() as u64,
        sha256: sha256_hex(&range.data),
        total: range.total,
        closed: place.closed,
    };
    let Ok(text) = serde_json::to_string(&meta) else { return Outcome::Refused("the metadata cannot be written".to_owned()) };
    let id = log_id(&meta.attempt, stream, meta.offset);
    let timestamp = clock::wall_ms().div_euclid(1000);
    let signature = key.proof(&id, timestamp, text.as_bytes());
    let chunk =
        LogChunk { stream: stream.as_str(), id: &id, timestamp, signature: &signature, meta: &to_hex(text.as_bytes()), data: &range.data };
    match client.log(credentials, &chunk) {
        Ok(reply) => {
            attempt.root().failpoint(failpoint::CHUNK_SENT);
            judge(&key, &id, &text, &reply, (end, place.closed && end == range.total))
        }
        Err(Refused::Transport(why)) => Outcome::Later(Pace::Unreachable, why),
        Err(Refused::Config(why)) => Outcome::Refused(why),
    }
}

/// Only a receipt of ours says where the server stands. Without one, the status says whether to come again.
fn judge(key: &ProofKey, id: &str, text: &str, reply: &Reply, offered: (u64, bool)) -> Outcome {
    if let Some(receipt) = key.log_receipt(id, text.as_bytes(), &reply.body) {
        // A server that stands before what it was told starts anew there: what was offered is not held back.
        let offered = if receipt.acked > offered.0 { (receipt.acked, false) } else { offered };
        return Outcome::Taken { acked: receipt.acked, state: receipt.state, offered };
    }
    let said = format!("answered {}", reply.status);
    match reply.status {
        413 => Outcome::TooLarge,
        401 | 408 | 425 | 429 => Outcome::Later(pace(reply, clock::wall_ms()), said),
        400..=499 => Outcome::Refused(said),
        _ => Outcome::Later(pace(reply, clock::wall_ms()), said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_later_is_tried_again() {
        let key = ProofKey::parse("c2VjcmV0").unwrap();
        let of = |status| judge(&key, "id", "{}", &Reply { status, ..Reply::default() }, (1, false));
        for status in [200, 204, 302, 408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(of(status), Outcome::Later(..)), "{status}");
        }
        for status in [400, 403, 404, 405, 410, 415, 422] {
            assert!(matches!(of(status), Outcome::Refused(_)), "{status}");
        }
        assert!(matches!(of(413), Outcome::TooLarge));
        assert!(matches!(of(401), Outcome::Later(Pace::Slow, _)));
    }
}
