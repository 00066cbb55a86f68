//! Whether an answer can be the answer to its question. A shim that is broken, or lies, is not believed about one attempt where it was
//! asked about another, and gives no more than it was asked for.

use serde::Deserialize;
use sortie_protocol::verb::{Reply, Verb};
use sortie_protocol::view::AttemptView;

/// What a question allows its answer to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fitting {
    /// The attempts that it is about, in their order.
    about: Vec<String>,
    /// Most bytes of a range.
    range: u64,
}

/// What is read of a spec here.
#[derive(Deserialize)]
struct SpecId {
    attempt: String,
}

impl Fitting {
    /// For this question.
    pub(super) fn to(verb: &Verb) -> Self {
        let one = |attempt: &String| vec![attempt.clone()];
        let (about, range) = match verb {
            Verb::Launch { spec, .. } => (serde_json::from_str(spec).map(|SpecId { attempt }| vec![attempt]).unwrap_or_default(), 0),
            Verb::Status { attempts, .. } => (attempts.clone(), 0),
            Verb::Logs { attempt, limit, .. } | Verb::Fetch { attempt, limit, .. } => (one(attempt), *limit),
            Verb::Collect { attempt, .. }
            | Verb::Ack { attempt, .. }
            | Verb::Cancel { attempt, .. }
            | Verb::Answer { attempt, .. }
            | Verb::Rekey { attempt, .. } => (one(attempt), 0),
            Verb::List { .. } | Verb::Reach { .. } | Verb::Gc { .. } | Verb::Doctor { .. } => (Vec::new(), 0),
        };
        Self { about, range }
    }

    /// Look at an answer.
    ///
    /// # Errors
    /// For people: why it is none to this question. Other kinds of answers are left to whoever asked.
    pub(super) fn check(&self, reply: &Reply) -> Result<(), String> {
        match reply {
            Reply::Launched { view, .. } | Reply::Collected { view, .. } => self.same([view]),
            Reply::Acked(view) | Reply::Cancelled(view) | Reply::AnswerKept(view) | Reply::Rekeyed(view) => self.same([view]),
            Reply::Status(views) => self.same(views),
            Reply::Logs { offset, data, total, .. } => self.within(*offset, data.0.len() as u64, *total),
            Reply::Fetched { data, kept } => self.within(0, data.0.len() as u64, kept.size),
            Reply::Listed { .. } | Reply::Reached { .. } | Reply::Swept { .. } | Reply::Doctor(_) | Reply::Refused { .. } => Ok(()),
        }
    }

    fn same<'a>(&self, views: impl IntoIterator<Item = &'a AttemptView>) -> Result<(), String> {
        let same = views.into_iter().map(|view| view.attempt.as_str()).eq(self.about.iter().map(String::as_str));
        if same { Ok(()) } else { Err("the shim answers about another attempt than it was asked about".to_owned()) }
    }

    fn within(&self, offset: u64, bytes: u64, whole: u64) -> Result<(), String> {
        if bytes > self.range {
            return Err(format!("the shim gives {bytes} bytes where at most {} were asked for", self.range));
        }
        if bytes > 0 && offset.saturating_add(bytes) > whole {
            return Err(format!("the shim gives {bytes} bytes at {offset} of something that has {whole}, as it says"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "fitting_tests.rs"]
mod tests;
