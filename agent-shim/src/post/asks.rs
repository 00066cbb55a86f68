//! Questions that the server has and has not answered yet: the same bytes are posted again until a receipt brings the answer.

use crate::attempt::Attempt;
use crate::events::Event;
use crate::{asks, clock};
use sortie_protocol::ask::AskAnswer;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::limits::{ASK_POLL_CAP_MS, ASK_POLL_IDLE_MS, ASK_POLL_MS};
use std::collections::{BTreeMap, BTreeSet};

/// When each open question is posted again.
#[derive(Debug, Default)]
pub struct Asking {
    open: BTreeMap<u64, Pause>,
    answered: BTreeSet<u64>,
    /// Those that somebody on this machine waits for.
    waited: BTreeSet<u64>,
}

#[derive(Debug)]
struct Pause {
    due: u64,
    last: u64,
}

impl Asking {
    /// Who waits now. A question that somebody new waits for is asked again at once.
    pub fn waited(&mut self, waited: &BTreeSet<u64>) {
        for seq in waited.difference(&self.waited) {
            if let Some(pause) = self.open.get_mut(seq) {
                *pause = Pause { due: clock::mono_ms(), last: 0 };
            }
        }
        self.waited.clone_from(waited);
    }

    /// The question that is to be posted again, or the time until one is.
    pub fn next<'a>(&mut self, attempt: &Attempt, log: &'a [Event], delivered: &BTreeSet<u64>) -> Result<&'a Event, u64> {
        let now = clock::mono_ms();
        let mut wait = u64::MAX;
        for event in log.iter().filter(|event| event.kind == CallbackKind::Ask && delivered.contains(&event.seq)) {
            if self.answered.contains(&event.seq) {
                continue;
            }
            // One that a predecessor had posted is due at once: its answer may be there.
            let due = self.open.entry(event.seq).or_insert(Pause { due: now, last: 0 }).due;
            if due > now {
                wait = wait.min(due - now);
            } else if asks::answer(attempt, event.seq).is_some() {
                self.close(event.seq);
            } else {
                return Ok(event);
            }
        }
        Err(wait)
    }

    /// It was posted: with an answer it is over, else it is due again.
    pub fn posted(&mut self, attempt: &Attempt, seq: u64, answer: Option<AskAnswer>) {
        let Some(answer) = answer else { return self.later(seq) };
        match asks::keep(attempt, seq, answer) {
            Ok(()) => self.close(seq),
            Err(error) => {
                attempt.log(&format!("the answer to question {seq} cannot be kept yet: {error}"));
                self.later(seq);
            }
        }
    }

    fn later(&mut self, seq: u64) {
        let last = self.open.get(&seq).map_or(0, |pause| pause.last);
        let next = if self.waited.contains(&seq) { (last + last / 2).clamp(ASK_POLL_MS, ASK_POLL_CAP_MS) } else { ASK_POLL_IDLE_MS };
        let last = if next == ASK_POLL_IDLE_MS { 0 } else { next };
        self.open.insert(seq, Pause { due: clock::mono_ms().saturating_add(next), last });
    }

    fn close(&mut self, seq: u64) {
        self.open.remove(&seq);
        self.answered.insert(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};
    use sortie_protocol::ask::Answered;

    #[test]
    fn an_open_question_is_posted_again_ever_more_seldom_and_sooner_where_somebody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = Attempt::new(&Root::new(dir.path()).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        let log = [Event { seq: 1, kind: CallbackKind::Ask, body: String::new() }];
        let (mut asking, delivered) = (Asking::default(), BTreeSet::from([1]));
        assert_eq!(asking.next(&attempt, &log, &BTreeSet::new()), Err(u64::MAX), "posting it first is the outbox's work");
        assert_eq!(asking.next(&attempt, &log, &delivered).map(|event| event.seq), Ok(1));
        asking.posted(&attempt, 1, None);
        assert!(asking.next(&attempt, &log, &delivered).is_err_and(|ms| ms > ASK_POLL_CAP_MS), "nobody waits");
        asking.waited(&delivered);
        assert_eq!(asking.next(&attempt, &log, &delivered).map(|event| event.seq), Ok(1), "somebody does");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            asking.posted(&attempt, 1, None);
            pauses.push(asking.open[&1].last);
        }
        assert_eq!((pauses[0], pauses[1], pauses[7]), (ASK_POLL_MS, ASK_POLL_MS * 3 / 2, ASK_POLL_CAP_MS));
        asking.posted(&attempt, 1, Some(AskAnswer { answered: Answered::Approved, by: Vec::new(), comment: None }));
        assert_eq!(asking.next(&attempt, &log, &delivered), Err(u64::MAX));
        assert_eq!(asks::answer(&attempt, 1).unwrap().answer.answered, Answered::Approved);
    }
}
