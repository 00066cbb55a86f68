//! `answer`: what people said to a question, brought over SSH because the VM cannot ask for it.

use super::{Fault, succeed};
use crate::attempt::Attempt;
use crate::view::view;
use crate::{asks, events};
use sortie_protocol::ask::AskAnswer;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::verb::Reply;

/// Keep it for the job. The first answer stands; the same again, and one for a job that is over, change nothing.
pub fn run(attempt: &Attempt, seq: u64, answer: AskAnswer) -> Result<Reply, Fault> {
    succeed(attempt);
    let log = events::read(attempt);
    if !log.iter().any(|event| event.seq == seq && event.kind == CallbackKind::Ask) {
        return Err(Fault::usage("the attempt has no question with this number"));
    }
    if events::result(&log).is_none() {
        asks::keep(attempt, seq, answer)?;
        attempt.wake();
    }
    Ok(Reply::AnswerKept(view(attempt)))
}
