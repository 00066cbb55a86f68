//! People are told of something, and what came of that.

use super::draft::Draft;
use super::{Refusal, Reply};
use crate::effect::Work;
use crate::event::EventBody;
use crate::limits;
use crate::plan::NoticeKind;

/// Somebody was told, or could not be. That is part of the history also where the run is over: a notice is most often of its end.
pub(super) fn ended(draft: &mut Draft, what: NoticeKind, about: u64, to: &str, result: &Result<(), String>) -> Result<(), Refusal> {
    let to = to.to_owned();
    draft.emit(match result {
        Ok(()) => EventBody::NoticeSent { what, about, to },
        Err(message) => EventBody::NoticeFailed { what, about, to, message: message.chars().take(limits::NOTE_CHARS).collect() },
    })?;
    draft.reply = Reply::Done;
    Ok(())
}

impl Draft {
    /// Tell people of an approval, by the event that was made last, where there is anybody to tell.
    pub(in crate::decide) fn notify_approval(&mut self, own: bool) -> Result<(), Refusal> {
        let run = self.run()?;
        if own || !run.plan.notify.is_empty() {
            let work = Work::Notify { what: NoticeKind::Approval, seq: run.seq };
            self.put(work, self.now);
        }
        Ok(())
    }
}
