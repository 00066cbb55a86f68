//! Questions of a job, as they stand on disk: when each was asked, its answer, and the time that is not the job's own.
//!
//! The question itself is an event of the log. `asks.json` has one writer, the attempt's door; an answer is a file of its own,
//! written once by whoever hears it first: the poster, a verb, or the door when time is up.

mod book;

pub use book::{Book, Question};

use crate::attempt::Attempt;
use crate::limits::{ANSWER_COMMENT_BYTES, ANSWER_NAMES, STATE_FILE_BYTES};
use crate::{clock, files, sign};
use serde::{Deserialize, Serialize};
use sortie_protocol::ask::AskAnswer;
use std::io;
use std::path::PathBuf;

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// What was said.
    pub answer: AskAnswer,
    /// When it was heard, by the monotonic clock, milliseconds.
    pub mono_ms: u64,
}

fn path(attempt: &Attempt, seq: u64) -> PathBuf {
    attempt.file(&format!("answer-{seq}.json"))
}

/// The answer to a question, where it is here.
pub fn answer(attempt: &Attempt, seq: u64) -> Option<KeptAnswer> {
    serde_json::from_slice(&files::read(&path(attempt, seq), STATE_FILE_BYTES).ok()?).ok()
}

/// Keep an answer, durably. The first one stands: what a job was told is not taken back.
pub fn keep(attempt: &Attempt, seq: u64, mut answer: AskAnswer) -> io::Result<()> {
    answer.by.truncate(ANSWER_NAMES);
    if let Some(comment) = answer.comment.as_mut().filter(|comment| comment.len() > ANSWER_COMMENT_BYTES) {
        comment.truncate((0..=ANSWER_COMMENT_BYTES).rev().find(|at| comment.is_char_boundary(*at)).unwrap_or(0));
    }
    let target = path(attempt, seq);
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    let bytes = serde_json::to_vec(&KeptAnswer { answer, mono_ms: clock::mono_ms() })?;
    let temp = attempt.file(&format!(".answer-{seq}.{}", sign::random_hex(8)));
    let kept = files::create(&temp, &bytes).and_then(|()| files::rename_new(&temp, &target));
    if let Err(error) = kept {
        let _ = std::fs::remove_file(&temp);
        return if files::is_taken(&error) { Ok(()) } else { Err(error) };
    }
    files::sync_dir(attempt.dir())
}

/// Milliseconds up to `until` (monotonic) in which at least one question was open: they are not the job's.
pub fn asked_ms(attempt: &Attempt, until: u64) -> u64 {
    let spans = spans(attempt);
    book::covered(spans.into_iter().map(|(from, to)| (from, to.unwrap_or(until).min(until))))
}

/// Milliseconds since a question was last open; 0 while one is, `None` where nothing was ever asked.
pub fn since_asked_ms(attempt: &Attempt) -> Option<u64> {
    let now = clock::mono_ms();
    spans(attempt).into_iter().map(|(_, to)| to.map_or(0, |to| now.saturating_sub(to))).min()
}

/// Whether the job was told to go on without the answer to a question that is still open: it may end and be gone on with later.
pub fn is_parked(attempt: &Attempt) -> bool {
    let book = Book::read(attempt);
    book.questions.iter().any(|(seq, question)| question.parked && answer(attempt, *seq).is_none())
}

/// From when to when each question was open.
fn spans(attempt: &Attempt) -> Vec<(u64, Option<u64>)> {
    let book = Book::read(attempt);
    book.questions.iter().map(|(seq, question)| (question.opened_mono_ms, answer(attempt, *seq).map(|kept| kept.mono_ms))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::{AttemptId, Root};
    use sortie_protocol::ask::Answered;

    fn said(answered: Answered) -> AskAnswer {
        AskAnswer { answered, by: vec!["kim".into()], comment: None }
    }

    #[test]
    fn the_first_answer_stands_and_ends_the_time_that_is_not_the_jobs() {
        let dir = tempfile::tempdir().unwrap();
        let attempt = Attempt::new(&Root::new(dir.path()).unwrap(), AttemptId::parse("att_0123456789").unwrap());
        std::fs::create_dir_all(attempt.dir()).unwrap();
        assert_eq!((asked_ms(&attempt, 1_000_000), since_asked_ms(&attempt), is_parked(&attempt)), (0, None, false));
        let opened = clock::mono_ms();
        let mut book = Book::default();
        book.questions.insert(2, Question { opened_mono_ms: opened, read: false, parked: true });
        book.write(&attempt).unwrap();
        assert_eq!((asked_ms(&attempt, opened + 5_000), since_asked_ms(&attempt), is_parked(&attempt)), (5_000, Some(0), true));
        keep(&attempt, 2, said(Answered::Approved)).unwrap();
        keep(&attempt, 2, said(Answered::Rejected)).unwrap();
        assert_eq!(answer(&attempt, 2).unwrap().answer.answered, Answered::Approved);
        let long = AskAnswer { comment: Some("ż".repeat(100_000)), ..said(Answered::Approved) };
        keep(&attempt, 3, long).unwrap();
        assert!(answer(&attempt, 3).unwrap().answer.comment.unwrap().len() <= ANSWER_COMMENT_BYTES);
        let asked = answer(&attempt, 2).unwrap().mono_ms - opened;
        assert_eq!((asked_ms(&attempt, opened + 3_600_000), is_parked(&attempt)), (asked, false));
    }
}
