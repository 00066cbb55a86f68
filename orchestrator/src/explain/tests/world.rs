//! A run to be explained, changed by each test.

use crate::explain::{Explanation, Facts, HostFacts, Scheduled, explain};
use serde_json::{Value, json};
use sortie_core::call::{CallSpec, RetryPolicy};
use sortie_core::effect::{Timer, Work};
use sortie_core::failure::{Failure, FailureKind};
use sortie_core::ids::{AttemptId, Entropy, Ms, RunId, WaitId};
use sortie_core::plan::RunPlan;
use sortie_core::state::{AttemptState, RunState};
use sortie_core::view::{Attempt, Handed, JobLimits, JobStep, RunHead, Step, StepKind};
use sortie_store::model::{Beat, CallbackRow, Claim, HeldPlace, QueuePlace};
use std::collections::BTreeMap;

/// Now, in every test.
pub(super) const NOW: Ms = 1_800_000_000_000;
/// A minute.
pub(super) const MIN: Ms = 60_000;

pub(super) struct World {
    pub(super) head: RunHead,
    pub(super) steps: Vec<Step>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) due: Vec<Claim>,
    pub(super) beats: BTreeMap<AttemptId, Beat>,
    pub(super) progress: BTreeMap<AttemptId, Value>,
    pub(super) callbacks: Vec<CallbackRow>,
    pub(super) specs: BTreeMap<u32, Scheduled>,
    pub(super) hosts: BTreeMap<String, HostFacts>,
    pub(super) place: Option<QueuePlace>,
    pub(super) slots: BTreeMap<AttemptId, HeldPlace>,
    pub(super) held: Option<String>,
}

pub(super) fn entropy(n: u8) -> Entropy {
    Entropy([n; 32])
}

pub(super) fn wait_id() -> WaitId {
    WaitId::new(NOW, &entropy(2), 0)
}

impl World {
    /// A run with nothing in it but its deadline.
    pub(super) fn new(state: RunState) -> Self {
        let id = RunId::new(NOW, &entropy(1), 0);
        let head = RunHead {
            id: id.clone(),
            flow: "fix".to_owned(),
            release: 3,
            bundle: "0".repeat(64),
            state,
            seq: 9,
            wake_seq: 5,
            engine: 1,
            plan: RunPlan::default(),
            calls: 1,
            open_steps: 0,
            asks: 0,
            fence: 1,
            ending: None,
            ending_seq: None,
            exit_from: None,
            exit_over: false,
            held: None,
            logged: 0,
            deadline_at: NOW + 60 * MIN,
            created_at: NOW - 30 * MIN,
            updated_at: NOW - 10 * MIN,
            failure: None,
            advance_fence: 1,
            evaluated_seq: 5,
            crashes: 0,
        };
        let mut world = Self {
            head,
            steps: Vec::new(),
            attempts: Vec::new(),
            due: Vec::new(),
            beats: BTreeMap::new(),
            progress: BTreeMap::new(),
            callbacks: Vec::new(),
            specs: BTreeMap::new(),
            hosts: BTreeMap::new(),
            place: None,
            slots: BTreeMap::new(),
            held: None,
        };
        if !state.is_over() {
            world.put(Work::Timer(Timer::RunDeadline), NOW + 60 * MIN);
        }
        world
    }

    pub(super) fn put(&mut self, work: Work, due_at: Ms) {
        self.due.push(Claim { run: self.head.id.clone(), work, due_at, fence: 0 });
    }

    pub(super) fn fail(&mut self, kind: FailureKind, message: &str) {
        self.head.failure = Some(Failure::new(kind, message));
    }

