//! A run as one file: its events, its bundle, what came of its callbacks. It holds no token and no secret (no event does), and
//! replays on another machine.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sortie_core::evaluation::{End, Evaluation, RunFacts};
use sortie_core::event::{Event, EventBody};
use sortie_core::failure::FailureKind;
use sortie_core::ids::Ms;
use sortie_core::journal::{self, Journal};
use sortie_core::view::View;
use sortie_core::{apply, state::RunOutcome};
use sortie_flow::bundle::Bundle;
use sortie_flow::evaluate::EvaluateRequest;
use sortie_store::import::Import;
use sortie_store::model::CallbackRow;

/// What the file says it is.
pub const FORMAT: &str = "sortie-run";
/// Version of the file's shape.
pub const VERSION: u32 = 1;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Id of the installation that wrote it.
    pub installation: String,
    /// When, Unix milliseconds.
    pub exported_at: Ms,
    /// The flow's files.
    pub bundle: Bundle,
    /// The whole journal.
    pub events: Vec<Event>,
    /// Callbacks that were remembered.
    pub callbacks: Vec<CallbackEntry>,
}

/// A callback in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackEntry {
    /// Attempt or wait.
    pub subject: String,
    /// Its id.
    pub id: String,
    /// SHA-256 of its body, hex.
    pub digest: String,
    /// What became of it.
    pub outcome: String,
    /// When, Unix milliseconds.
    pub at: Ms,
    /// Its body in base64, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl CallbackEntry {
    /// As the store has it.
    fn row(self) -> Result<CallbackRow, String> {
        let Self { subject, id, digest, outcome, at, body } = self;
        let body = body.map(|body| STANDARD.decode(body)).transpose();
        let body = body.map_err(|error| format!("the body of the callback {id} is no base64: {error}"))?;
        Ok(CallbackRow { subject, id, digest, outcome, at, body })
    }
}

impl From<CallbackRow> for CallbackEntry {
    fn from(row: CallbackRow) -> Self {
        let CallbackRow { subject, id, digest, outcome, at, body } = row;
        Self { subject, id, digest, outcome, at, body: body.map(|body| STANDARD.encode(body)) }
    }
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether the flow does what the journal says.
    pub matches: bool,
    /// Durable calls that were compared.
    pub calls: usize,
    /// In words: what it does, or what was recorded against what was attempted.
    pub text: String,
}

impl RunFile {
    /// The fold of its journal, which shows that it is whole.
    ///
    /// # Errors
    /// For people: what is wrong with it.
    pub fn check(&self) -> Result<View, String> {
        if self.format != FORMAT || self.version != VERSION {
            return Err(format!("it is no {FORMAT} of version {VERSION}"));
        }
        let Some(EventBody::RunCreated { bundle, .. }) = self.events.first().map(|event| &event.body) else {
            return Err("its journal does not begin with the creation of the run".to_owned());
        };
        if *bundle != self.bundle.digest() {
            return Err("the flow in it is not the one that the run was made with".to_owned());
        }
        apply::fold(&self.events).map_err(|error| format!("its journal does not hold together: {error}"))
    }

    /// The run as a store takes it in again.
    ///
    /// # Errors
    /// As [`RunFile::check`], and where it is not over or its flow is beyond the limits.
    pub fn import(self) -> Result<Import, String> {
        self.check()?;
        self.bundle.validate().map_err(|error| error.to_string())?;
        let files = serde_json::to_string(&self.bundle).map_err(|error| error.to_string())?;
        let callbacks = self.callbacks.into_iter().map(CallbackEntry::row).collect::<Result<_, _>>()?;
        Import::new(self.events, callbacks, files).map_err(|error| error.to_string())
    }

    /// What to evaluate: `run` against the whole journal, or `on_exit` where that had begun.
    ///
    /// # Errors
    /// For people.
    pub fn request(&self) -> Result<EvaluateRequest, String> {
        let Journal { input, entries, exit } = journal::assemble(self.events.iter().cloned()).ok_or("its journal has gaps")?;
        let Some(Event { at, body: EventBody::RunCreated { run, flow, release, .. }, .. }) = self.events.first() else {
            return Err("its journal does not begin with the creation of the run".to_owned());
        };
        let last = self.events.last().map_or(*at, |event| event.at);
        let facts = RunFacts { run: run.to_string(), flow: flow.clone(), release: *release, created_at: *at };
        Ok(EvaluateRequest {
            digest: self.bundle.digest(),
            bundle: Some(self.bundle.clone()),
            input,
            facts,
            journal: entries,
            at_ms: last,
            entropy_hex: "0".repeat(64),
            logged: 0,
            exit,
            reports: std::collections::BTreeMap::new(),
            reuse: Vec::new(),
        })
    }

    /// How the body ended, as the journal says; `None` while it is open, or where it was ended from outside.
    fn ended(&self) -> Option<(RunOutcome, &Option<serde_json::Value>)> {
        let after_reset = self.events.iter().rposition(|event| matches!(event.body, EventBody::RunReset { .. })).unwrap_or(0);
        self.events[after_reset..].iter().find_map(|event| match &event.body {
            EventBody::RunEnding { outcome, value, .. } => Some((*outcome, value)),
            _ => None,
        })
    }

