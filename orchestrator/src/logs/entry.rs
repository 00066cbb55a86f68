//! The output of one attempt: where it stands, who follows it, and taking one more piece of it.

use super::files::Files;
use super::limits::ROW_EVERY_MS;
use super::{LogsError, Place};
use crate::vault::mask::Masker;
use sortie_core::ids::Ms;
use sortie_protocol::log::Stream;
use sortie_store::model::logs::{LogRow, LogState};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::{Mutex, OnceCell, watch};

/// A piece of output, however it came.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Of this stream.
    pub stream: Stream,
    /// Where it begins.
    pub offset: u64,
    /// Bytes right before it that its sender does not keep any more.
    pub gap: u64,
    /// It.
    pub data: Vec<u8>,
    /// Bytes written so far.
    pub total: u64,
    /// Whether that is final.
    pub closed: bool,
}

/// An attempt whose output is being kept or followed.
pub struct Entry {
    /// Which.
    pub place: Place,
    pub(super) state: Mutex<State>,
    pub(super) masker: OnceCell<Masker>,
    /// Rises with every change that a follower would see.
    news: watch::Sender<u64>,
    /// When output last came by itself.
    pub(super) pushed_at: AtomicI64,
    /// When somebody last waited for output.
    pub(super) followed_at: AtomicI64,
    /// When the end of the attempt was first noticed by a reader.
    over_since: AtomicI64,
    /// Whether a task asks the host over SSH.
    pub(super) pulled: AtomicBool,
    /// What the host said last where it could not be asked.
    pub(super) trouble: std::sync::Mutex<Option<String>>,
}

/// What changes of it.
pub struct State {
    /// The files.
    pub files: Files,
    /// The row, as it was written last or is to be written next.
    pub row: LogRow,
    saved_at: Ms,
}

impl Entry {
    pub(super) fn new(place: Place, files: Files, row: LogRow) -> Self {
        Self {
            place,
            state: Mutex::new(State { files, row, saved_at: Ms::MIN }),
            masker: OnceCell::new(),
            news: watch::Sender::new(0),
            pushed_at: AtomicI64::new(Ms::MIN),
            followed_at: AtomicI64::new(Ms::MIN),
            over_since: AtomicI64::new(Ms::MAX),
            pulled: AtomicBool::new(false),
            trouble: std::sync::Mutex::default(),
        }
    }

    /// Everything that changes, for a moment.
    pub async fn state(&self) -> tokio::sync::MutexGuard<'_, State> {
        self.state.lock().await
    }

    /// Hears of every change from now on.
    #[must_use]
    pub fn hear(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Tell everybody who follows.
    pub fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// Whether output comes by itself.
    pub(super) fn is_pushed(&self, now: Ms, fresh_ms: Ms) -> bool {
        self.pushed_at.load(Ordering::Relaxed).saturating_add(fresh_ms) > now
    }

    /// How long it has been known, at least, that the attempt is over, in milliseconds. Asked only where it is.
    pub fn over_for(&self, now: Ms) -> Ms {
        now.saturating_sub(self.over_since.fetch_min(now, Ordering::Relaxed).min(now))
    }

    /// What the host said last where it could not be asked.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = trouble;
    }
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Everything of the stream before this is here, or nowhere.
    pub acked: u64,
    /// Bytes that were new.
    pub new: u64,
}

impl State {
    /// Take a piece: what is here already is dropped, what may be the beginning of a secret waits until more of it comes.
    ///
    /// # Errors
    /// As the disk says.
    pub fn take(&mut self, masker: &Masker, piece: Piece, now: Ms) -> Result<Taken, LogsError> {
        let Piece { stream, offset, gap, mut data, total, closed } = piece;
        let index = stream.index();
        let acked = self.files.ends()[index];
        if closed {
            self.row.totals[index] = Some(total);
        }
        // Only what its sender says is gone is jumped over.
        let is_in_place = offset <= acked || offset.saturating_sub(gap) <= acked;
        let is_new = offset.saturating_add(data.len() as u64) > acked;
        if !is_in_place || !is_new {
            return Ok(Taken { acked, new: 0 });
        }
        let known = usize::try_from(acked.saturating_sub(offset)).unwrap_or(usize::MAX).min(data.len());
        data.drain(..known);
        let start = offset.max(acked);
        let is_last = closed && start + data.len() as u64 >= total;
        let settled = if is_last || masker.is_empty() { data.len() } else { masker.settled(&data) };
        // A whole chunk that may all be one secret: it is masked as far as it is seen.
        let settled = if settled == 0 && data.len() as u64 >= sortie_protocol::limits::LOG_CHUNK_BYTES { data.len() } else { settled };
        masker.stars(&mut data);
        data.truncate(settled);
        if !data.is_empty() {
            self.files.append(stream, start, now, &data).map_err(LogsError::Disk)?;
        }
        self.row.kept = self.files.ends();
        Ok(Taken { acked: self.row.kept[index], new: data.len() as u64 })
    }

