//! `collect`: what a callback would have carried, signed now. `ack`: the server has committed the result.

use super::{Fault, succeed};
use crate::attempt::Attempt;
use crate::limits::COLLECT_PAGE_BYTES;
use crate::sign::ProofKey;
use crate::view::view;
use crate::{clock, events};
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::verb::{Refusal, Reply};

/// A page of posts without a receipt, and always the result: a server restored from a backup asks for what it had acknowledged.
pub fn run(attempt: &Attempt, after_seq: u64) -> Result<Reply, Fault> {
    succeed(attempt);
    let log = events::read(attempt);
    let delivered = events::delivered(attempt);
    let over = attempt.acked().is_some();
    let open = log.iter().filter(|event| event.seq > after_seq);
    let mut open = open.filter(|event| event.kind == CallbackKind::Result || !(over || delivered.contains(&event.seq))).peekable();
    let mut posts = Vec::new();
    if open.peek().is_some() {
        let key = ProofKey::parse(&attempt.credentials()?.proof_secret);
        let key = key.ok_or_else(|| Fault(Refusal::Resources, "the proof secret cannot be read".to_owned()))?;
        let now = clock::wall_ms().div_euclid(1000);
        let mut bytes = 0;
        while let Some(event) = open.next_if(|event| posts.is_empty() || bytes + event.body.len() <= COLLECT_PAGE_BYTES) {
            bytes += event.body.len();
            posts.push(key.post(attempt.id().as_str(), event.kind, event.seq, event.body.clone(), now));
        }
    }
    Ok(Reply::Collected { view: view(attempt), posts, more: open.peek().is_some() })
}

/// Stop posting; the clock of `gc` starts.
pub fn ack(attempt: &Attempt, seq: u64) -> Result<Reply, Fault> {
    let log = events::read(attempt);
    let result = events::result(&log);
    if attempt.is_sealed() {
        return Ok(Reply::Acked(view(attempt)));
    }
    if result.is_none_or(|event| event.seq != seq) {
        return Err(Fault::usage("this is not the number of the spooled result"));
    }
    if attempt.acked().is_none() {
        attempt.write_acked(seq)?;
        attempt.wake();
    }
    Ok(Reply::Acked(view(attempt)))
}
