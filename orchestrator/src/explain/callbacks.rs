//! Callbacks that came, and what became of each.

use super::Facts;
use crate::clock::rfc3339;
use serde::Serialize;
use sortie_store::model::CallbackRow;

/// A callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallbackFacts {
    /// The attempt or wait it was about.
    pub subject: String,
    /// Its id.
    pub id: String,
    /// What became of it.
    pub outcome: String,
    /// When.
    pub at: String,
    /// In words.
    pub text: String,
    /// Whether its body was kept.
    pub kept: bool,
}

/// All that are remembered, but what is remembered for other reasons (outside events).
pub(super) fn of(facts: &Facts<'_>) -> Vec<CallbackFacts> {
    facts.callbacks.iter().filter(|row| !row.subject.starts_with("event:")).map(one).collect()
}

fn one(row: &CallbackRow) -> CallbackFacts {
    let text = match row.outcome.as_str() {
        "accepted" => "accepted: it was committed, and the run went on by it",
        "duplicate" => "the same again: the first answer was repeated",
        "conflict" => "kept, not used: another result was accepted before",
        "late" => "kept, not used: the run had moved on",
        "invalid" => "refused: not readable, or not of the schema that the step asks for",
        _ => "remembered",
    };
    CallbackFacts {
        subject: row.subject.clone(),
        id: row.id.clone(),
        outcome: row.outcome.clone(),
        at: rfc3339(row.at),
        text: text.to_owned(),
        kept: row.body.is_some(),
    }
}
