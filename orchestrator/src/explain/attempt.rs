//! What is known of a job on its host.

use super::Facts;
use super::places::slot;
use super::words::{ago, span};
use crate::clock::rfc3339;
use serde::Serialize;
use serde_json::Value;
use sortie_core::state::AttemptState;
use sortie_core::view::{Attempt, Step, StepKind};
use sortie_store::model::HeldPlace;

/// An attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptFacts {
    /// Its id.
    pub id: String,
    /// Which one, from 1.
    pub number: u32,
    /// Its state.
    pub state: String,
    /// Its host, once chosen.
    pub host: Option<String>,
    /// In words.
    pub doing: String,
    /// Whether URL and token have reached the host: `no`, `maybe` (the launch was sent, its answer is not known) or `yes`.
    pub handed: &'static str,
    /// In words.
    pub handed_text: String,
    /// The newest sign of life.
    pub last_heard_at: Option<String>,
    /// How long ago that was, in milliseconds.
    pub silent_ms: Option<u64>,
    /// Server's clock minus the host's, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// What it last reported: its progress, whatever was heard since; where there is none, the newest sign of life.
    pub report: Option<Value>,
    /// Why it is being ended early.
    pub stopping: Option<String>,
    /// What its launch waits for, and its place, where it waits for a slot of a host.
    pub slot: Option<HeldPlace>,
}

/// All that is known.
pub(super) fn of(facts: &Facts<'_>, step: &Step, row: &Attempt) -> AttemptFacts {
    let beat = facts.beats.get(&row.id);
    let silent_ms = beat.map(|beat| u64::try_from(facts.now - beat.at).unwrap_or(0));
    let (handed, handed_text) = handed(facts, row);
    AttemptFacts {
        id: row.id.to_string(),
        number: row.number,
        state: serde_json::to_value(row.state).ok().and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default(),
        host: row.handed.as_ref().map(|handed| handed.host.clone()),
        doing: doing(facts, step, row, silent_ms),
        handed,
        handed_text,
        last_heard_at: beat.map(|beat| rfc3339(beat.at)),
        silent_ms,
        clock_skew_ms: beat.map(|beat| beat.skew_ms),
        report: facts
            .progress
            .get(&row.id)
            .or(beat.map(|beat| &beat.data))
            .cloned()
            .filter(|data| !data.is_null() && *data != Value::Object(serde_json::Map::new())),
        stopping: row.stopping.map(|reason| reason.as_str().to_owned()),
        slot: facts.slots.get(&row.id).cloned(),
    }
}

/// Whether the remote job was handed its URL and token.
fn handed(facts: &Facts<'_>, row: &Attempt) -> (&'static str, String) {
    let Some(handed) = &row.handed else { return ("no", "Nothing was handed out: no host is chosen yet.".to_owned()) };
    let key = format!("signed by {}, good until {}", handed.kid, rfc3339(handed.expires_s.saturating_mul(1_000)));
    let heard = facts.beats.contains_key(&row.id);
    match row.state {
        AttemptState::Scheduled => ("no", format!("A launch on {} was prepared; not one byte of it was sent.", handed.host)),
        AttemptState::Launching | AttemptState::LaunchUnknown if !heard => {
            ("maybe", format!("URL and token ({key}) were sent to {}, or are being sent; the host has not confirmed it.", handed.host))
        }
        _ => ("yes", format!("{} holds URL and token ({key}).", handed.host)),
    }
}

fn doing(facts: &Facts<'_>, step: &Step, row: &Attempt, silent_ms: Option<u64>) -> String {
    let host = row.handed.as_ref().map_or("its host", |handed| handed.host.as_str());
    let last = silent_ms.map_or_else(|| "nothing was heard of it so far".to_owned(), |ms| format!("last heard of {} ago", span(ms)));
    if let Some(place) = facts.slots.get(&row.id) {
        return slot(facts, place);
    }
    match row.state {
        AttemptState::Scheduled if row.handed.is_some() => {
            format!("{host} could not be reached; it is tried again until the launch limit of {}.", launch_limit(step))
        }
        AttemptState::Scheduled => "it is about to be launched.".to_owned(),
        AttemptState::Launching => format!("it is being launched on {host}, since {}.", ago(row.scheduled_at, facts.now)),
        AttemptState::LaunchUnknown => format!("the answer to its launch on {host} was lost; the host is asked whether it runs."),
        AttemptState::Launched => format!("{host} has started it; {last}."),
        AttemptState::Running | AttemptState::Suspect if unheard(facts, row) => {
            format!("it runs on {host}; {last}. Its callbacks do not arrive; collected over SSH (`sortie host test {host}` says why).")
        }
        AttemptState::Running => format!("it runs on {host}; {last}."),
        AttemptState::Suspect => {
            let asked = match facts.host_of(row).and_then(|(_, host)| host?.away.as_ref()) {
                Some((since, why)) => {
                    format!(
                        "{host} cannot be reached, since {} ({why}); that is no verdict, and it is asked again and again",
                        ago(*since, facts.now)
                    )
                }
                None => format!("{host} is asked about it over SSH"),
            };
            format!("it should have been heard of; {last}. {asked}.")
        }
        AttemptState::Stopping => {
            let why = row.stopping.map_or("stopped", |reason| reason.as_str());
            format!("it is being ended on {host} ({why}); that has to be verified first.")
        }
        state => format!(
            "it is over ({}).",
            serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
        ),
    }
}

/// Whether its host answers, and what its shim posts does not arrive.
fn unheard(facts: &Facts<'_>, row: &Attempt) -> bool {
    facts.host_of(row).and_then(|(_, host)| host).is_some_and(|host| host.unheard_since.is_some() && host.away.is_none())
}

fn launch_limit(step: &Step) -> String {
    if let StepKind::Job(job) = &step.kind { span(job.limits.launch_ms) } else { "its step".to_owned() }
}
