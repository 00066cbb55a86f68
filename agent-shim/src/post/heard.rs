//! How the last posts went (`heard.json`): whether callbacks arrive is asked over SSH.

use crate::attempt::Attempt;
use crate::limits::HEARD_NOTE_MS;
use crate::post::answer::{Pace, Verdict};
use crate::{clock, files};
use serde::{Deserialize, Serialize};

/// What is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// When a receipt was last read, by the monotonic clock, milliseconds.
    pub mono_ms: Option<u64>,
    /// Boot that the time belongs to.
    pub boot_id: String,
    /// Why the last post failed, where it did.
    pub error: Option<String>,
}

impl Heard {
    /// Milliseconds since a receipt was read.
    pub fn ago_ms(&self) -> Option<u64> {
        let here = self.boot_id == clock::boot_id();
        self.mono_ms.filter(|_| here).map(|at| clock::mono_ms().saturating_sub(at))
    }
}

/// What is known of the last posts of an attempt.
pub fn read(attempt: &Attempt) -> Option<Heard> {
    files::read_json(&attempt.file("heard.json"))
}

/// What was written last, so that it is written seldom.
#[derive(Debug, Default)]
pub struct Noted(Option<Heard>);

impl Noted {
    /// A post went so; `detail` where more is known of a failure than its kind.
    pub fn note(&mut self, attempt: &Attempt, verdict: &Verdict, detail: Option<String>) {
        let before = self.0.get_or_insert_with(|| read(attempt).unwrap_or_default());
        let now = Heard {
            mono_ms: if matches!(verdict, Verdict::Delivered { .. }) { Some(clock::mono_ms()) } else { before.mono_ms },
            boot_id: clock::boot_id(),
            error: why(verdict).map(|why| detail.unwrap_or(why)),
        };
        let news =
            now.error.is_none() && before.mono_ms.is_none_or(|at| now.mono_ms.is_some_and(|now| now >= at.saturating_add(HEARD_NOTE_MS)));
        let same = now.error == before.error && now.boot_id == before.boot_id;
        if (same && !news) || files::replace_soon(&attempt.file("heard.json"), &now).is_err() {
            return;
        }
        self.0 = Some(now);
    }
}

/// For people.
fn why(verdict: &Verdict) -> Option<String> {
    let Verdict::Keep(pace) = verdict else { return None };
    let text = match pace {
        Pace::Unreachable => "the server cannot be reached",
        Pace::NoAnswer => "what answers is not the server, or it failed",
        Pace::Slow => "the server refuses the credentials (401)",
        Pace::Hourly => "the server refuses the post as too large",
        Pace::Never => "these credentials cannot be posted with",
        Pace::After(_) => "the server asks to wait",
    };
    Some(text.to_owned())
}
