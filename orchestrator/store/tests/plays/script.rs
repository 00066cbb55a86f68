//! What a run of the model does: stages of calls. A stage is asked for at once and waited for as a whole.

use crate::rng::Rng;
use sortie_core::call::{ApprovalSpec, CallSpec, HostSelector, HttpSpec, JobSpec, RetryPolicy, WaitAuth, WaitSpec};
use sortie_core::evaluation::{Command, End, Evaluation, JournalEntry};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::limits;
use std::collections::BTreeMap;

/// An hour, in milliseconds: the limit of every step but a sleep.
pub const HOUR_MS: u64 = 3_600_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With so many attempts.
    Job(u32),
    /// With so many tries.
    Http(u32),
    Wait,
    Sleep,
    /// Of so many people.
    Approval(u32),
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub calls: Vec<Kind>,
    /// Whether a call that was not answered well fails the run.
    pub checked: bool,
}

#[derive(Clone, Debug)]
pub struct Script {
    pub body: Vec<Stage>,
    /// The one call of its `on_exit`, where it has one.
    pub on_exit: Option<Kind>,
}

impl Script {
    pub fn random(rng: &mut Rng) -> Self {
        let kind = |rng: &mut Rng| match rng.below(10) {
            0..4 => Kind::Job(1 + u32::try_from(rng.below(3)).unwrap()),
            4..6 => Kind::Http(1 + u32::try_from(rng.below(3)).unwrap()),
            6 => Kind::Sleep,
            7 => Kind::Approval(1 + u32::try_from(rng.below(2)).unwrap()),
            _ => Kind::Wait,
        };
        let stage = |rng: &mut Rng| Stage { calls: (0..=rng.below(3)).map(|_| kind(rng)).collect(), checked: rng.percent(60) };
        let body = (0..=rng.below(3)).map(|_| stage(rng)).collect();
        Self { body, on_exit: rng.percent(30).then(|| kind(rng)) }
    }

    /// The flow, evaluated: a function of the journal alone.
    pub fn evaluate(&self, journal: &[JournalEntry], exit_from: Option<u32>) -> Evaluation {
        let exit = Stage { calls: self.on_exit.into_iter().collect(), checked: false };
        let (stages, first) = match exit_from {
            None => (self.body.as_slice(), 0),
            Some(from) => (std::slice::from_ref(&exit), from as usize),
        };
        let mut next = first;
        for stage in stages {
            let calls: Vec<u32> = (next..next + stage.calls.len()).map(|call| u32::try_from(call).unwrap() + 1).collect();
            next += stage.calls.len();
            let recorded: Vec<&JournalEntry> = calls.iter().filter_map(|call| journal.get(*call as usize - 1)).collect();
            if recorded.len() < calls.len() {
                // A reset may have forgotten the rest of a stage.
                let ask = |(call, kind): (&u32, &Kind)| Command::Schedule { call: *call, step: format!("s{call}"), spec: kind.spec() };
                return suspended(calls.iter().zip(&stage.calls).skip(recorded.len()).map(ask).collect(), calls.clone());
            }
            let open: Vec<u32> = recorded.iter().filter(|entry| entry.value.is_none()).map(|entry| entry.call).collect();
            if !open.is_empty() {
                return suspended(Vec::new(), open);
            }
            if let Some(failed) = recorded.iter().find(|entry| stage.checked && !is_good(entry)) {
                let mut failure = Failure::new(FailureKind::Check, "a checked step failed");
                failure.call = Some(failed.call);
                return Evaluation { commands: Vec::new(), end: End::Failed { failure, gave_up: false } };
            }
        }
        Evaluation { commands: Vec::new(), end: End::Returned { value: serde_json::json!(next) } }
    }
}

fn suspended(commands: Vec<Command>, waiting_on: Vec<u32>) -> Evaluation {
    Evaluation { commands, end: End::Suspended { waiting_on } }
}

/// Whether a call was answered as one would like.
pub fn is_good(entry: &JournalEntry) -> bool {
    let value = entry.value.as_ref().unwrap();
    match entry.spec {
        CallSpec::Sleep { .. } => value.is_null(),
        CallSpec::Approval(_) => value["approved"] == true,
        _ => value["ok"] == true,
    }
}

impl Kind {
    fn spec(self) -> CallSpec {
        let retry = |attempts| RetryPolicy {
            attempts,
            backoff_ms: 0,
            max_backoff_ms: 0,
            total_ms: None,
            on: vec![FailureKind::Exit, FailureKind::Lost, FailureKind::Interrupted, FailureKind::Spawn, FailureKind::Http],
        };
        match self {
            Self::Job(attempts) => CallSpec::Job(JobSpec {
                timeout_ms: HOUR_MS,
                launch_ms: limits::LONGEST_MS,
                retry: retry(attempts),
                ..JobSpec::new(HostSelector::Name("vm".to_owned()), vec!["true".to_owned()])
            }),
            Self::Http(tries) => CallSpec::Http(HttpSpec {
                method: "GET".to_owned(),
                url: "https://service.example/".to_owned(),
                connection: None,
                headers: BTreeMap::new(),
                body: None,
                expect: Vec::new(),
                response_bytes: limits::RESPONSE_BYTES,
                try_ms: limits::HTTP_TRY_MS,
                timeout_ms: HOUR_MS,
                retry: retry(tries),
            }),
            Self::Wait => {
                CallSpec::Wait(WaitSpec { timeout_ms: HOUR_MS, schema: None, auth: WaitAuth::Token, roles: Vec::new(), on_timeout: None })
            }
            Self::Sleep => CallSpec::Sleep { duration_ms: 10 * 60_000 },
            Self::Approval(quorum) => CallSpec::Approval(ApprovalSpec {
                title: "Go on?".to_owned(),
                text: String::new(),
                show: Vec::new(),
                approvers: vec!["people".to_owned()],
                quorum,
                comment_required: false,
                remind_ms: None,
                escalate: None,
                notify: None,
                timeout_ms: HOUR_MS,
            }),
        }
    }
}