    /// Whether both streams are closed and here to their ends.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let ends = self.files.ends();
        self.row.totals.iter().zip(ends).all(|(total, end)| total.is_some_and(|total| end >= total))
    }

    /// The row, if it is time to write it: it is new, its state has changed, or enough time has passed.
    pub fn row_to_save(&mut self, now: Ms, urgent: bool) -> Option<LogRow> {
        let due = urgent || now >= self.saved_at.saturating_add(ROW_EVERY_MS);
        due.then(|| {
            self.saved_at = now;
            self.row.updated_at = now;
            self.row.clone()
        })
    }

    /// Whether nothing more is expected.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.row.state != LogState::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::ids::{AttemptId, Entropy, RunId};
    use sortie_keys::Secret;

    fn state(folder: &std::path::Path) -> State {
        let (run, attempt) = (RunId::new(1, &Entropy([1; 32]), 0), AttemptId::new(1, &Entropy([1; 32]), 0));
        let row = super::super::fresh_row(&run, &attempt, 0);
        State { files: Files::open(folder.to_owned()).unwrap(), row, saved_at: Ms::MIN }
    }

    fn piece(offset: u64, data: &[u8]) -> Piece {
        let total = offset + data.len() as u64;
        Piece { stream: Stream::Stdout, offset, gap: 0, data: data.to_vec(), total, closed: false }
    }

    fn kept(folder: &std::path::Path) -> String {
        let files = Files::open(folder.to_owned()).unwrap();
        let (shown, _) = super::super::read::View::of(&files).page(&mut Default::default(), Default::default()).unwrap();
        shown.into_iter().map(|shown| String::from_utf8_lossy(&shown.data).into_owned()).collect()
    }

    #[test]
    fn overlaps_are_dropped_and_only_declared_gaps_are_jumped_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        let mut take = |piece| state.take(&Masker::default(), piece, 1).unwrap();
        assert_eq!(take(piece(0, b"abc")), Taken { acked: 3, new: 3 });
        assert_eq!(take(piece(0, b"abc")), Taken { acked: 3, new: 0 }, "the same again");
        assert_eq!(take(piece(1, b"bcde")), Taken { acked: 5, new: 2 }, "an overlap");
        assert_eq!(take(piece(9, b"xy")), Taken { acked: 5, new: 0 }, "told where it stands");
        assert_eq!(take(Piece { gap: 3, ..piece(9, b"xy") }), Taken { acked: 5, new: 0 }, "a gap that does not reach back");
        assert_eq!(take(Piece { gap: 4, ..piece(9, b"xy") }), Taken { acked: 11, new: 2 });
        assert!(!state.is_whole());
        let end = |stream, total| Piece { stream, offset: total, gap: 0, data: Vec::new(), total, closed: true };
        state.take(&Masker::default(), end(Stream::Stdout, 11), 2).unwrap();
        state.take(&Masker::default(), end(Stream::Stderr, 0), 2).unwrap();
        assert!(state.is_whole());
        drop(state);
        assert_eq!(kept(folder.path()), "abcdexy");
    }

    #[test]
    fn f105_a_secret_is_masked_wherever_the_chunks_are_cut() {
        let masker = Masker::new([&Secret::from(b"canary-4f1d90".to_vec())]);
        let text = b"before canary-4f1d90 and canary-4f1d9 after can";
        for first in 0..text.len() {
            for second in first..text.len() {
                let folder = tempfile::tempdir().unwrap();
                let mut state = state(folder.path());
                for end in [first, second, text.len()] {
                    // As the shim does: from where the server stands.
                    let from = state.files.ends()[0] as usize;
                    let closed = end == text.len();
                    state.take(&masker, Piece { closed, ..piece(from as u64, &text[from..end]) }, 1).unwrap();
                }
                drop(state);
                assert_eq!(kept(folder.path()), "before ************* and canary-4f1d9 after can", "cut at {first} and {second}");
            }
        }
    }
}
