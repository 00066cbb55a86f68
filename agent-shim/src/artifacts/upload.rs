//! The upload of one file: ask how far it is, send the next piece, until a receipt says that the server has it all.

use crate::attempt::Attempt;
use crate::post::answer::{Pace, Reply, pace};
use crate::post::backoff::Backoff;
use crate::post::http::{Client, Piece, Refused};
use crate::sign::ProofKey;
use crate::{clock, failpoint};
use ring::digest;
use sortie_protocol::VERSION;
use sortie_protocol::artifact::{ArtifactMeta, Kept, artifact_id};
use sortie_protocol::bytes::to_hex;
use sortie_protocol::limits::{PIECE_BYTES, PIECE_LEAST_BYTES};
use sortie_protocol::receipt::{CallbackAnswer, Outcome as Receipted};
use sortie_protocol::spec::Credentials;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// What came of a step.
pub enum Outcome {
    /// The server has the file.
    Done(Kept),
    /// It will not take it.
    Refused(String),
    /// Go on.
    More,
    /// Go on after so many milliseconds.
    Later {
        /// The pause.
        ms: u64,
        /// Why.
        why: String,
    },
}

/// A file on its way.
pub struct Upload<'a> {
    file: &'a File,
    meta: ArtifactMeta,
    /// Exact JSON of `meta`.
    text: String,
    /// Bytes that the server has; `None` where it is to be asked.
    offset: Option<u64>,
    piece: usize,
    backoff: Backoff,
}

impl<'a> Upload<'a> {
    /// Read the file once for its digest.
    pub fn of(attempt: &str, slot: &str, name: &str, file: &'a File, limit: u64) -> Result<Self, String> {
        let size = file.metadata().map_err(|error| error.to_string())?.len();
        if size > limit {
            return Err(format!("the file has {size} bytes, and the limit is {limit}"));
        }
        let sha256 = sha256(file, size).map_err(|error| error.to_string())?;
        let meta = ArtifactMeta { v: VERSION, attempt: attempt.to_owned(), slot: slot.to_owned(), name: name.to_owned(), size, sha256 };
        let text = serde_json::to_string(&meta).map_err(|error| error.to_string())?;
        Ok(Self { file, meta, text, offset: None, piece: PIECE_LEAST_BYTES, backoff: Backoff::default() })
    }

    /// One request.
    pub fn step(&mut self, client: &mut Client, credentials: &Credentials, attempt: &Attempt) -> Outcome {
        let Some(key) = ProofKey::parse(&credentials.proof_secret) else { return Outcome::Refused("no proof secret".to_owned()) };
        let data = match self.offset.map(|offset| self.read(offset)).transpose() {
            Ok(data) => data,
            Err(error) => return Outcome::Refused(format!("the file cannot be read: {error}")),
        };
        let id = artifact_id(&self.meta.attempt, &self.meta.slot);
        let timestamp = clock::wall_ms().div_euclid(1000);
        let signature = key.proof(&id, timestamp, self.text.as_bytes());
        let piece = Piece {
            slot: &self.meta.slot,
            id: &id,
            timestamp,
            signature: &signature,
            meta: &to_hex(self.text.as_bytes()),
            data: self.offset.zip(data.as_deref()),
        };
        match client.piece(credentials, &piece) {
            Ok(reply) => {
                attempt.root().failpoint(failpoint::PIECE_SENT);
                self.judge(&key, &id, data.map(|data| data.len()), &reply)
            }
            Err(Refused::Transport(why)) => self.later(Pace::Unreachable, why),
            Err(Refused::Config(why)) => Outcome::Refused(why),
        }
    }

    fn read(&self, offset: u64) -> io::Result<Vec<u8>> {
        let left = self.meta.size.saturating_sub(offset);
        let mut data = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(self.piece)];
        self.file.read_exact_at(&mut data, offset)?;
        Ok(data)
    }

    fn judge(&mut self, key: &ProofKey, id: &str, sent: Option<usize>, reply: &Reply) -> Outcome {
        if let Some(receipt) = key.receipt(id, self.text.as_bytes(), &reply.body) {
            let said = || serde_json::from_slice::<CallbackAnswer>(&reply.body).ok().and_then(|answer| answer.message);
            match receipt.outcome {
                Receipted::Accepted | Receipted::Duplicate => {
                    return Outcome::Done(Kept { sha256: self.meta.sha256.clone(), size: self.meta.size });
                }
                Receipted::Late => return Outcome::Refused("the attempt is over for the server".to_owned()),
                Receipted::Invalid | Receipted::TooLarge | Receipted::Conflict => {
                    return Outcome::Refused(said().unwrap_or_else(|| "refused by the server".to_owned()));
                }
                _ => {}
            }
        }
        match (reply.status, reply.upload_offset.filter(|offset| *offset <= self.meta.size)) {
            (200 | 202 | 204 | 409, Some(offset)) => {
                // Nobody is believed for long who says that nothing arrives.
                let forward = self.offset.is_none_or(|before| offset > before);
                if sent == Some(self.piece) && forward {
                    self.piece = (self.piece * 2).min(PIECE_BYTES);
                }
                self.offset = Some(offset);
                if forward {
                    self.backoff.delivered();
                    return Outcome::More;
                }
                self.paused(Pace::NoAnswer, "the upload does not move".to_owned())
            }
            (status, _) => self.later(pace(reply, clock::wall_ms()), format!("answered {status}")),
        }
    }

    /// The next request asks where the upload stands, and the next piece is small.
    fn later(&mut self, pace: Pace, why: String) -> Outcome {
        self.offset = None;
        self.piece = PIECE_LEAST_BYTES;
        self.paused(pace, why)
    }

    fn paused(&mut self, pace: Pace, why: String) -> Outcome {
        let now = clock::mono_ms();
        self.backoff.failed(now, pace);
        Outcome::Later { ms: self.backoff.due().saturating_sub(now), why }
    }
}

/// SHA-256 of the first `size` bytes of a file, lower-case hex.
pub fn sha256(file: &File, size: u64) -> io::Result<String> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 64 << 10];
    let mut at = 0;
    while at < size {
        let wanted = usize::try_from(size - at).unwrap_or(usize::MAX).min(buffer.len());
        match file.read_at(&mut buffer[..wanted], at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                hash.update(&buffer[..n]);
                at += n as u64;
            }
        }
    }
    Ok(to_hex(hash.finish().as_ref()))
}