    /// An open step with its deadline in half an hour, asked for 5 minutes ago.
    pub(super) fn step(&mut self, name: &str, kind: StepKind, spec: Value) -> u32 {
        let call = u32::try_from(self.steps.len()).unwrap() + 1;
        let spec: CallSpec = serde_json::from_value(spec).unwrap();
        self.steps.push(Step {
            call,
            name: name.to_owned(),
            kind,
            spec_seq: 2,
            completed_seq: None,
            deadline_at: NOW + 30 * MIN,
            timeout_ms: 0,
            answer_digest: None,
            kept: 0,
            forgotten: false,
        });
        self.specs.insert(call, Scheduled { at: NOW - 5 * MIN, spec });
        self.put(Work::Timer(Timer::Step(call)), NOW + 30 * MIN);
        self.head.open_steps += 1;
        call
    }

    /// A job step whose newest attempt is in this state, on the host `vm` unless it is scheduled.
    pub(super) fn job(&mut self, state: AttemptState) -> AttemptId {
        let id = AttemptId::new(NOW, &entropy(3), 0);
        let job = JobStep {
            attempt: Some(id.clone()),
            number: 1,
            used: 1,
            retry: RetryPolicy { attempts: 3, ..RetryPolicy::default() },
            retry_at: None,
            since: NOW - 5 * MIN,
            base_fence: 0,
            behind: Vec::new(),
            alive_since: None,
            asking: Vec::new(),
            asking_since: None,
            asked: 0,
            parked: false,
            answers: Vec::new(),
            spent: sortie_core::view::Spent::default(),
            unsettled: std::collections::BTreeMap::new(),
            cloned: false,
            budget: None,
            limits: JobLimits { heartbeat_ms: 30_000, started_ms: 120_000, launch_ms: 120_000, silence_ms: None },
        };
        let call = self.step("build", StepKind::Job(job), json!({ "job": { "on": { "name": "vm" }, "command": ["make", "all"] } }));
        let handed = (state != AttemptState::Scheduled).then(handed);
        self.attempts.push(Attempt {
            id: id.clone(),
            call,
            number: 1,
            fence: 1,
            state,
            stopping: None,
            debt: false,
            handed,
            scheduled_at: NOW - 5 * MIN,
            deadline_at: NOW + 30 * MIN,
            result_digest: None,
        });
        self.hosts.insert("vm".to_owned(), HostFacts::default());
        id
    }

    pub(super) fn beat(&mut self, attempt: &AttemptId, ago: Ms, data: Value) {
        let beat =
            Beat { attempt: attempt.clone(), seq: 4, at: NOW - ago, skew_ms: 0, data, kind: sortie_store::model::BeatKind::Progress };
        self.beats.insert(attempt.clone(), beat);
    }

    pub(super) fn callback(&mut self, subject: &str, outcome: &str) {
        self.callbacks.push(CallbackRow {
            subject: subject.to_owned(),
            id: format!("{subject}.result.{}", self.callbacks.len()),
            digest: "0".repeat(64),
            outcome: outcome.to_owned(),
            at: NOW - MIN,
            body: Some(b"{}".to_vec()),
        });
    }

    pub(super) fn explained(&self) -> Explanation {
        explain(&Facts {
            head: &self.head,
            steps: &self.steps,
            attempts: &self.attempts,
            due: &self.due,
            beats: &self.beats,
            progress: &self.progress,
            callbacks: &self.callbacks,
            specs: &self.specs,
            hosts: &self.hosts,
            place: self.place.as_ref(),
            slots: &self.slots,
            held: self.held.clone(),
            now: NOW,
        })
    }
}

pub(super) fn handed() -> Handed {
    Handed {
        host: "vm".to_owned(),
        spec_digest: "0".repeat(64),
        kid: "key_1".to_owned(),
        root: 1,
        audience: "https://sortie.example".to_owned(),
        issued_s: NOW / 1_000,
        expires_s: NOW / 1_000 + 3_600,
        launching_at: NOW - 4 * MIN,
        own_user: false,
        disk_floor_bytes: 0,
    }
}

/// Whether one of the commands is this one.
pub(super) fn says(explained: &Explanation, command: &str) -> bool {
    explained.next.iter().any(|next| next.command.starts_with(&format!("sortie {command}")))
}
