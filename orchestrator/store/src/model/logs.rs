//! Output of jobs. The plain values.

use serde::{Deserialize, Serialize};
use sortie_core::ids::{AttemptId, Ms, RunId};

/// Whether there is more to come of an attempt's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LogState {
    /// There may be.
    Open = 0,
    /// All that was kept on the host is here.
    Complete = 1,
    /// The rest could not be had: see the note.
    Incomplete = 2,
    /// It was removed to make room.
    Removed = 3,
}

impl LogState {
    /// The state that is stored as this number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Open),
            1 => Some(Self::Complete),
            2 => Some(Self::Incomplete),
            3 => Some(Self::Removed),
            _ => None,
        }
    }
}

/// How far the output of an attempt is here. Both streams: standard output, then standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// Its run, which it goes with.
    pub run: RunId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Bytes that are here, gaps counted. The files know better after a crash.
    pub kept: [u64; 2],
    /// Bytes that were written, once that is known.
    pub totals: [Option<u64>; 2],
    /// Whether there is more to come.
    pub state: LogState,
    /// For people: why it is not complete.
    pub note: Option<String>,
    /// How often the rest was asked for over SSH.
    pub tries: u32,
    /// When the rest is asked for, where it is.
    pub due_at: Option<Ms>,
    /// When the row was written.
    pub updated_at: Ms,
}
