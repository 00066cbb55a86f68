//! `cancel`: end the job and verify it; a tombstone where the attempt is not known.

use super::{Fault, claim, succeed, wait_until};
use crate::attempt::{Attempt, Stop};
use crate::limits::CANCEL_WAIT_CAP_MS;
use crate::view::{is_forsaken, view};
use crate::{clock, events};
use sortie_protocol::verb::Reply;
use sortie_protocol::view::Phase;

/// Ask for the end, see that somebody does it, and wait for the verified end at most `wait_ms`.
pub fn run(attempt: &Attempt, reason: &str, wait_ms: u64) -> Result<Reply, Fault> {
    let is_over = |phase| matches!(phase, Phase::Sealed | Phase::Finished | Phase::Acked);
    if view(attempt).phase == Phase::Unknown {
        claim::tombstone(attempt, reason)?;
    }
    // The claim of a launch may have come first: then it is a job to be ended like any other.
    if !is_over(view(attempt).phase) {
        attempt.write_stop(&Stop::now(reason, false))?;
        attempt.wake();
        succeed(attempt);
        let mut look = clock::mono_ms();
        wait_until(wait_ms.min(CANCEL_WAIT_CAP_MS), || {
            if clock::mono_ms() > look + 1000 {
                look = clock::mono_ms();
                if is_forsaken(attempt) {
                    succeed(attempt);
                }
            }
            attempt.is_sealed() || attempt.acked().is_some() || events::result(&events::read(attempt)).is_some()
        });
    } else {
        succeed(attempt);
    }
    Ok(Reply::Cancelled(view(attempt)))
}