    /// Compare what the flow does with what the journal says.
    #[must_use]
    pub fn judge(&self, evaluation: &Evaluation, calls: usize, exit: bool) -> Verdict {
        let verdict = |matches, text: String| Verdict { matches, calls, text };
        if let End::Failed { failure, .. } = &evaluation.end
            && failure.kind == FailureKind::Nondeterminism
        {
            return verdict(false, failure.message.clone());
        }
        if exit {
            return verdict(true, "on_exit makes the calls that the journal has".to_owned());
        }
        match (self.ended(), &evaluation.end) {
            (Some((RunOutcome::Succeeded, recorded)), End::Returned { value })
                if recorded.as_ref().unwrap_or(&serde_json::Value::Null) == value =>
            {
                verdict(true, "it returns what it returned".to_owned())
            }
            (Some((RunOutcome::Succeeded, recorded)), end) => {
                let recorded = recorded.as_ref().map(ToString::to_string).unwrap_or_default();
                verdict(false, format!("recorded: it returned {recorded}; now: {}", brief(end)))
            }
            (Some((RunOutcome::Failed | RunOutcome::Dead, _)), End::Failed { .. }) => verdict(true, "it fails as it failed".to_owned()),
            (Some((RunOutcome::Failed | RunOutcome::Dead, _)), end) => verdict(false, format!("recorded: it failed; now: {}", brief(end))),
            (_, _) if !evaluation.commands.is_empty() && self.ended().is_none() => {
                verdict(true, format!("it matches, and would make {} more calls", evaluation.commands.len()))
            }
            (_, end) => verdict(true, format!("it matches as far as it went; {}", brief(end))),
        }
    }
}

fn brief(end: &End) -> String {
    match end {
        End::Suspended { waiting_on } => {
            let calls: Vec<String> = waiting_on.iter().map(u32::to_string).collect();
            format!("it waits for call {}", calls.join(", "))
        }
        End::Returned { value } => format!("it returns {}", value.to_string().chars().take(200).collect::<String>()),
        End::Failed { failure, .. } => format!("it fails: {}: {}", failure.kind, failure.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sortie_core::failure::Failure;
    use sortie_core::ids::{Entropy, RunId};

    fn file(bodies: Vec<serde_json::Value>) -> RunFile {
        let bundle = Bundle::new([(sortie_flow::limits::ENTRY, "flow(name = \"f\")\ndef run(ctx, input):\n    return 7\n")]);
        let run = RunId::new(1, &Entropy([1; 32]), 0);
        let created = json!({ "run_created": { "run": run, "flow": "f", "release": 1, "bundle": bundle.digest(), "engine": 1, "input": {}, "deadline_at": 5, "actor": "a" } });
        let events = std::iter::once(created).chain(bodies).zip(1..).map(|(body, seq)| Event {
            seq,
            at: 1,
            body: serde_json::from_value(body).unwrap(),
        });
        RunFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            installation: "i".to_owned(),
            exported_at: 1,
            bundle,
            events: events.collect(),
            callbacks: vec![
                CallbackRow {
                    subject: "s".into(),
                    id: "i".into(),
                    digest: "d".into(),
                    outcome: "late".into(),
                    at: 1,
                    body: Some(vec![0, 255]),
                }
                .into(),
            ],
        }
    }

    fn returned(value: serde_json::Value) -> Evaluation {
        Evaluation { commands: Vec::new(), end: End::Returned { value } }
    }

    fn succeeded() -> RunFile {
        file(vec![json!({ "run_started": {} }), json!({ "run_ending": { "outcome": "succeeded", "value": 7, "failure": null } })])
    }

    #[test]
    fn a_file_reads_back_and_a_changed_one_is_found() {
        let good = succeeded();
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<RunFile>(&text).unwrap(), good);
        assert!(good.check().is_ok());
        let mut gap = good.clone();
        gap.events.remove(1);
        assert!(gap.check().unwrap_err().contains("does not hold together"));
        let mut other = good.clone();
        other.bundle = Bundle::new([(sortie_flow::limits::ENTRY, "flow(name = \"g\")")]);
        assert!(other.check().unwrap_err().contains("not the one"));
        assert!(RunFile { version: 2, ..good }.check().is_err());
    }

    #[test]
    fn a_replay_is_judged_by_what_was_recorded() {
        let good = succeeded();
        assert!(good.judge(&returned(json!(7)), 0, false).matches);
        let other = good.judge(&returned(json!(8)), 0, false);
        assert!(!other.matches && other.text.contains("recorded: it returned 7; now: it returns 8"), "{}", other.text);
        let failure = Failure::new(FailureKind::Nondeterminism, "call 1: recorded a, attempted b");
        let end = End::Failed { failure, gave_up: false };
        let verdict = good.judge(&Evaluation { commands: Vec::new(), end }, 1, false);
        assert_eq!((verdict.matches, verdict.text.as_str()), (false, "call 1: recorded a, attempted b"));
        let open = file(vec![json!({ "run_started": {} })]);
        let waits = Evaluation { commands: Vec::new(), end: End::Suspended { waiting_on: vec![1] } };
        assert!(open.judge(&waits, 1, false).matches);
        assert!(!good.judge(&waits, 1, false).matches);
    }
}
